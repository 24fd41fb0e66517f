// Package verify judges finished certificates: whether a chain holds, whether
// names and usages fit, and which clients will reject it, by which of their
// rules and with which words.
//
// Go's verifier accepts nearly everything, so a program that only asks Go
// cannot notice what breaks for Python, Java or curl users. The rules here are
// those of the clients' sources; test/e2e/certgen-live asks the real clients
// about the same certificates and fails where a prediction is wrong.
package verify

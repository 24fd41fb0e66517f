// Package cfssl pins the cfssl that the end-to-end tests of certgen build and
// run as a peer (the tool lines of go.mod).
package cfssl

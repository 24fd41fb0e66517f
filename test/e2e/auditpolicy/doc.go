// Package auditpolicy holds the end-to-end tests of kubectl auditpolicy: what
// it says of a policy is compared with what a real kube-apiserver does, and
// what it writes boots one.
package auditpolicy

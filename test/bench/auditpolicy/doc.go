// Package auditpolicy measures the speed and memory claims of kubectl
// auditpolicy, each as a ratio to a peer or to a limit, in one run.
package auditpolicy

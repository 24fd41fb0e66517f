// Package crictl pins the crictl that the end-to-end tests of nodehealth put on
// a node (the tool line of go.mod).
package crictl

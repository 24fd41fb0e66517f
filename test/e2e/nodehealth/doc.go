// Package nodehealth holds the end-to-end tests of kubectl nodehealth: the
// built binary, against a real cluster whose nodes are broken one way after
// another.
package nodehealth

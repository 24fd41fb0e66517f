// Package certlint judges what people feed to cfssl, openssl and easyrsa
// (package input), and certificates: every trap has an id, CG###, a place, a
// remedy and, where it cannot do harm, a fix.
//
// It looks at a set of files together: a profile is missing, a leaf outlives
// its CA or bears its name only in view of another file.
package certlint

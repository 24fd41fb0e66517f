// Package input reads what people feed to cfssl, openssl and easyrsa: CSR and
// config JSON, csr.conf, vars, x509-types, and the scripts, Makefiles and pages
// that hold such commands and documents. It keeps the place of every value, so
// that a linter can point at it and mend it.
//
// Reading never judges: what the tool would refuse is recorded as a Problem,
// what it would silently ignore is recorded as unknown, and package certlint
// decides what to say. Only a text that is none of these formats is an error.
package input

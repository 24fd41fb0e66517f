// Package pki makes keys, certificates and requests, and nothing else: it is
// given the clock and the names, and hands back bytes. It never reads or
// writes a file.
//
// A certificate is described by a Template: raw subject, serial, dates, and
// the extensions one by one in the order in which they will stand. What every
// extension is, is decided elsewhere (package profile), or taken over from the
// certificate that is being renewed (Renewal). This is lower than
// x509.Certificate on purpose: Go's own template fixes the order, the
// criticality and the string types, drops the authority key identifier when
// issuer and subject have the same name or the parent was not parsed, and adds
// no subject key identifier to a leaf.
//
// What Go's x509 would sign without a word, Sign refuses: an issuer that is
// not a CA or may not sign certificates, a key that is not the issuer's, dates
// in the wrong order, a leaf that outlives its issuer, a common name of more
// than 64 characters, a serial number that is not positive or longer than 20
// bytes.
package pki

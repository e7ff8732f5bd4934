// Package ca issues, records, verifies and revokes certificates.
//
// Issue is the only way to a signature on an end-entity certificate: an order
// is checked, linted and recorded before it is signed, and what is signed is
// recorded before it is handed out. Names come from evidence, extensions from
// the profile; a certification request gives its public key and the proof of
// its possession, nothing else.
package ca

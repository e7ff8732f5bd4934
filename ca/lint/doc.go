// Package lint says what is wrong with certificates, CRLs and OCSP responses.
//
// It runs zlint's rules and, for what those miss, rules of its own: each is a
// small function with a citation, tried on a good and a bad file of testdata.
// It looks at bytes alone: no clock, no store, and no signature is verified.
package lint

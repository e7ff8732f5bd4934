// Package signature turns bytes signed by a holder into statements one may act on.
//
// A Verifier takes a JWS (RFC 7515, JAdES B-B) or a CMS SignedData (RFC 5652,
// CAdES-B) and returns what was signed together with the standing of who
// signed it; whether that standing is good is for the caller to ask. A Signer
// makes both, with a key in a file, a token or an HSM. VerifyJWS and VerifyCMS
// check objects of the service itself offline, against its root alone.
//
// The parsers are stricter than the standards where a statement gains nothing
// from the freedom: DER instead of BER, one signer, signed attributes always,
// no unprotected header, no duplicate key in any JSON.
package signature

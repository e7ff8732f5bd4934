// Package bundle makes and checks evidence bundles: why a certificate was issued.
//
// A bundle holds a manifest in canonical JSON (RFC 8785), a detached CMS
// signature over it by the audit key, an RFC 3161 time stamp over that
// signature, and the proof that all three are in the public log. Verify needs
// no service, only the root certificate and the log's verifier key; anyone
// can make the same check with openssl and jq (docs/verify-bundle.md).
//
// A bundle holds no personal data: evidence is in it as hashes.
package bundle

// Package hsm holds the service's own private keys; callers get a crypto.Signer.
//
// A key is named by a URI: file: for PEM files; pkcs11: (RFC 7512) for keys in
// a token and tpmkms: for keys that only one TPM can use, neither of which
// ever leaves its home. Every key is tried, by a signature that is verified,
// before it is handed out. An operation on a token or TPM ends within a
// deadline. When it was lost, it is opened again in the background with
// growing pauses; until then operations fail at once with Unavailable. A key
// that is gone, or that another key took the place of, is refused and never
// made anew.
package hsm

// Package hsm holds the service's own private keys; callers get a crypto.Signer.
//
// A key is named by a URI: file: for PEM files, pkcs11: (RFC 7512) for keys in
// a token, which never leave it. Every key is tried, by a signature that is
// verified, before it is handed out. An operation on a token ends within a
// deadline; when the token's sessions are lost, all contexts of its module are
// drained, closed and opened again, once, before the caller hears of it.
package hsm

// Package p11 makes keys in a PKCS#11 token that are kept outside of it, wrapped.
//
// A token has room for some thousand objects, and holders are more than that.
// A holder's key is made as an object of a session, given out encrypted by a
// wrapping key that never leaves the token, and taken in again for one
// signature. Its private half is in nobody's memory but the token's. Each
// operation has a session of its own: what it took in goes with it.
package p11

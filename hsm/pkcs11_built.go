//go:build cgo && !nopkcs11

package hsm

// pkcs11Built says whether this program can load PKCS#11 modules.
const pkcs11Built = true

// Package attest checks what devices say of the keys that live in them.
//
// A Key is made only by Verify: a device of a maker that is trusted vouches,
// over a challenge of ours, that it made the key and never gives it away. The
// files follow the checks: roots.go says whose devices are believed, ek.go and
// activate.go that an attestation key lives in one of them, tpm.go what it
// says of the holder's key, piv.go the same of PIV devices, whose
// certificates are read in yubico.go. Foreign bytes are read in parse.go.
package attest

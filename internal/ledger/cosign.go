package ledger

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// ed25519Signer signs notes of C2SP signed-note type 0x01. It is a
// note.Signer. Its key is in memory, as PKCS#11 tokens and TPMs in use hold
// none of this kind; verifiers of ours rely on the other signature.
type ed25519Signer struct {
	note.Verifier
	vkey   string
	signer crypto.Signer
}

func newEd25519Signer(name string, s crypto.Signer) (*ed25519Signer, error) {
	key, ok := s.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("second checkpoint key: a %T", s.Public())
	}
	vkey, err := note.NewEd25519VerifierKey(name, key)
	if err != nil {
		return nil, fmt.Errorf("second checkpoint key: %w", err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("second checkpoint key: %w", err)
	}
	return &ed25519Signer{Verifier: v, vkey: vkey, signer: s}, nil
}

// Sign returns the signature over msg itself (RFC 8032, no prehash).
func (s *ed25519Signer) Sign(msg []byte) ([]byte, error) {
	return s.signer.Sign(rand.Reader, msg, crypto.Hash(0))
}

package ca

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"

	"mohr/internal/fault"
)

// sign signs exactly the linted bytes with the issuer's key, once, and checks
// the result. A key that cannot be reached is Unavailable.
func (i *issuer) sign(l linted) ([]byte, error) {
	if err := l.spend(i.ID); err != nil {
		return nil, err
	}
	hash := crypto.SHA256
	if i.algorithm() == x509.ECDSAWithSHA384 {
		hash = crypto.SHA384
	}
	h := hash.New()
	h.Write(l.tbs)
	signature, err := i.Signer.Sign(rand.Reader, h.Sum(nil), hash)
	if _, over := i.Signer.(ended); over {
		return nil, fmt.Errorf("sign with %s: %w", i.ID, err)
	}
	if err != nil {
		// Whatever the key's home says, for who asks it is the same: wait.
		return nil, fmt.Errorf("sign with %s: %w: %w", i.ID,
			fault.New(fault.Unavailable, "issuer_unavailable", "the issuing key cannot be reached at the moment; your request is kept, send it again in a minute"), err)
	}
	der, err := assemble(l.tbs, l.algorithm, signature)
	if err != nil {
		return nil, fmt.Errorf("assemble certificate: %w", err)
	}
	if err := i.Certificate.CheckSignature(i.algorithm(), l.tbs, signature); err != nil {
		return nil, fmt.Errorf("check signature of %s: %w", i.ID, err)
	}
	return der, nil
}

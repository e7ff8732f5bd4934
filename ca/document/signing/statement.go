package signing

import (
	"context"
	"time"

	"mohr/ca"
	"mohr/ca/document/pades"
	"mohr/ca/signin"
)

// Statement is a PDF that carries a statement of a holder's, without the value
// of its signature. It is no document, and says so in what is signed
// (docs/decisions/0122).
type Statement struct{ draft draft }

// PrepareStatement prepares the signature of a PDF that a room made around a
// statement: never of a file that somebody sent. The certificate has to be
// who's, whomever they act for with it: that, and the statement with its nonce,
// the room judges that takes it. The same arguments make the same. Refusals are
// sign_certificate_unknown, _ended, _time and sign_key.
func (d *Desk) PrepareStatement(ctx context.Context, who signin.Who, serial string, file []byte, at time.Time) (s Statement, err error) {
	now := d.now()
	s.draft.signer, err = d.signer(ctx, serial, func(c ca.Certificate) error {
		who.Business = c.Business
		return refused(c, who, now)
	})
	if err != nil {
		return s, err
	}
	leaf := s.draft.leaf
	p, err := pades.Prepare(leaf, s.draft.chain, file, pades.Options{Time: at, Name: leaf.Subject.CommonName, States: true})
	if err != nil {
		return s, err
	}
	s.draft.input, s.draft.finish = p.Input(), p.Finish
	return s, nil
}

// Input is what the key has to sign, by SHA-256.
func (s Statement) Input() []byte { return s.draft.input }

// Finish returns the PDF with the value (Ecdsa-Sig-Value); Denied (sign_value)
// if the key did not make it.
func (s Statement) Finish(ctx context.Context, value []byte) ([]byte, error) {
	if err := s.draft.holds(value); err != nil {
		return nil, err
	}
	return s.draft.finish(ctx, value)
}

package renew

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Shown is a renewal asked for by a protocol that has shown that whoever asks
// has the key of the old certificate.
type Shown struct {
	Protocol string            // "est", "portal": in a TLS handshake; "cmp", "scep": by a signed message
	Old      *x509.Certificate // whose key was shown
	Message  []byte            // what the old key signed; nil where nothing of it is left
	Form     ca.RequestFormat  // of CSR
	CSR      []byte            // of the new key, DER
	Locale   string            // language of the message to the holder
	// Overlap is how long the old certificate counts on at least; the policy
	// may say longer. Until then the new one can be taken back (ca.TakeBackIn).
	Overlap time.Duration
	// Use takes part in the transaction that records the intent, with the
	// name of the renewal; nil: nothing to do.
	Use func(tx store.Tx, request string) error
}

// RenewShown grants what Renew would grant for a signed statement: window,
// registers and policy are the same, and a certificate that may only commit
// to content is refused, whatever the protocol let pass. So is a key that is
// held here: what other software had it sign, unseen, is no wish to renew. The
// same new key for the same old certificate always gives the same certificate.
// Sending the request is the agreement to the terms in force, as it is when an
// approved application's key is handed in.
func (d *Desk) RenewShown(ctx context.Context, s Shown) (Renewal, error) {
	standing, err := d.CA.Standing(ctx, s.Old)
	if err != nil {
		return Renewal{}, err
	}
	if err := mayShow(standing); err != nil {
		return Renewal{}, err
	}
	if err := d.Verifier.CheckStatement(ctx, standing, s.Message); err != nil {
		return Renewal{}, err
	}
	csr, err := s.Form.Parse(s.CSR)
	if err != nil {
		return Renewal{}, err
	}
	w := Wish{Statement: s.Message, CSR: s.CSR, Locale: s.Locale, protocol: s.Protocol, form: s.Form, overlap: s.Overlap}
	return d.once(ctx, w, requestShown(s, standing, csr), func(ctx context.Context, w Wish, request string) (ca.Certificate, error) {
		if err := d.mayAsk(standing); err != nil {
			return ca.Certificate{}, err
		}
		if err := checkKey(standing.Record(), csr); err != nil {
			return ca.Certificate{}, err
		}
		proof := sha256.Sum256(s.CSR)
		if s.Message != nil {
			proof = sha256.Sum256(s.Message)
		}
		a := authenticated{
			request: request, standing: standing, proof: hex.EncodeToString(proof[:]), old: standing.Record(), csr: csr,
			use: func(tx store.Tx) error { return s.use(tx, request) }, at: d.now(),
		}
		if err := a.attest(d, nil, Statement{}); err != nil {
			return ca.Certificate{}, err // these protocols bring no attestation
		}
		return d.grant(ctx, w, a)
	})
}

func (s Shown) use(tx store.Tx, request string) error {
	if s.Use == nil {
		return nil
	}
	return s.Use(tx, request)
}

// requestShown names the renewal by its protocol and both keys.
func requestShown(s Shown, old ca.Standing, csr ca.CSR) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "mohr renewal by %s\x00%s\x00%s", s.Protocol, old.Record().Serial, csr.SPKISHA256()))
	return requestPrefix + hex.EncodeToString(sum[:])
}

// mayShow refuses certificates whose key must not sign what a protocol wants
// signed: messages and handshakes are no content to commit to (EN 319 412-2
// section 4.3.2, type A). Renewal by statement takes them.
func mayShow(s ca.Standing) error {
	leaf := s.Leaf()
	if leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return fault.New(fault.Denied, "renewal_by_statement", "this certificate is for signing content only, so its key shows nothing in this protocol; renew it by a signed statement: mohr renew, the page /renew or POST /api/v1/renewals")
	}
	return nil
}

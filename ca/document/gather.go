package document

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"mohr/ca/document/suite"
	"mohr/ca/timestamp"
)

// Stamp returns a TimeStampToken over the SHA-256 of data. It must hold:
// whoever stamps may be another's service.
func Stamp(ctx context.Context, stamper Stamper, data []byte) ([]byte, error) {
	tsr, err := stamper.Stamp(ctx, suite.Digest(crypto.SHA256, data))
	if err != nil {
		return nil, fmt.Errorf("time stamp: %w", err)
	}
	token, err := timestamp.Token(tsr)
	if err != nil {
		return nil, fmt.Errorf("time stamp: %w", err)
	}
	if _, err := timestamp.Open(token, func(h crypto.Hash) []byte { return suite.Digest(h, data) }); err != nil {
		return nil, fmt.Errorf("time stamp: %w", err)
	}
	return token, nil
}

// Gather returns what the source says of the chains of a signature, its
// signer's and those of the units that stamped it, with their certificates. It
// asks for all of them; the error says what it did not get. A stamp that does
// not hold is passed over: the judge says so.
func Gather(ctx context.Context, source Source, s Signature) (all Values, err error) {
	if s.Signer == nil {
		return all, errors.New("gather values: the signer's certificate is not in the signature")
	}
	chains := [][]*x509.Certificate{chainOf(s.Signer, s.Carried.Certificates)}
	stamps := slices.Clone(s.Archives[max(0, len(s.Archives)-maxStamps):])
	for _, raw := range s.Stamps[:min(len(s.Stamps), maxStamps)] {
		stamps = append(stamps, Archive{Token: raw, Imprint: func(h crypto.Hash) []byte { return suite.Digest(h, s.Stamped) }})
	}
	for _, one := range stamps {
		if t, err := timestamp.Open(one.Token, one.Imprint); err == nil {
			chains = append(chains, chainOf(t.Unit, t.Certificates))
		}
	}
	var missing []error
	for _, chain := range chains {
		v, err := source.Values(ctx, chain)
		if err != nil {
			missing = append(missing, fmt.Errorf("gather values: %w", err))
		}
		all = all.With(Values{Certificates: chain}).With(v)
	}
	return all, errors.Join(missing...)
}

// chainOf orders those of others that lead up from leaf. Nothing is believed
// by that: it only says whose revocation to ask for.
func chainOf(leaf *x509.Certificate, others []*x509.Certificate) []*x509.Certificate {
	chain := []*x509.Certificate{leaf}
	for top := leaf; len(chain) < maxCertificates; {
		next := issuerOf(top, others)
		if next == nil || next.Equal(top) {
			break
		}
		chain, top = append(chain, next), next
	}
	return chain
}

func issuerOf(c *x509.Certificate, others []*x509.Certificate) *x509.Certificate {
	for _, o := range others {
		if c.CheckSignatureFrom(o) == nil {
			return o
		}
	}
	return nil
}

package jades

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"mohr/ca"
	"mohr/ca/document"
	"mohr/ca/document/suite"
)

// Options say how to sign.
type Options struct {
	MIME    string           // kind of the document; "": not said
	Time    time.Time        // that the signer claims; required
	Enclose bool             // the document as payload
	Name    string           // of the document, where it is not enclosed
	Stamper document.Stamper // nil: no time stamp, level B-B
	Source  document.Source  // nil: no revocation values; with Stamper, level B-LT
}

// Sign signs a document: ES256 with a P-256 key, ES384 with P-384, PS256 with
// RSA, and the chain in x5c. Only its digest need be known where it is not to
// be enclosed.
func Sign(ctx context.Context, key ca.SigningKey, c document.Content, o Options) ([]byte, error) {
	d, err := Prepare(key.Certificate, key.Chain, c, o)
	if err != nil {
		return nil, err
	}
	sig, err := d.algorithm.Sign(key.Signer, key.Certificate.PublicKey, d.Input())
	if err != nil {
		return nil, fmt.Errorf("sign JAdES: %w", err)
	}
	raw, err := d.Finish(sig)
	if err != nil {
		return nil, err
	}
	return Raise(ctx, raw, o.Stamper, o.Source)
}

// Draft is a signature without its value, for keys that sign elsewhere. The
// same arguments of Prepare make the same Draft.
type Draft struct {
	leaf      *x509.Certificate
	protected string
	payload   string
	algorithm suite.Algorithm
}

// Prepare returns the Draft of a signature by leaf's key.
func Prepare(leaf *x509.Certificate, chain []*x509.Certificate, c document.Content, o Options) (Draft, error) {
	if leaf == nil || len(chain) >= maxChain || o.Time.IsZero() {
		return Draft{}, errors.New("sign JAdES: no certificate, no time, or too long a chain")
	}
	a, err := suite.For(leaf.PublicKey, true)
	if err != nil {
		return Draft{}, fmt.Errorf("sign JAdES: %w", err)
	}
	at := o.Time.Unix()
	h := header{Alg: a.JOSE(), Typ: "JOSE+JSON", IAT: &at, X5TS256: thumbprint(leaf)}
	for _, cert := range append([]*x509.Certificate{leaf}, chain...) {
		h.X5C = append(h.X5C, base64.StdEncoding.EncodeToString(cert.Raw))
	}
	d := Draft{leaf: leaf, algorithm: a}
	switch {
	case o.Enclose && len(c.Bytes()) == 0:
		return Draft{}, errors.New("sign JAdES: the document to be enclosed is not there, or empty")
	case o.Enclose:
		h.Cty = o.MIME
		d.payload = base64.RawURLEncoding.EncodeToString(c.Bytes())
	default:
		if err := h.refer(c, o); err != nil {
			return Draft{}, err
		}
	}
	raw, err := json.Marshal(h)
	if err != nil {
		return Draft{}, fmt.Errorf("sign JAdES: %w", err)
	}
	d.protected = base64.RawURLEncoding.EncodeToString(raw)
	return d, nil
}

// refer names the document by its digest, which is that of its own octets:
// b64 is false for that.
func (h *header) refer(c document.Content, o Options) error {
	name, hash := "S256", hashes["S256"]
	digest := c.Digest(hash)
	if digest == nil {
		return errors.New("sign JAdES: the digest of the document is not known")
	}
	plain := false
	h.B64 = &plain
	h.SigD = &sigD{Mechanism: byHash, Names: []string{o.Name}, Hash: name, Digests: []string{base64.RawURLEncoding.EncodeToString(digest)}}
	if o.MIME != "" {
		h.SigD.Types = []string{o.MIME}
	}
	h.Crit = []string{"b64", "sigD"}
	return nil
}

// Input returns what the value is over.
func (d Draft) Input() []byte { return []byte(d.protected + "." + d.payload) }

// Finish returns the JWS with the value, which must hold; that of ECDSA is in DER.
func (d Draft) Finish(sig []byte) ([]byte, error) {
	if !d.algorithm.Verify(d.leaf.PublicKey, d.Input(), sig) {
		return nil, errors.New("sign JAdES: the value does not hold under the certificate's key")
	}
	raw, err := suite.ToRaw(d.leaf.PublicKey, sig)
	if err != nil {
		return nil, fmt.Errorf("sign JAdES: %w", err)
	}
	m := message{Signatures: []part{{Protected: d.protected, Signature: base64.RawURLEncoding.EncodeToString(raw)}}}
	if d.payload != "" {
		m.Payload = &d.payload
	}
	return m.encode()
}

// Raise adds a time stamp over the value of each signature that has none, and
// then what source says of the chains of signers and stamping units: B-B
// becomes B-T and B-LT. A nil argument adds nothing.
func Raise(ctx context.Context, raw []byte, stamper document.Stamper, source document.Source) ([]byte, error) {
	if stamper == nil && source == nil {
		return raw, nil
	}
	m, err := parse(raw)
	if err != nil {
		return nil, err
	}
	for n := range m.Signatures {
		p := &m.Signatures[n]
		s, err := p.described(m.Payload, document.Content{})
		if err != nil {
			return nil, err
		}
		if stamper != nil && len(s.Stamps) == 0 {
			token, err := document.Stamp(ctx, stamper, s.Stamped)
			if err != nil {
				return nil, err
			}
			s.Stamps = [][]byte{token}
			if err := p.add(unsignedParts{SigTst: &stampsPart{Tokens: []val{{token}}}}); err != nil {
				return nil, err
			}
		}
		if source != nil {
			v, err := document.Gather(ctx, source, s)
			if err != nil {
				return nil, err
			}
			if err := p.keep(v); err != nil {
				return nil, err
			}
		}
	}
	return m.encode()
}

// keep adds values as xVals and rVals.
func (p *part) keep(v document.Values) error {
	var certificates unsignedParts
	for _, c := range v.Certificates {
		certificates.XVals = append(certificates.XVals, xPart{val{c.Raw}})
	}
	r := &revocations{}
	for _, l := range v.CRLs {
		r.CRLs = append(r.CRLs, val{l})
	}
	for _, o := range v.OCSPs {
		r.OCSPs = append(r.OCSPs, val{o})
	}
	if err := p.add(certificates); err != nil {
		return err
	}
	return p.add(unsignedParts{RVals: r})
}

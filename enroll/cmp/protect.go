package cmp

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/x509"

	"mohr/ca"
	"mohr/enroll"
	"mohr/internal/fault"
)

// asker is who sent a message, and how the answer is protected: by a MAC with
// the secret, else by a signature. The zero value is nobody.
type asker struct {
	name     string // owns transactions
	bearer   enroll.Bearer
	secret   []byte
	mac      mac
	kid      []byte // senderKID of a MAC
	standing ca.Standing
	sign     bool // the answer is signed
}

// known reports whether the message is by somebody.
func (a asker) known() bool { return a.name != "" }

// authenticate checks the header and says who sent the message. Who is known
// may not yet do anything. genm alone may come from nobody.
func (d *Desk) authenticate(ctx context.Context, m message) (asker, error) {
	if err := d.checkHeader(m.header); err != nil {
		return asker{}, err
	}
	switch {
	case m.protection == nil && m.kind == genm:
		return asker{sign: true}, nil
	case m.protection == nil:
		return asker{}, fault.New(fault.Denied, "cmp_unprotected", "the message is not protected; use the application's one-time secret or a certificate")
	case m.header.algorithm.Equal(oidPBM), m.header.algorithm.Equal(oidPBMAC1):
		return d.bySecret(ctx, m)
	}
	return d.bySignature(ctx, m)
}

// checkHeader asks what every message must have (RFC 9483 section 3.5).
func (d *Desk) checkHeader(h header) error {
	switch off := d.now().Sub(h.time); {
	case h.version != 2 && h.version != 3:
		return fault.New(fault.Invalid, "cmp_version", "this service speaks CMP versions 2 and 3")
	case len(h.transactionID) < minID:
		return fault.New(fault.Invalid, "cmp_transaction", "a transactionID of at least 128 random bits is needed")
	case len(h.senderNonce) < minID:
		return fault.New(fault.Invalid, "cmp_sender_nonce", "a senderNonce of at least 128 random bits is needed")
	case !h.time.IsZero() && (off > skew || off < -skew):
		return fault.New(fault.Denied, "cmp_time", "the message's time is more than an hour from ours; set the clock")
	}
	return nil
}

// bySecret checks a MAC with the one-time secret of the application that the
// senderKID names.
func (d *Desk) bySecret(ctx context.Context, m message) (asker, error) {
	c, ok := parseMAC(m.header.algorithm, m.header.params)
	if !ok {
		return asker{}, fault.New(fault.Invalid, "cmp_algorithm", "take a password-based MAC or PBMAC1 with SHA-256, SHA-384 or SHA-512, %[1]d to %[2]d iterations and a salt of 8 to 64 octets (openssl cmp -digest sha256 -mac hmacWithSHA256)", minIterations, maxIterations)
	}
	id := string(m.header.senderKID)
	b, err := d.Applications.ByCMPSecret(ctx, id, func(secret []byte) bool {
		want, err := c.of(secret, m.protected)
		return err == nil && hmac.Equal(want, m.protection)
	})
	if err != nil {
		return asker{}, err
	}
	return asker{name: "application/" + id, bearer: b, secret: b.Secret(), mac: c, kid: m.header.senderKID}, nil
}

// bySignature checks a signature by a certificate of ours. What has become of
// the certificate is asked later: one that was superseded a moment ago still
// confirms what superseded it.
func (d *Desk) bySignature(ctx context.Context, m message) (asker, error) {
	algorithm, ok := signatureAlgorithms[m.header.algorithm.String()]
	if !ok || !plain(m.header.params) {
		return asker{}, fault.New(fault.Invalid, "cmp_signature_algorithm", "the message is protected in a way that is not taken; sign with ECDSA or RSA (PKCS #1) and SHA-256, SHA-384 or SHA-512")
	}
	s, err := d.CA.Standing(ctx, m.signer())
	if err != nil {
		return asker{}, err
	}
	if s.Leaf().KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return asker{}, fault.New(fault.Denied, "cmp_signing_only", "this certificate is for signing content only, so its key protects no CMP message; renew it by a signed statement (mohr renew, the page /renew or POST /api/v1/renewals), revoke it by mohr revoke or with the revocation code")
	}
	if s.Leaf().CheckSignature(algorithm, m.protected, m.protection) != nil {
		return asker{}, fault.New(fault.Denied, "cmp_signature_wrong", "the message's signature is not by the certificate that came with it; put that certificate first among the extraCerts")
	}
	if err := d.Verifier.CheckStatement(ctx, s, m.protected); err != nil {
		return asker{}, err
	}
	return asker{name: "certificate/" + s.Record().Serial, standing: s, sign: true}, nil
}

// signer returns the certificate of who signed: the one that senderKID names,
// else the first (RFC 9483 section 3.3). nil if there is none.
func (m message) signer() *x509.Certificate {
	for _, c := range m.certs {
		if len(c.SubjectKeyId) > 0 && bytes.Equal(c.SubjectKeyId, m.header.senderKID) {
			return c
		}
	}
	if len(m.certs) > 0 {
		return m.certs[0]
	}
	return nil
}

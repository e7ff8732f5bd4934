package signature

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
)

// Signed is a payload with the standing of who signed it. Only a Verifier
// makes one: the signature, the chain and the ledger were looked at.
type Signed struct {
	payload  []byte
	raw      []byte
	standing ca.Standing
	at       time.Time
}

// Payload returns the signed bytes as received. It is the caller's to keep.
func (s Signed) Payload() []byte { return bytes.Clone(s.payload) }

// Raw returns the whole JWS or CMS as received. It is the caller's to keep.
func (s Signed) Raw() []byte { return bytes.Clone(s.raw) }

// Standing returns the signer's standing at receipt. It may be that of a
// revoked or expired certificate: ask its Fault.
func (s Signed) Standing() ca.Standing { return s.standing }

// SigningTime returns the time the signer claims; zero if none.
func (s Signed) SigningTime() time.Time { return s.at }

// SHA256 returns the hex SHA-256 of Raw.
func (s Signed) SHA256() string { return hexSHA256(s.raw) }

// CertificateSHA256 returns the hex SHA-256 of the signer's certificate.
func (s Signed) CertificateSHA256() string {
	if s.standing.Leaf() == nil {
		return ""
	}
	return hexSHA256(s.standing.Leaf().Raw)
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Verifier checks signatures by our certificates. It is safe for concurrent use.
type Verifier struct {
	Authority *ca.Authority
	// Stated refuses a hash (hex SHA-256) that a key (hex SHA-256 of its
	// SubjectPublicKeyInfo) signed for something else than a statement, as far as
	// the service knows: of the keys that it holds. nil: it holds none.
	Stated func(ctx context.Context, key, hash string) error
	// Place waits for a place to read a PDF in; its error refuses. nil: there is
	// always one.
	Place func(context.Context) (give func(), err error)
}

// signer returns the standing of the certificate that made a signature, which
// is over what was signed, as a statement.
func (v *Verifier) signer(ctx context.Context, leaf *x509.Certificate, signed []byte) (ca.Standing, error) {
	standing, err := v.Authority.Standing(ctx, leaf)
	if err != nil {
		return ca.Standing{}, err
	}
	if !signs(leaf) {
		return ca.Standing{}, fault.New(fault.Denied, "signer_usage", "the key usage of this certificate does not allow signing; use a signature certificate")
	}
	if err := v.CheckStatement(ctx, standing, signed); err != nil {
		return ca.Standing{}, err
	}
	return standing, nil
}

// CheckStatement refuses what the signer's key signed for something else than a
// statement, as Stated does: for messages whose signature others verify.
func (v *Verifier) CheckStatement(ctx context.Context, signer ca.Standing, signed []byte) error {
	if v.Stated == nil {
		return nil
	}
	return v.Stated(ctx, signer.Record().SPKISHA256, hexSHA256(signed))
}

// signs reports whether the key usage allows signatures over statements
// (RFC 5280 section 4.2.1.3). Stricter: a certificate must say so.
func signs(leaf *x509.Certificate) bool {
	return leaf.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) != 0
}

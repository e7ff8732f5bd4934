package timestamp

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"math/big"
	"time"

	"mohr/internal/fault"
)

// Verify checks a TimeStampResp (DER) over a digest, offline, and returns the
// time it states. The token's certificates must lead to root as of that time.
// Stricter than RFC 3161: one signer, SHA-2 alone, ESSCertIDv2 and the
// certificate inside are required, and extensions of TSTInfo that are
// critical are refused. Every refusal is Invalid. Revocation of the unit is
// for whoever has its status.
func Verify(tsr, digest []byte, root *x509.Certificate) (time.Time, error) {
	t, err := parseResponse(tsr)
	if err == nil {
		err = t.holds(func(crypto.Hash) []byte { return digest })
	}
	if err == nil {
		err = t.chains(root)
	}
	if err != nil {
		return time.Time{}, fault.New(fault.Invalid, "timestamp_invalid", "this time stamp does not hold (%[1]v); do not rely on it", err)
	}
	return t.at, nil
}

// Stamp is a time stamp whose signature holds; whether its unit is one to be
// believed is not said.
type Stamp struct {
	At           time.Time
	Unit         *x509.Certificate
	Certificates []*x509.Certificate // the unit's among them
}

// Open checks a TimeStampToken (DER, RFC 3161 section 2.4.2) as Verify does,
// but for the chain, which is for whoever judges it with other facts. imprint
// returns what was stamped under a hash; nil where it has none. Every refusal
// is Invalid.
func Open(der []byte, imprint func(crypto.Hash) []byte) (Stamp, error) {
	t, err := parseToken(der)
	if err == nil {
		err = t.holds(imprint)
	}
	if err != nil {
		return Stamp{}, fault.New(fault.Invalid, "timestamp_invalid", "this time stamp does not hold (%[1]v); do not rely on it", err)
	}
	return Stamp{At: t.at, Unit: t.unit(), Certificates: t.certificates}, nil
}

// Token returns the TimeStampToken of a granted TimeStampResp, which is what
// signed documents carry. Its refusal is Invalid.
func Token(tsr []byte) ([]byte, error) {
	der, err := tokenOf(tsr)
	if err != nil {
		return nil, fault.New(fault.Invalid, "timestamp_invalid", "this time stamp does not hold (%[1]v); do not rely on it", err)
	}
	return der, nil
}

// holds checks what was parsed, but for the chain.
func (t token) holds(imprint func(crypto.Hash) []byte) error {
	if digest := imprint(t.imprintHash); len(digest) != t.imprintHash.Size() || !bytes.Equal(digest, t.imprint) {
		return errors.New("it is over other data")
	}
	unit := t.unit()
	if unit == nil {
		return errors.New("the signer's certificate is not inside")
	}
	sum := t.certHashAlgorithm.New()
	sum.Write(unit.Raw)
	if !bytes.Equal(sum.Sum(nil), t.certHash) {
		return errors.New("the signed attribute names another certificate")
	}
	sum = t.digestAlgorithm.New()
	sum.Write(t.info)
	if !bytes.Equal(sum.Sum(nil), t.messageDigest) {
		return errors.New("the content is not what was signed")
	}
	if err := unit.CheckSignature(t.signatureAlgorithm, t.signedAttributes, t.signature); err != nil {
		return errors.New("the signature is wrong")
	}
	return forStamping(unit)
}

// unit returns the certificate that the SignerInfo names, or nil.
func (t token) unit() *x509.Certificate {
	for _, c := range t.certificates {
		if bytes.Equal(c.RawIssuer, t.issuer) && c.SerialNumber.Cmp(t.serial) == 0 {
			return c
		}
	}
	return nil
}

// chains has the standard library build the chain at the stated time.
func (t token) chains(root *x509.Certificate) error {
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root)
	for _, c := range t.certificates {
		others.AddCert(c)
	}
	if _, err := t.unit().Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: others, CurrentTime: t.at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	}); err != nil {
		return errors.New("the signer's certificate does not lead to the root at that time")
	}
	return nil
}

// token is what a TimeStampResp says, taken apart and not yet believed.
type token struct {
	// TSTInfo.
	info        []byte // as signed
	imprintHash crypto.Hash
	imprint     []byte
	at          time.Time
	nonce       []byte // content of the INTEGER; nil: none
	// SignedData.
	certificates       []*x509.Certificate
	issuer             []byte // Name
	serial             *big.Int
	digestAlgorithm    crypto.Hash
	signatureAlgorithm x509.SignatureAlgorithm
	signedAttributes   []byte // as signed: with the tag of a SET
	signature          []byte
	// Signed attributes.
	messageDigest     []byte
	certHashAlgorithm crypto.Hash
	certHash          []byte
}

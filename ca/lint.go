package ca

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca/lint"
)

// linted is the one-use leave to sign: bytes that passed the linter, and the
// CA that is to sign them. Only lintCopy makes one that holds, and sign takes
// nothing else and takes it once. Copies share the one use.
type linted struct {
	tbs       []byte // TBSCertificate, DER
	algorithm []byte // AlgorithmIdentifier of the signature, DER
	issuer    IssuerID
	used      *atomic.Bool
}

// hash returns the hex SHA-256 of the bytes to be signed.
func (l linted) hash() string {
	sum := sha256.Sum256(l.tbs)
	return hexOf(sum[:])
}

// spend uses the leave up for the CA; every call but the first is an error.
func (l linted) spend(id IssuerID) error {
	switch {
	case l.used == nil:
		return errors.New("no leave to sign: the bytes were not linted")
	case l.issuer != id:
		return fmt.Errorf("leave to sign with %s used with %s", l.issuer, id)
	case l.used.Swap(true):
		return errors.New("leave to sign used a second time")
	}
	return nil
}

// scheme is how an issuing key signs.
type scheme struct {
	algorithm x509.SignatureAlgorithm
	der       []byte // AlgorithmIdentifier
}

// schemeOf chooses the digest by the key. RSA signs by PKCS #1 v1.5 (RFC 8017
// section 8.2) and not by PSS: that CA is there for verifiers that know only
// RSA, which know PSS no better than ECDSA, and every token signs it.
func schemeOf(key crypto.PublicKey) (s scheme, err error) {
	id := pkix.AlgorithmIdentifier{}
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			s.algorithm, id.Algorithm = x509.ECDSAWithSHA256, oidECDSAWithSHA256
		case elliptic.P384():
			s.algorithm, id.Algorithm = x509.ECDSAWithSHA384, oidECDSAWithSHA384
		default:
			return s, fmt.Errorf("issuing key on %s", k.Params().Name)
		}
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minIssuerBits {
			return s, fmt.Errorf("issuing key of RSA with %d bits, which must be %d at least", bits, minIssuerBits)
		}
		s.algorithm, id = x509.SHA256WithRSA, pkix.AlgorithmIdentifier{Algorithm: oidSHA256WithRSA, Parameters: asn1.NullRawValue}
	default:
		return s, fmt.Errorf("issuing key of type %T", key)
	}
	s.der, err = asn1.Marshal(id)
	return s, err
}

// minIssuerBits is the least an RSA key of a CA has, of some 128 bits of
// strength (SP 800-57 part 1, table 2).
const minIssuerBits = 3072

// newIssuer readies a CA for signing. Its key must be the one in its certificate.
func newIssuer(i Issuer) (*issuer, error) {
	if !samePublic(i.Signer.Public(), i.Certificate.PublicKey) {
		return nil, errors.New("the key is not the one in the certificate")
	}
	s, err := schemeOf(i.Signer.Public())
	return &issuer{Issuer: i, scheme: s}, err
}

func samePublic(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// algorithm returns the algorithm the issuer signs with.
func (i *issuer) algorithm() x509.SignatureAlgorithm { return i.scheme.algorithm }

// prepare fixes the bytes to be signed and lints them.
func (a *Authority) prepare(p profile, i *issuer, t *template) (linted, error) {
	tbs, err := asn1.Marshal(*t)
	if err != nil {
		return linted{}, fmt.Errorf("build certificate: %w", err)
	}
	return a.relint(p, i, tbs, i.scheme.der)
}

// relint lints bytes that are fixed: those of prepare, or of an intent.
func (a *Authority) relint(p profile, i *issuer, tbs, algorithm []byte) (linted, error) {
	der, err := assemble(tbs, algorithm, make([]byte, dummySignature))
	if err != nil {
		return linted{}, err
	}
	return a.lintCopy(p, i, der)
}

// dummySignature is the length of the signature on the linter's copy, octets:
// one of zeros, which verifies under no key.
const dummySignature = 64

// lintCopy lints a certificate that carries the right bytes and a worthless
// signature, and returns the leave to sign those bytes.
func (a *Authority) lintCopy(p profile, i *issuer, der []byte) (linted, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return linted{}, fmt.Errorf("lint: %w", err)
	}
	if diff, ok := p.hasExactly(cert); !ok {
		return linted{}, fmt.Errorf("lint %s: %s", p, diff)
	}
	if cert.IsCA {
		return linted{}, fmt.Errorf("lint %s: a CA certificate", p)
	}
	// An intent may have outlived the issuer that it was made for.
	if !bytes.Equal(cert.RawIssuer, i.Certificate.RawSubject) || !bytes.Equal(cert.AuthorityKeyId, i.Certificate.SubjectKeyId) {
		return linted{}, fmt.Errorf("lint %s: the bytes name another issuer than %s", p, i.ID)
	}
	if cert.SignatureAlgorithm != i.algorithm() {
		return linted{}, fmt.Errorf("lint %s: the bytes name another algorithm than that of %s", p, i.ID)
	}
	if err := lint.Certificate(der); err != nil {
		return linted{}, fmt.Errorf("%s: %w", p, err)
	}
	algorithm, err := outerAlgorithm(der)
	if err != nil {
		return linted{}, err
	}
	return linted{tbs: cert.RawTBSCertificate, algorithm: algorithm, issuer: i.ID, used: new(atomic.Bool)}, nil
}

// expectedExtensions lists, for a profile, exactly what a certificate of it
// carries and whether it is critical. It is written apart from what builds
// them, and says no to what that should add by mistake.
func (p profile) expectedExtensions() map[string]bool {
	want := map[string]bool{
		oidKeyUsage.String(): true, oidExtKeyUsage.String(): p.ekuCritical,
		oidSKI.String(): false, oidAKI.String(): false, oidPolicies.String(): false,
		oidAIA.String(): false,
	}
	switch {
	case p.noCheck:
		want[oidOCSPNoCheck.String()] = false
	case p.short:
		want[oidShortTerm.String()], want[oidNoRevAvail.String()] = false, false
	default:
		want[oidCRLDP.String()] = false
	}
	if p.semantics != nil {
		want[oidQCStatements.String()] = false
	}
	if p.keyPeriod {
		want[oidPrivateKeyUsage.String()] = false
	}
	if p.san {
		want[oidSAN.String()] = false
	}
	return want
}

// hasExactly reports the first difference between c's extensions and the profile's.
func (p profile) hasExactly(c *x509.Certificate) (string, bool) {
	want := p.expectedExtensions()
	for _, e := range c.Extensions {
		critical, ok := want[e.Id.String()]
		if !ok {
			return "unexpected extension " + e.Id.String(), false
		}
		if critical != e.Critical {
			return "criticality of " + e.Id.String(), false
		}
		delete(want, e.Id.String())
	}
	for id := range want {
		return "missing extension " + id, false
	}
	return "", true
}

// outerAlgorithm returns the signatureAlgorithm of a certificate, DER:
//
//	Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm AlgorithmIdentifier, signature BIT STRING }
func outerAlgorithm(der []byte) ([]byte, error) {
	input := cryptobyte.String(der)
	var cert, tbs, alg cryptobyte.String
	if !input.ReadASN1(&cert, cryptobyte_asn1.SEQUENCE) ||
		!cert.ReadASN1Element(&tbs, cryptobyte_asn1.SEQUENCE) ||
		!cert.ReadASN1Element(&alg, cryptobyte_asn1.SEQUENCE) {
		return nil, errors.New("certificate's outer structure")
	}
	return alg, nil
}

// assemble joins the three parts of a certificate.
func assemble(tbs, algorithm, signature []byte) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddBytes(algorithm)
		b.AddASN1BitString(signature)
	})
	return b.Bytes()
}

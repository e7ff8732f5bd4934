package ca

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"sort"
	"strings"

	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// linted is the one-use leave to sign: bytes that passed the linter, and for
// which profile. Only lintBytes makes one, and sign takes nothing else.
type linted struct {
	tbs       []byte // TBSCertificate, DER
	algorithm []byte // AlgorithmIdentifier of the signature, DER
	profile   profile
}

// hash returns the hex SHA-256 of the bytes to be signed.
func (l linted) hash() string {
	sum := sha256.Sum256(l.tbs)
	return hexOf(sum[:])
}

// withThrowaway gives an issuer a key to sign the linter's copies with: of
// the same kind as the real one, known to nobody, kept nowhere.
func withThrowaway(i Issuer) (*issuer, error) {
	w := &issuer{Issuer: i}
	var err error
	switch k := i.Signer.Public().(type) {
	case *ecdsa.PublicKey:
		w.lintKey, err = ecdsa.GenerateKey(k.Curve, rand.Reader)
	case *rsa.PublicKey:
		w.lintKey, err = rsa.GenerateKey(rand.Reader, k.N.BitLen())
	default:
		return nil, fmt.Errorf("issuing key of type %T", k)
	}
	if err != nil {
		return nil, err
	}
	if !samePublic(i.Signer.Public(), i.Certificate.PublicKey) {
		return nil, errors.New("the key is not the one in the certificate")
	}
	parent := *i.Certificate
	parent.PublicKey = w.lintKey.Public()
	w.lintParent = &parent
	return w, nil
}

func samePublic(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// algorithm returns the algorithm the issuer signs with.
func (i *issuer) algorithm() x509.SignatureAlgorithm {
	switch k := i.Signer.Public().(type) {
	case *ecdsa.PublicKey:
		if k.Curve.Params().BitSize > 256 {
			return x509.ECDSAWithSHA384
		}
		return x509.ECDSAWithSHA256
	default:
		return x509.SHA256WithRSA
	}
}

// prepare fixes the bytes to be signed and lints them.
func (a *Authority) prepare(p profile, i *issuer, t *x509.Certificate, key crypto.PublicKey) (linted, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, i.lintParent, key, i.lintKey)
	if err != nil {
		return linted{}, fmt.Errorf("build certificate: %w", err)
	}
	return a.lintCopy(p, i, der)
}

// relint lints bytes that were fixed before: those of an intent.
func (a *Authority) relint(p profile, i *issuer, tbs, algorithm []byte) (linted, error) {
	der, err := assemble(tbs, algorithm, make([]byte, 64))
	if err != nil {
		return linted{}, err
	}
	return a.lintCopy(p, i, der)
}

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
	zcert, err := zx509.ParseCertificate(der)
	if err != nil {
		return linted{}, fmt.Errorf("lint: %w", err)
	}
	if bad := findings(zlint.LintCertificateEx(zcert, a.lints)); len(bad) > 0 {
		return linted{}, fmt.Errorf("lint %s: %s", p, strings.Join(bad, "; "))
	}
	algorithm, err := outerAlgorithm(der)
	if err != nil {
		return linted{}, err
	}
	return linted{tbs: cert.RawTBSCertificate, algorithm: algorithm, profile: p}, nil
}

// newLints selects the sources that speak of certificates like ours. The
// Community source is left out: one lint of it costs 8 ms a certificate. One
// ETSI lint is left out too: it wants QcCompliance wherever any statement of
// EN 319 412-5 is, and we make no claim under the law that statement is about.
func newLints() (lint.Registry, error) {
	return lint.GlobalRegistry().Filter(lint.FilterOptions{
		IncludeSources: lint.SourceList{lint.RFC5280, lint.RFC3279, lint.RFC5480, lint.RFC5891, lint.RFC8813, lint.EtsiEsi},
		ExcludeNames:   []string{"e_qcstatem_mandatory_etsi_statems"},
	})
}

func findings(r *zlint.ResultSet) []string {
	var bad []string
	if !r.ErrorsPresent && !r.FatalsPresent {
		return nil
	}
	for name, result := range r.Results {
		if result.Status >= lint.Error {
			bad = append(bad, strings.TrimSpace(name+" "+result.Details))
		}
	}
	sort.Strings(bad)
	return bad
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

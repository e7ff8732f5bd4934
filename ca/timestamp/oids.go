package timestamp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Object identifiers of CMS (RFC 5652), RFC 3161 and RFC 5035.
var (
	oidSignedData         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo            = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCertificate = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47} // signing-certificate-v2
	oidExtKeyUsage        = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidPrivateKeyUsage    = asn1.ObjectIdentifier{2, 5, 29, 16}
	oidRSA                = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
)

// digests are the hash functions of imprints and signatures: SHA-2 alone.
var digests = []struct {
	oid  asn1.ObjectIdentifier
	hash crypto.Hash
}{
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, crypto.SHA256},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, crypto.SHA384},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, crypto.SHA512},
}

// signatures are the signature algorithms, with the hash each goes with.
var signatures = []struct {
	oid  asn1.ObjectIdentifier
	hash crypto.Hash
	x509 x509.SignatureAlgorithm
	rsa  bool
}{
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, crypto.SHA256, x509.ECDSAWithSHA256, false},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}, crypto.SHA384, x509.ECDSAWithSHA384, false},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}, crypto.SHA512, x509.ECDSAWithSHA512, false},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, crypto.SHA256, x509.SHA256WithRSA, true},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, crypto.SHA384, x509.SHA384WithRSA, true},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, crypto.SHA512, x509.SHA512WithRSA, true},
}

// hashOf returns the hash function of the identifier, zero if it is none of ours.
func hashOf(oid asn1.ObjectIdentifier) crypto.Hash {
	for _, d := range digests {
		if d.oid.Equal(oid) {
			return d.hash
		}
	}
	return 0
}

// addHash writes the AlgorithmIdentifier of a hash, its parameters absent
// (RFC 5754 section 2).
func addHash(b *cryptobyte.Builder, h crypto.Hash) {
	for _, d := range digests {
		if d.hash == h {
			b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(d.oid) })
			return
		}
	}
	b.SetError(fmt.Errorf("no identifier for hash %v", h))
}

// signatureOf returns the x509 name of a SignerInfo's algorithm; zero if it is
// none of ours. rsaEncryption leaves the hash to the digest algorithm.
func signatureOf(oid asn1.ObjectIdentifier, h crypto.Hash) x509.SignatureAlgorithm {
	for _, s := range signatures {
		if s.hash == h && (s.oid.Equal(oid) || s.rsa && oid.Equal(oidRSA)) {
			return s.x509
		}
	}
	return x509.UnknownSignatureAlgorithm
}

// algorithm is how the unit's key signs.
type algorithm struct {
	oid  asn1.ObjectIdentifier
	hash crypto.Hash
	x509 x509.SignatureAlgorithm
	null bool // parameters are NULL (RFC 4055 section 5), else absent (RFC 5758 section 3.2)
}

// algorithmOf returns the algorithm for the key; the hash goes with the curve.
func algorithmOf(key crypto.PublicKey) (algorithm, error) {
	hash, isRSA := crypto.SHA256, false
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
		case elliptic.P384():
			hash = crypto.SHA384
		default:
			return algorithm{}, fmt.Errorf("a key on %s cannot stamp", k.Params().Name)
		}
	case *rsa.PublicKey:
		isRSA = true
	default:
		return algorithm{}, fmt.Errorf("a key of type %T cannot stamp", key)
	}
	for _, s := range signatures {
		if s.hash == hash && s.rsa == isRSA {
			return algorithm{s.oid, s.hash, s.x509, s.rsa}, nil
		}
	}
	return algorithm{}, fmt.Errorf("no algorithm for %T with %v", key, hash)
}

func (a algorithm) add(b *cryptobyte.Builder) {
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(a.oid)
		if a.null {
			b.AddASN1NULL()
		}
	})
}

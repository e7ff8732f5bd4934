package timestamp

import (
	"crypto"
	"crypto/rand"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// tstInfo is what a token says.
type tstInfo struct {
	policy   asn1.ObjectIdentifier
	hash     crypto.Hash
	digest   []byte
	serial   *big.Int
	at       time.Time
	accuracy time.Duration
	nonce    []byte // an INTEGER element; nil: none
}

// der builds TSTInfo (RFC 3161 section 2.4.2). Ordering is not promised.
//
//	TSTInfo ::= SEQUENCE {
//	    version         INTEGER { v1(1) },
//	    policy          OBJECT IDENTIFIER,
//	    messageImprint  MessageImprint,
//	    serialNumber    INTEGER,
//	    genTime         GeneralizedTime,
//	    accuracy        Accuracy OPTIONAL,
//	    ordering        BOOLEAN DEFAULT FALSE,
//	    nonce           INTEGER OPTIONAL,
//	    tsa             [0] EXPLICIT GeneralName OPTIONAL,
//	    extensions      [1] IMPLICIT Extensions OPTIONAL }
//	Accuracy ::= SEQUENCE {
//	    seconds  INTEGER OPTIONAL,
//	    millis   [0] IMPLICIT INTEGER (1..999) OPTIONAL,
//	    micros   [1] IMPLICIT INTEGER (1..999) OPTIONAL }
func (i tstInfo) der() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1ObjectIdentifier(i.policy)
		b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addHash(b, i.hash)
			b.AddASN1OctetString(i.digest)
		})
		b.AddASN1BigInt(i.serial)
		b.AddASN1(cryptobyte_asn1.GeneralizedTime, func(b *cryptobyte.Builder) { b.AddBytes([]byte(i.at.UTC().Format(timeLayout))) })
		b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			if s := i.accuracy / time.Second; s > 0 {
				b.AddASN1Int64(int64(s))
			}
			if ms := i.accuracy % time.Second / time.Millisecond; ms > 0 {
				b.AddASN1Int64WithTag(int64(ms), cryptobyte_asn1.Tag(0).ContextSpecific())
			}
		})
		b.AddBytes(i.nonce)
	})
	return b.Bytes()
}

// sign wraps TSTInfo in the token: a CMS SignedData (RFC 5652 section 5) by
// this key alone, with its certificate and the issuing CA's if asked for.
//
//	ContentInfo ::= SEQUENCE { contentType OBJECT IDENTIFIER, content [0] EXPLICIT SignedData }
//	SignedData ::= SEQUENCE {
//	    version           INTEGER,  -- 3: the content is not id-data
//	    digestAlgorithms  SET OF AlgorithmIdentifier,
//	    encapContentInfo  SEQUENCE { eContentType OBJECT IDENTIFIER, eContent [0] EXPLICIT OCTET STRING },
//	    certificates      [0] IMPLICIT SET OF Certificate OPTIONAL,
//	    crls              [1] IMPLICIT RevocationInfoChoices OPTIONAL,
//	    signerInfos       SET OF SignerInfo }
func (k *unitKey) sign(info []byte, withCertificates bool) ([]byte, error) {
	signer, err := k.signerInfo(info)
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidSignedData)
		b.AddASN1(tag(0), func(b *cryptobyte.Builder) {
			b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(3)
				b.AddASN1(cryptobyte_asn1.SET, func(b *cryptobyte.Builder) { addHash(b, k.algorithm.hash) })
				b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidTSTInfo)
					b.AddASN1(tag(0), func(b *cryptobyte.Builder) { b.AddASN1OctetString(info) })
				})
				if withCertificates {
					b.AddASN1(tag(0), func(b *cryptobyte.Builder) {
						certs := [][]byte{k.Certificate.Raw}
						for _, c := range k.Chain {
							certs = append(certs, c.Raw)
						}
						addSetOf(b, certs)
					})
				}
				b.AddASN1(cryptobyte_asn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(signer) })
			})
		})
	})
	return b.Bytes()
}

// addSetOf writes the elements of a SET OF in DER's order (X.690 section 11.6).
func addSetOf(b *cryptobyte.Builder, elements [][]byte) {
	slices.SortFunc(elements, slices.Compare)
	for _, e := range elements {
		b.AddBytes(e)
	}
}

// signerInfo signs and builds the SignerInfo.
//
//	SignerInfo ::= SEQUENCE {
//	    version             INTEGER,  -- 1: the signer is named by issuer and serial
//	    sid                 SEQUENCE { issuer Name, serialNumber INTEGER },
//	    digestAlgorithm     AlgorithmIdentifier,
//	    signedAttrs         [0] IMPLICIT SET OF Attribute,
//	    signatureAlgorithm  AlgorithmIdentifier,
//	    signature           OCTET STRING,
//	    unsignedAttrs       [1] IMPLICIT SET OF Attribute OPTIONAL }
func (k *unitKey) signerInfo(info []byte) ([]byte, error) {
	attributes, err := k.attributes(info)
	if err != nil {
		return nil, err
	}
	// What is signed carries the tag of a SET (RFC 5652 section 5.4).
	var set cryptobyte.Builder
	set.AddASN1(cryptobyte_asn1.SET, func(b *cryptobyte.Builder) { addSetOf(b, attributes) })
	signed, err := set.Bytes()
	if err != nil {
		return nil, err
	}
	h := k.algorithm.hash.New()
	h.Write(signed)
	signature, err := k.Signer.Sign(rand.Reader, h.Sum(nil), k.algorithm.hash)
	if err != nil {
		return nil, err
	}
	if err := k.Certificate.CheckSignature(k.algorithm.x509, signed, signature); err != nil {
		return nil, fmt.Errorf("check own signature: %w", err)
	}
	var b cryptobyte.Builder
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(k.Certificate.RawIssuer)
			b.AddASN1BigInt(k.Certificate.SerialNumber)
		})
		addHash(b, k.algorithm.hash)
		b.AddASN1(tag(0), func(b *cryptobyte.Builder) { addSetOf(b, attributes) })
		k.algorithm.add(b)
		b.AddASN1OctetString(signature)
	})
	return b.Bytes()
}

// attributes builds the signed attributes: content type, digest, and the
// certificate by its SHA-256 (RFC 5816 section 2.2.1, RFC 5035 section 3).
//
//	SigningCertificateV2 ::= SEQUENCE { certs SEQUENCE OF ESSCertIDv2, policies ... OPTIONAL }
//	ESSCertIDv2 ::= SEQUENCE {
//	    hashAlgorithm  AlgorithmIdentifier DEFAULT {algorithm id-sha256},
//	    certHash       OCTET STRING,
//	    issuerSerial   IssuerSerial OPTIONAL }
func (k *unitKey) attributes(info []byte) ([][]byte, error) {
	digest := k.algorithm.hash.New()
	digest.Write(info)
	certHash := crypto.SHA256.New()
	certHash.Write(k.Certificate.Raw)
	var list [][]byte
	for _, a := range []struct {
		oid   asn1.ObjectIdentifier
		value func(*cryptobyte.Builder)
	}{
		{oidContentType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidTSTInfo) }},
		{oidMessageDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest.Sum(nil)) }},
		{oidSigningCertificate, func(b *cryptobyte.Builder) {
			b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1OctetString(certHash.Sum(nil)) })
				})
			})
		}},
	} {
		var b cryptobyte.Builder
		b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(a.oid)
			b.AddASN1(cryptobyte_asn1.SET, a.value)
		})
		der, err := b.Bytes()
		if err != nil {
			return nil, err
		}
		list = append(list, der)
	}
	return list, nil
}

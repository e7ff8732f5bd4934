package cmp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca"
)

// content writes what is inside the tag of a body.
type content func(*cryptobyte.Builder)

var (
	oidECDSA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidECDSA384 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
	oidRSA256   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
)

func sequence(b *cryptobyte.Builder, inside ...content) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, f := range inside {
			f(b)
		}
	})
}

// status is a PKIStatusInfo; bit -1: no failInfo.
//
//	PKIStatusInfo ::= SEQUENCE {
//	    status INTEGER, statusString SEQUENCE OF UTF8String OPTIONAL, failInfo BIT STRING OPTIONAL }
func status(b *cryptobyte.Builder, value int64, text string, bit int) {
	sequence(b, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(value)
		if text != "" {
			sequence(b, func(b *cryptobyte.Builder) {
				b.AddASN1(der.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(text)) })
			})
		}
		if bit >= 0 {
			bits := make([]byte, bit/8+1)
			bits[bit/8] = 0x80 >> (bit % 8)
			b.AddASN1(der.BIT_STRING, func(b *cryptobyte.Builder) { // a named bit list: no zeros at the end (X.690 section 11.2.2)
				b.AddUint8(uint8(7 - bit%8))
				b.AddBytes(bits)
			})
		}
	})
}

// failure is an ErrorMsgContent ::= SEQUENCE { pKIStatusInfo PKIStatusInfo, ... }.
func failure(text string, bit int) content {
	return func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) { status(b, statusRejection, text, bit) })
	}
}

// response is a CertRepMessage with one CertResponse; cert nil: it waits.
//
//	CertRepMessage ::= SEQUENCE { caPubs [1] OPTIONAL, response SEQUENCE OF CertResponse }
//	CertResponse ::= SEQUENCE {
//	    certReqId INTEGER, status PKIStatusInfo,
//	    certifiedKeyPair SEQUENCE { certificate [0] CMPCertificate } OPTIONAL, rspInfo OPTIONAL }
func response(id int64, cert []byte) content {
	return func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			sequence(b, func(b *cryptobyte.Builder) {
				sequence(b, func(b *cryptobyte.Builder) {
					b.AddASN1Int64(id)
					if cert == nil {
						status(b, statusWaiting, "the application waits for approval", -1)
						return
					}
					status(b, statusAccepted, "", -1)
					sequence(b, func(b *cryptobyte.Builder) {
						b.AddASN1(tag(0), func(b *cryptobyte.Builder) { b.AddBytes(cert) })
					})
				})
			})
		})
	}
}

// later is a PollRepContent ::= SEQUENCE OF SEQUENCE { certReqId INTEGER, checkAfter INTEGER, reason OPTIONAL }.
func later(id int64) content {
	return func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			sequence(b, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(id)
				b.AddASN1Int64(checkAfter)
			})
		})
	}
}

// confirmed is PKIConfirmContent ::= NULL.
func confirmed(b *cryptobyte.Builder) { b.AddASN1NULL() }

// revoked is a RevRepContent ::= SEQUENCE { status SEQUENCE OF PKIStatusInfo, ... }.
func revoked(b *cryptobyte.Builder) {
	sequence(b, func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) { status(b, statusAccepted, "", -1) })
	})
}

// information is a GenRepContent with caCerts ::= SEQUENCE OF CMPCertificate.
func information(certs [][]byte) content {
	return func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			sequence(b, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidCACerts)
				sequence(b, func(b *cryptobyte.Builder) {
					for _, c := range certs {
						b.AddBytes(c)
					}
				})
			})
		})
	}
}

// write makes the answer to a message with the header h, protected as a says:
// by its MAC under a fresh salt, by our signature, or not at all.
func (d *Desk) write(h header, a asker, nonce []byte, r reply) ([]byte, error) {
	key := d.Key()
	c := a.mac.fresh()
	head, err := build(func(b *cryptobyte.Builder) { d.header(b, h, a, c, key, nonce) })
	if err != nil {
		return nil, err
	}
	body, err := build(func(b *cryptobyte.Builder) { b.AddASN1(tag(uint8(r.kind)), cryptobyte.BuilderContinuation(r.body)) })
	if err != nil {
		return nil, err
	}
	protected, err := build(func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			b.AddBytes(head)
			b.AddBytes(body)
		})
	})
	if err != nil {
		return nil, err
	}
	protection, err := a.protect(c, key, protected)
	if err != nil {
		return nil, fmt.Errorf("protect answer: %w", err)
	}
	certs := r.certs
	if a.sign && a.secret == nil {
		own := [][]byte{key.Certificate.Raw}
		for _, c := range key.Chain {
			own = append(own, c.Raw)
		}
		certs = slices.Concat(own, certs)
	}
	return build(func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			b.AddBytes(head)
			b.AddBytes(body)
			if protection != nil {
				b.AddASN1(tag(0), func(b *cryptobyte.Builder) { b.AddASN1BitString(protection) })
			}
			if len(certs) > 0 {
				b.AddASN1(tag(1), func(b *cryptobyte.Builder) {
					sequence(b, func(b *cryptobyte.Builder) {
						for _, c := range certs {
							b.AddBytes(c)
						}
					})
				})
			}
		})
	})
}

func build(f content) ([]byte, error) {
	var b cryptobyte.Builder
	f(&b)
	out, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("write answer: %w", err)
	}
	return out, nil
}

// header answers h: its sender is our recipient, its senderNonce our
// recipNonce.
func (d *Desk) header(b *cryptobyte.Builder, h header, a asker, c mac, key ca.SigningKey, nonce []byte) {
	octets := func(b *cryptobyte.Builder, n uint8, v []byte) {
		if len(v) > 0 {
			b.AddASN1(tag(n), func(b *cryptobyte.Builder) { b.AddASN1OctetString(v) })
		}
	}
	sequence(b, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(int64(max(2, min(h.version, 3))))
		b.AddASN1(tag(4), func(b *cryptobyte.Builder) { b.AddBytes(key.Certificate.RawSubject) }) // directoryName
		if h.sender != nil {
			b.AddBytes(h.sender)
		} else {
			b.AddASN1(tag(4), func(b *cryptobyte.Builder) { sequence(b) })
		}
		b.AddASN1(tag(0), func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(d.now().In(time.UTC)) })
		switch {
		case a.secret != nil:
			b.AddASN1(tag(1), func(b *cryptobyte.Builder) { c.addTo(b) })
			octets(b, 2, a.kid)
		case a.sign:
			b.AddASN1(tag(1), func(b *cryptobyte.Builder) {
				sequence(b, func(b *cryptobyte.Builder) { addScheme(b, key) })
			})
			octets(b, 2, key.Certificate.SubjectKeyId)
		}
		octets(b, 4, h.transactionID)
		octets(b, 5, nonce)
		octets(b, 6, h.senderNonce)
	})
}

// scheme is how our key signs.
func scheme(key ca.SigningKey) (crypto.Hash, asn1.ObjectIdentifier) {
	switch k := key.Certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		return crypto.SHA256, oidRSA256
	case *ecdsa.PublicKey:
		if k.Curve.Params().BitSize > 256 {
			return crypto.SHA384, oidECDSA384
		}
	}
	return crypto.SHA256, oidECDSA256
}

func addScheme(b *cryptobyte.Builder, key ca.SigningKey) {
	_, oid := scheme(key)
	b.AddASN1ObjectIdentifier(oid)
	if oid.Equal(oidRSA256) {
		b.AddASN1NULL()
	}
}

// protect returns the protection of b; nil for nobody.
func (a asker) protect(c mac, key ca.SigningKey, b []byte) ([]byte, error) {
	switch {
	case a.secret != nil:
		return c.of(a.secret, b)
	case a.sign:
		hash, _ := scheme(key)
		h := hash.New()
		h.Write(b)
		return key.Signer.Sign(rand.Reader, h.Sum(nil), hash)
	}
	return nil, nil
}

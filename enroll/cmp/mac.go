package cmp

import (
	"crypto"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"encoding/asn1"
	"hash"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// Bounds of password-based MACs. RFC 4211 section 4.4 asks for at least 100
// iterations, OpenSSL takes 500; above the upper bound a stranger could have
// us work for long.
const (
	minIterations = 100
	maxIterations = 100_000
	// answerIterations bounds them in what we answer: the secret has 160 bits,
	// which no number of them makes harder to find.
	answerIterations = 10_000
	minSalt          = 8
	maxSalt          = 64
	minKey           = 16 // octets of the key that PBKDF2 derives
	maxKey           = 64
)

// mac is a password-based MAC (RFC 9481 section 6): how a key comes from a
// secret, and the HMAC under it.
type mac struct {
	pbmac1     bool // PBKDF2, else the one-way function of RFC 4211
	salt       []byte
	iterations int
	owf        crypto.Hash // one-way function, or PBKDF2's PRF
	keyLength  int         // of PBKDF2
	hash       crypto.Hash // of the HMAC
}

func hashOf(oid asn1.ObjectIdentifier, sha256, sha384, sha512 asn1.ObjectIdentifier) (crypto.Hash, bool) {
	switch {
	case oid.Equal(sha256):
		return crypto.SHA256, true
	case oid.Equal(sha384):
		return crypto.SHA384, true
	case oid.Equal(sha512):
		return crypto.SHA512, true
	}
	return 0, false
}

// readHash reads an AlgorithmIdentifier of a hash or an HMAC of SHA-2.
func readHash(s *cryptobyte.String, keyed bool) (h crypto.Hash, ok bool) {
	oid, params, ok := readAlgorithm(s)
	if !ok || !plain(params) {
		return 0, false
	}
	if keyed {
		return hashOf(oid, oidHMAC256, oidHMAC384, oidHMAC512)
	}
	return hashOf(oid, oidSHA256, oidSHA384, oidSHA512)
}

// parseMAC reads the parameters of a password-based MAC. Other algorithms, and
// what is out of bounds, are not ok.
//
//	PBMParameter ::= SEQUENCE {
//	    salt OCTET STRING, owf AlgorithmIdentifier, iterationCount INTEGER, mac AlgorithmIdentifier }
//	PBMAC1-params ::= SEQUENCE {
//	    keyDerivationFunc AlgorithmIdentifier {{ PBKDF2 }}, messageAuthScheme AlgorithmIdentifier }
//	PBKDF2-params ::= SEQUENCE {
//	    salt OCTET STRING, iterationCount INTEGER, keyLength INTEGER OPTIONAL, prf AlgorithmIdentifier }
//
// PBKDF2's default PRF has SHA-1, so the PRF must be there.
func parseMAC(algorithm asn1.ObjectIdentifier, params []byte) (m mac, ok bool) {
	in := cryptobyte.String(params)
	var p, salt, kdf cryptobyte.String
	if !in.ReadASN1(&p, der.SEQUENCE) || !in.Empty() {
		return m, false
	}
	switch {
	case algorithm.Equal(oidPBM):
		ok = p.ReadASN1(&salt, der.OCTET_STRING)
		if ok {
			m.owf, ok = readHash(&p, false)
		}
		ok = ok && p.ReadASN1Integer(&m.iterations)
	case algorithm.Equal(oidPBMAC1):
		m.pbmac1 = true
		var oid asn1.ObjectIdentifier
		oid, kdf, ok = readAlgorithm(&p)
		ok = ok && oid.Equal(oidPBKDF2) && m.readPBKDF2(kdf, &salt)
	}
	if !ok {
		return m, false
	}
	m.hash, ok = readHash(&p, true)
	m.salt = salt
	return m, ok && p.Empty() && m.iterations >= minIterations && m.iterations <= maxIterations && len(salt) >= minSalt && len(salt) <= maxSalt
}

func (m *mac) readPBKDF2(kdf cryptobyte.String, salt *cryptobyte.String) (ok bool) {
	var p cryptobyte.String
	if !kdf.ReadASN1(&p, der.SEQUENCE) || !kdf.Empty() || !p.ReadASN1(salt, der.OCTET_STRING) || !p.ReadASN1Integer(&m.iterations) {
		return false
	}
	if p.PeekASN1Tag(der.INTEGER) && (!p.ReadASN1Integer(&m.keyLength) || m.keyLength < minKey || m.keyLength > maxKey) {
		return false
	}
	m.owf, ok = readHash(&p, true)
	return ok && p.Empty()
}

// of returns the MAC of b under the secret.
func (m mac) of(secret, b []byte) ([]byte, error) {
	key, err := m.key(secret)
	if err != nil {
		return nil, err
	}
	h := hmac.New(func() hash.Hash { return m.hash.New() }, key)
	h.Write(b)
	return h.Sum(nil), nil
}

func (m mac) key(secret []byte) ([]byte, error) {
	if m.pbmac1 {
		n := m.keyLength
		if n == 0 {
			n = m.hash.Size()
		}
		return pbkdf2.Key(func() hash.Hash { return m.owf.New() }, string(secret), m.salt, m.iterations, n)
	}
	h := m.owf.New()
	h.Write(secret)
	h.Write(m.salt)
	key := h.Sum(nil)
	for range m.iterations - 1 {
		h.Reset()
		h.Write(key)
		key = h.Sum(key[:0])
	}
	return key, nil
}

// fresh is the same MAC with a salt of our own, for the answer.
func (m mac) fresh() mac {
	m.salt = make([]byte, 16)
	rand.Read(m.salt) // never fails (crypto/rand)
	m.iterations = min(m.iterations, answerIterations)
	return m
}

// addTo writes the AlgorithmIdentifier, as parseMAC reads it.
func (m mac) addTo(b *cryptobyte.Builder) {
	oids := func(h crypto.Hash, sha256, sha384, sha512 asn1.ObjectIdentifier) asn1.ObjectIdentifier {
		return map[crypto.Hash]asn1.ObjectIdentifier{crypto.SHA256: sha256, crypto.SHA384: sha384, crypto.SHA512: sha512}[h]
	}
	algorithm := func(b *cryptobyte.Builder, oid asn1.ObjectIdentifier) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid)
			b.AddASN1NULL()
		})
	}
	scheme := oids(m.hash, oidHMAC256, oidHMAC384, oidHMAC512)
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		if !m.pbmac1 {
			b.AddASN1ObjectIdentifier(oidPBM)
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1OctetString(m.salt)
				algorithm(b, oids(m.owf, oidSHA256, oidSHA384, oidSHA512))
				b.AddASN1Int64(int64(m.iterations))
				algorithm(b, scheme)
			})
			return
		}
		b.AddASN1ObjectIdentifier(oidPBMAC1)
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidPBKDF2)
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1OctetString(m.salt)
					b.AddASN1Int64(int64(m.iterations))
					if m.keyLength > 0 {
						b.AddASN1Int64(int64(m.keyLength))
					}
					algorithm(b, oids(m.owf, oidHMAC256, oidHMAC384, oidHMAC512))
				})
			})
			algorithm(b, scheme)
		})
	})
}

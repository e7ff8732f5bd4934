package enroll_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"hash"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// cmpClient is a CMP client of the tests' own: it says what OpenSSL does not,
// PBMAC1 and wrong things among them. It shares no code with the service.
type cmpClient struct {
	t       testing.TB
	now     func() time.Time
	kid     string
	secret  string
	protect func(c *cmpClient, protected []byte) []byte
	alg     []byte // AlgorithmIdentifier of the protection; nil: none
	certs   [][]byte
	txid    []byte
	nonce   []byte // senderNonce
	answers []byte // recipNonce: what the last answer's senderNonce was
	version int64
	time    time.Time // zero: now
}

func oid(arcs ...int) asn1.ObjectIdentifier { return arcs }

var (
	cmpPBM    = oid(1, 2, 840, 113533, 7, 66, 13)
	cmpPBMAC1 = oid(1, 2, 840, 113549, 1, 5, 14)
	hmac256   = oid(1, 2, 840, 113549, 2, 9)
	hmac512   = oid(1, 2, 840, 113549, 2, 11)
	sha2_256  = oid(2, 16, 840, 1, 101, 3, 4, 2, 1)
)

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// seq writes a tagged element with what the functions write in it.
func enc(f func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	f(&b)
	return b.BytesOrPanic()
}

func seq(parts ...[]byte) []byte { return tagged(der.SEQUENCE, parts...) }

func tagged(t der.Tag, parts ...[]byte) []byte {
	return enc(func(b *cryptobyte.Builder) {
		b.AddASN1(t, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(parts, nil)) })
	})
}

func ctx(n int, parts ...[]byte) []byte {
	return tagged(der.Tag(n).ContextSpecific().Constructed(), parts...)
}

func oidDER(o asn1.ObjectIdentifier) []byte {
	return enc(func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(o) })
}

func num(n int64) []byte { return enc(func(b *cryptobyte.Builder) { b.AddASN1Int64(n) }) }

func octets(v []byte) []byte { return tagged(der.OCTET_STRING, v) }

func alg(o asn1.ObjectIdentifier) []byte { return seq(oidDER(o), tagged(der.NULL)) }

// pbm protects by RFC 4211 section 4.4.
func (c *cmpClient) pbm(iterations int, owf, mac asn1.ObjectIdentifier) *cmpClient {
	salt := random(16)
	c.alg = seq(oidDER(cmpPBM), seq(octets(salt), alg(owf), num(int64(iterations)), alg(mac)))
	c.protect = func(c *cmpClient, protected []byte) []byte {
		k := sha256.Sum256(append([]byte(c.secret), salt...))
		for range iterations - 1 {
			k = sha256.Sum256(k[:])
		}
		h := hmac.New(sha256.New, k[:])
		h.Write(protected)
		return h.Sum(nil)
	}
	return c
}

// pbmac1 protects by RFC 8018 section 7.1 as RFC 9481 section 6.1.2 uses it.
func (c *cmpClient) pbmac1(iterations, keyLength int, prf, mac asn1.ObjectIdentifier) *cmpClient {
	salt := random(16)
	length := num(int64(keyLength))
	if keyLength == 0 {
		length = nil
	}
	c.alg = seq(oidDER(cmpPBMAC1), seq(seq(oidDER(oid(1, 2, 840, 113549, 1, 5, 12)), seq(octets(salt), num(int64(iterations)), length, alg(prf))), alg(mac)))
	c.protect = func(c *cmpClient, protected []byte) []byte {
		hashes := map[string]func() hash.Hash{hmac256.String(): sha256.New, hmac512.String(): sha512.New}
		n := keyLength
		if n == 0 {
			n = hashes[mac.String()]().Size()
		}
		k, err := pbkdf2.Key(hashes[prf.String()], c.secret, salt, iterations, n)
		if err != nil {
			c.t.Fatal(err)
		}
		h := hmac.New(hashes[mac.String()], k)
		h.Write(protected)
		return h.Sum(nil)
	}
	return c
}

// signed protects by a signature.
func (c *cmpClient) signed(key *ecdsa.PrivateKey, cert *x509.Certificate) *cmpClient {
	c.alg, c.certs, c.secret, c.kid = seq(oidDER(oid(1, 2, 840, 10045, 4, 3, 2))), [][]byte{cert.Raw}, "", ""
	c.protect = func(c *cmpClient, protected []byte) []byte {
		sum := sha256.Sum256(protected)
		sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		if err != nil {
			c.t.Fatal(err)
		}
		return sig
	}
	return c
}

// message writes one with the body of a kind.
func (c *cmpClient) message(kind int, body []byte) []byte {
	at := c.time
	if at.IsZero() {
		at = c.now()
	}
	none := ctx(4, seq())
	head := [][]byte{num(c.version), none, none, ctx(0, enc(func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(at.UTC()) }))}
	if c.alg != nil {
		head = append(head, ctx(1, c.alg))
	}
	if c.kid != "" {
		head = append(head, ctx(2, octets([]byte(c.kid))))
	}
	head = append(head, ctx(4, octets(c.txid)), ctx(5, octets(c.nonce)))
	if c.answers != nil {
		head = append(head, ctx(6, octets(c.answers)))
	}
	header, content := seq(head...), ctx(kind, body)
	parts := [][]byte{header, content}
	if c.alg != nil {
		mac := c.protect(c, seq(header, content))
		parts = append(parts, ctx(0, enc(func(b *cryptobyte.Builder) { b.AddASN1BitString(mac) })))
	}
	if c.certs != nil {
		parts = append(parts, ctx(1, seq(c.certs...)))
	}
	return seq(parts...)
}

// cmpAnswer is what a test looks at in an answer.
type cmpAnswer struct {
	kind      int
	body      cryptobyte.String
	nonce     []byte // senderNonce
	recipient []byte // recipNonce
	protected bool
	status    int64
	text      string
	bits      []byte // failInfo
	cert      []byte
}

// read takes an answer apart.
func (c *cmpClient) read(raw []byte) (a cmpAnswer) {
	c.t.Helper()
	in := cryptobyte.String(raw)
	var msg, head, field cryptobyte.String
	var t der.Tag
	if !in.ReadASN1(&msg, der.SEQUENCE) || !in.Empty() || !msg.ReadASN1(&head, der.SEQUENCE) || !msg.ReadAnyASN1(&a.body, &t) {
		c.t.Fatalf("no PKIMessage: %x", raw)
	}
	a.kind, a.protected = int(t&0x1f), msg.PeekASN1Tag(der.Tag(0).ContextSpecific().Constructed())
	for !head.Empty() {
		if !head.ReadAnyASN1(&field, &t) {
			c.t.Fatalf("no PKIHeader: %x", raw)
		}
		var value cryptobyte.String
		switch t {
		case der.Tag(5).ContextSpecific().Constructed():
			field.ReadASN1(&value, der.OCTET_STRING)
			a.nonce = value
		case der.Tag(6).ContextSpecific().Constructed():
			field.ReadASN1(&value, der.OCTET_STRING)
			a.recipient = value
		}
	}
	a.status = -1
	body := a.body
	var list, one, info, pair cryptobyte.String
	switch a.kind {
	case 23:
		if body.ReadASN1(&list, der.SEQUENCE) && list.ReadASN1(&info, der.SEQUENCE) {
			a.readStatus(info)
		}
	case 1, 3, 8:
		var id int64
		if body.ReadASN1(&list, der.SEQUENCE) && list.ReadASN1(&list, der.SEQUENCE) && list.ReadASN1(&one, der.SEQUENCE) &&
			one.ReadASN1Integer(&id) && one.ReadASN1(&info, der.SEQUENCE) {
			a.readStatus(info)
			if one.ReadASN1(&pair, der.SEQUENCE) {
				pair.ReadASN1(&pair, der.Tag(0).ContextSpecific().Constructed())
				a.cert = pair
			}
		}
	}
	return a
}

func (a *cmpAnswer) readStatus(info cryptobyte.String) {
	var texts, text cryptobyte.String
	info.ReadASN1Integer(&a.status)
	if info.ReadASN1(&texts, der.SEQUENCE) && texts.ReadASN1(&text, der.UTF8String) {
		a.text = string(text)
	}
	var bits asn1.BitString
	if info.ReadASN1BitString(&bits) {
		for i := range bits.BitLength {
			if bits.At(i) == 1 {
				a.bits = append(a.bits, byte(i))
			}
		}
	}
}

// crmf is the one CertReqMsg of an ir (RFC 4211) for a key.
func crmf(t testing.TB, id int64, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	in := cryptobyte.String(spki)
	var inside cryptobyte.String
	in.ReadASN1(&inside, der.SEQUENCE)
	request := seq(num(id), seq(ctx(5, seq()), ctx(6, inside)))
	sum := sha256.Sum256(request)
	sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return seq(request, ctx(1, seq(oidDER(oid(1, 2, 840, 10045, 4, 3, 2))), enc(func(b *cryptobyte.Builder) { b.AddASN1BitString(sig) })))
}

// certConfirm is the body of a certConf.
func certConfirm(id int64, hash []byte, status ...int64) []byte {
	one := [][]byte{octets(hash), num(id)}
	if len(status) > 0 {
		one = append(one, seq(num(status[0])))
	}
	return seq(seq(one...))
}

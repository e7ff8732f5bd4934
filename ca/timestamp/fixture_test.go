package timestamp_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/timestamp"
)

var testPolicy = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 3, 1}

func trusted() error { return nil }

// bench is a fixture with a unit on it.
type bench struct {
	*catest.Fixture
	*timestamp.Unit
	key ca.SigningKey
	at  time.Time
}

func open(t testing.TB, change ...func(*timestamp.Config)) *bench {
	t.Helper()
	b := &bench{at: time.Now().UTC().Truncate(time.Millisecond)}
	b.Fixture = catest.New(t, func() time.Time { return b.at })
	b.key = b.SigningKey(t, "tsu", ca.Service{Profile: ca.TimeStamping, CommonName: "Mohr Test TSU"})
	c := timestamp.Config{
		Key: b.key, Policy: testPolicy, Clock: trusted, Now: func() time.Time { return b.at }, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	for _, fn := range change {
		fn(&c)
	}
	u, err := timestamp.New(c)
	if err != nil {
		t.Fatal(err)
	}
	b.Unit = u
	return b
}

// query is a TimeStampReq to be built, right or wrong.
type query struct {
	version    int64
	hash       asn1.ObjectIdentifier
	params     []byte
	digest     []byte
	policy     asn1.ObjectIdentifier
	nonce      []byte // DER
	certReq    bool
	extensions []byte // DER of what is in [0]
}

var oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}

func good() query {
	sum := sha256.Sum256([]byte("data"))
	return query{version: 1, hash: oidSHA256, params: []byte{5, 0}, digest: sum[:], certReq: true}
}

func (q query) der() []byte {
	var b cryptobyte.Builder
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(q.version)
		b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(q.hash)
				b.AddBytes(q.params)
			})
			b.AddASN1OctetString(q.digest)
		})
		if q.policy != nil {
			b.AddASN1ObjectIdentifier(q.policy)
		}
		b.AddBytes(q.nonce)
		if q.certReq {
			b.AddASN1Boolean(true)
		}
		if q.extensions != nil {
			b.AddASN1(cryptobyte_asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(q.extensions) })
		}
	})
	return b.BytesOrPanic()
}

// statusOf reads PKIStatusInfo with encoding/asn1.
func statusOf(t testing.TB, response []byte) (int, asn1.BitString) {
	t.Helper()
	var r struct {
		Info struct {
			Status   int
			Text     []string       `asn1:"optional"`
			FailInfo asn1.BitString `asn1:"optional"`
		}
		Token asn1.RawValue `asn1:"optional"`
	}
	if rest, err := asn1.Unmarshal(response, &r); err != nil || len(rest) > 0 {
		t.Fatalf("not a TimeStampResp: %v, %x", err, response)
	}
	if (r.Info.Status == 0) != (len(r.Token.FullBytes) > 0) {
		t.Fatalf("status %d and a token of %d octets", r.Info.Status, len(r.Token.FullBytes))
	}
	return r.Info.Status, r.Info.FailInfo
}

// unreachable is a signer whose token was pulled.
type unreachable struct{ crypto.Signer }

func (unreachable) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("token removed")
}

// selfMade is a unit under a root of the test's own, with keys of any kind.
func selfMade(t *testing.T, signer crypto.Signer, change func(c *x509.Certificate)) (ca.SigningKey, *x509.Certificate) {
	t.Helper()
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	make := func(c, parent *x509.Certificate, key crypto.PublicKey) *x509.Certificate {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key, rootKey)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	root = make(root, root, rootKey.Public())
	unit := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "unit"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: []byte{0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 8}}}}
	if change != nil {
		change(unit)
	}
	return ca.SigningKey{Certificate: make(unit, root, signer.Public()), Signer: signer}, root
}

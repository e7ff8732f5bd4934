package scep

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
)

// keyPair is a key under a certificate that it signed itself.
func keyPair(t testing.TB) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(5), SubjectKeyId: []byte{1, 2, 3}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

func TestWhatIsSealedOpensWithItsKeyAlone(t *testing.T) {
	key, cert := keyPair(t)
	other, _ := keyPair(t)
	for _, plain := range [][]byte{{}, []byte("fifteen octets."), []byte("sixteen octets.."), bytes.Repeat([]byte("long"), 1000)} {
		sealed, err := sealTo(cert, &key.PublicKey, plain)
		if err != nil {
			t.Fatal(err)
		}
		e, err := parseEnvelope(sealed)
		if err != nil || !e.to.is(cert) {
			t.Fatalf("%v, for %+v", err, e.to)
		}
		if got, ok := e.open(key); !ok || !bytes.Equal(got, plain) {
			t.Errorf("%d octets became %x, %v", len(plain), got, ok)
		}
		if got, ok := e.open(other); ok && bytes.Equal(got, plain) {
			t.Error("another key opens it")
		}
	}
}

func TestPaddingIsOneToSixteenOctetsOfTheirNumber(t *testing.T) {
	block := func(tail ...byte) []byte { return append(bytes.Repeat([]byte{9}, 16-len(tail)), tail...) }
	for _, c := range []struct {
		name string
		in   []byte
		left int // -1: refused
	}{
		{"one", block(1), 15},
		{"two", block(2, 2), 14},
		{"a whole block", bytes.Repeat([]byte{16}, 16), 0},
		{"none", block(0), -1},
		{"more than a block", block(17), -1},
		{"200", block(200), -1},
		{"another number in it", block(3, 2, 3), -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := unpad(c.in)
			if ok != (c.left >= 0) || ok && len(got) != c.left {
				t.Errorf("%x, %v", got, ok)
			}
		})
	}
}

// FuzzMessage: whatever comes, parsing ends in a message or a fault, and what is
// inside opens or does not.
func FuzzMessage(f *testing.F) {
	key, cert := keyPair(f)
	sealed, err := sealTo(cert, &key.PublicKey, []byte("content"))
	if err != nil {
		f.Fatal(err)
	}
	d := &Desk{Config: Config{Key: func() ca.SigningKey { return ca.SigningKey{Signer: key, Certificate: cert} }, Now: time.Now}}
	good, err := d.answer(message{transaction: "t", nonce: make([]byte, nonceSize)}, success, sealed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(sealed)
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parse(raw)
		if err == nil {
			raw = m.envelope
			if m.transaction == "" || len(m.nonce) != nonceSize {
				t.Fatalf("%+v", m)
			}
		} else if _, ok := fault.Of(err); !ok {
			t.Fatalf("no fault: %v", err)
		}
		if e, err := parseEnvelope(raw); err == nil {
			e.open(key)
		} else if _, ok := fault.Of(err); !ok {
			t.Fatalf("no fault: %v", err)
		}
		challengeOf(raw)
		parseWanted(raw)
	})
}

// FuzzMessage's seeds are messages of ours; this one is strongSwan's.
func TestAMessageOfStrongSwanIsRead(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "strongswan-pkcsreq.der"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := parse(raw)
	if err != nil || m.kind != pkcsReq || !m.selfSigned() {
		t.Fatalf("%v %+v", err, m.kind)
	}
	if _, err := m.key(); err != nil {
		t.Error(err)
	}
	e, err := parseEnvelope(m.envelope)
	if err != nil || e.keySize != 16 {
		t.Errorf("%v, a key of %d octets", err, e.keySize)
	}
}

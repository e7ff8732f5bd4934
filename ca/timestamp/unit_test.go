package timestamp_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/timestamp"
	"mohr/internal/fault"
)

func TestEveryFailureHasItsBit(t *testing.T) {
	const badAlg, badRequest, badDataFormat, timeNotAvailable, unacceptedPolicy, unacceptedExtension, systemFailure = 0, 2, 5, 14, 15, 16, 25
	with := func(fn func(q *query)) []byte { q := good(); fn(&q); return q.der() }
	sha1 := asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	tests := []struct {
		name  string
		der   []byte
		clock error
		key   bool // out of reach
		want  int
	}{
		{name: "nothing", der: nil, want: badDataFormat},
		{name: "noise", der: []byte("hello"), want: badDataFormat},
		{name: "a request cut short", der: good().der()[:20], want: badDataFormat},
		{name: "trailing bytes", der: append(good().der(), 0), want: badDataFormat},
		{name: "too long a request", der: with(func(q *query) { q.extensions = make([]byte, 5000) }), want: badDataFormat},
		{name: "a digest of another length", der: with(func(q *query) { q.digest = q.digest[:31] }), want: badDataFormat},
		{name: "a nonce that is not DER", der: with(func(q *query) { q.nonce = []byte{2, 2, 0, 1} }), want: badDataFormat},
		{name: "a nonce without end", der: with(func(q *query) { q.nonce = append([]byte{2, 0x81, 200, 1}, make([]byte, 199)...) }), want: badDataFormat},
		{name: "version 2", der: with(func(q *query) { q.version = 2 }), want: badRequest},
		{name: "SHA-1", der: with(func(q *query) { q.hash, q.digest = sha1, q.digest[:20] }), want: badAlg},
		{name: "a hash with parameters", der: with(func(q *query) { q.params = []byte{2, 1, 1} }), want: badAlg},
		{name: "another policy", der: with(func(q *query) { q.policy = asn1.ObjectIdentifier{1, 2, 3} }), want: unacceptedPolicy},
		{name: "an extension", der: with(func(q *query) { q.extensions = []byte{0x30, 8, 6, 2, 0x2a, 3, 4, 2, 5, 0} }), want: unacceptedExtension},
		{name: "a clock nobody trusts", der: good().der(), clock: errors.New("clock was set"), want: timeNotAvailable},
		{name: "a key out of reach", der: good().der(), key: true, want: systemFailure},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := open(t, func(c *timestamp.Config) {
				c.Clock = func() error { return test.clock }
				if test.key {
					c.Key.Signer = unreachable{c.Key.Signer}
				}
			})
			status, failure := statusOf(t, b.Respond(test.der))
			want := asn1.BitString{Bytes: make([]byte, test.want/8+1), BitLength: test.want + 1}
			want.Bytes[test.want/8] = 0x80 >> (test.want % 8)
			if status != 2 || failure.BitLength != want.BitLength || !bytes.Equal(failure.Bytes, want.Bytes) {
				t.Errorf("status %d, failInfo %x of %d bits; want bit %d", status, failure.Bytes, failure.BitLength, test.want)
			}
		})
	}
}

func TestWhatIsAskedForIsGranted(t *testing.T) {
	b := open(t)
	tests := []struct {
		name   string
		change func(q *query)
	}{
		{"the plain request", func(*query) {}},
		{"no parameters", func(q *query) { q.params = nil }},
		{"our policy", func(q *query) { q.policy = testPolicy }},
		{"a nonce", func(q *query) { q.nonce = []byte{2, 3, 1, 2, 3} }},
		{"a nonce below zero", func(q *query) { q.nonce = []byte{2, 1, 0xff} }},
		{"SHA-384", func(q *query) {
			q.hash, q.digest = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, make([]byte, 48)
		}},
		{"SHA-512", func(q *query) {
			q.hash, q.digest = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, make([]byte, 64)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q := good()
			test.change(&q)
			response := b.Respond(q.der())
			if status, _ := statusOf(t, response); status != 0 {
				t.Fatalf("status %d", status)
			}
			if !bytes.Contains(response, q.nonce) {
				t.Error("the nonce is not echoed")
			}
			at, err := timestamp.Verify(response, q.digest, b.Root)
			if err != nil || !at.Equal(b.at) {
				t.Errorf("Verify: %v, %v; want %v", at, err, b.at)
			}
		})
	}
}

func TestCertReqIsHonoured(t *testing.T) {
	b := open(t)
	q := good()
	if r := b.Respond(q.der()); !bytes.Contains(r, b.key.Certificate.Raw) || !bytes.Contains(r, b.key.Chain[0].Raw) {
		t.Error("the certificates that were asked for are not inside")
	}
	q.certReq = false
	if r := b.Respond(q.der()); bytes.Contains(r, b.key.Certificate.Raw) || bytes.Contains(r, b.key.Chain[0].Raw) {
		t.Error("certificates are inside though nobody asked")
	}
}

func TestSerialsDiffer(t *testing.T) {
	b := open(t)
	seen := map[string]bool{}
	sum := sha256.Sum256([]byte("data"))
	for range 50 {
		r, err := b.Stamp(t.Context(), sum[:])
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(r)] {
			t.Fatal("two tokens are the same")
		}
		seen[string(r)] = true
	}
}

func TestStampInProcess(t *testing.T) {
	var clock error
	b := open(t, func(c *timestamp.Config) { c.Clock = func() error { return clock } })
	sum := sha256.Sum256([]byte("data"))
	r, err := b.Stamp(t.Context(), sum[:])
	if err != nil {
		t.Fatal(err)
	}
	if at, err := timestamp.Verify(r, sum[:], b.Root); err != nil || !at.Equal(b.at) {
		t.Errorf("Verify: %v, %v", at, err)
	}
	if _, err := b.Stamp(t.Context(), sum[:20]); fault.Code(err) != "timestamp_digest_length" {
		t.Errorf("Stamp 20 octets: %v", err)
	}
	clock = errors.New("clock was set")
	if _, err := b.Stamp(t.Context(), sum[:]); fault.Code(err) != "timestamp_clock_untrusted" || !errors.Is(err, fault.Unavailable) {
		t.Errorf("Stamp with a clock nobody trusts: %v", err)
	}
	clock = nil
	// Half of the certificate's life its key may sign (privateKeyUsagePeriod).
	b.at = b.key.Certificate.NotBefore.Add(b.key.Certificate.NotAfter.Sub(b.key.Certificate.NotBefore)/2 + time.Hour)
	if _, err := b.Stamp(t.Context(), sum[:]); fault.Code(err) != "timestamp_unavailable" {
		t.Errorf("Stamp after the key's usage period: %v", err)
	}
	if err := b.Use(b.SigningKey(t, "tsu-2", ca.Service{Profile: ca.TimeStamping, CommonName: "Mohr Test TSU"})); err != nil {
		t.Fatal(err)
	}
	if r, err = b.Stamp(t.Context(), sum[:]); err != nil {
		t.Errorf("Stamp with the next key: %v", err)
	}
	if _, err := timestamp.Verify(r, sum[:], b.Root); err != nil {
		t.Errorf("Verify: %v", err)
	}
}

func TestNewRefusesWhatCannotStamp(t *testing.T) {
	b := open(t)
	holder, _ := b.IssueTo(t, catest.Zahra, ca.NaturalSign, "application-1")
	tests := []struct {
		name   string
		change func(c *timestamp.Config)
	}{
		{"nothing", func(c *timestamp.Config) { *c = timestamp.Config{} }},
		{"no clock", func(c *timestamp.Config) { c.Clock = nil }},
		{"no policy", func(c *timestamp.Config) { c.Policy = nil }},
		{"an accuracy above a second", func(c *timestamp.Config) { c.Accuracy = 2 * time.Second }},
		{"an accuracy of microseconds", func(c *timestamp.Config) { c.Accuracy = 1500 * time.Microsecond }},
		{"a certificate for something else", func(c *timestamp.Config) { c.Key = holder }},
		{"a certificate for another key", func(c *timestamp.Config) { c.Key.Signer = holder.Signer }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := timestamp.Config{Key: b.key, Policy: testPolicy, Clock: trusted}
			test.change(&c)
			if _, err := timestamp.New(c); err == nil {
				t.Error("New took it")
			}
		})
	}
}

func TestOtherKindsOfKeysStamp(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("data"))
	for name, signer := range map[string]crypto.Signer{"P-384": p384, "RSA": rsaKey} {
		t.Run(name, func(t *testing.T) {
			key, root := selfMade(t, signer, nil)
			u, err := timestamp.New(timestamp.Config{Key: key, Policy: testPolicy, Clock: trusted, Accuracy: 250 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			r, err := u.Stamp(t.Context(), sum[:])
			if err != nil {
				t.Fatal(err)
			}
			if _, err := timestamp.Verify(r, sum[:], root); err != nil {
				t.Errorf("Verify: %v", err)
			}
		})
	}
	notCritical := func(c *x509.Certificate) { c.ExtraExtensions[0].Critical = false }
	key, _ := selfMade(t, p384, notCritical)
	if _, err := timestamp.New(timestamp.Config{Key: key, Policy: testPolicy, Clock: trusted}); err == nil {
		t.Error("New took a certificate whose extended key usage is not critical")
	}
}

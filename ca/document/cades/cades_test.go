package cades_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/document"
	"mohr/ca/document/cades"
	"mohr/ca/document/doctest"
	"mohr/internal/fault"
	"mohr/internal/pkitest"
)

var text = []byte("a contract\n")

// source is a Source that says one thing.
type source document.Values

func (v source) Values(context.Context, []*x509.Certificate) (document.Values, error) {
	return document.Values(v), nil
}

// now is an instant of today: openssl looks at the clock.
var now = time.Now().UTC().Truncate(time.Second)

// bench is a PKI that is good today.
type bench struct {
	*doctest.PKI
	options cades.Options
}

func open(t testing.TB) *bench {
	t.Helper()
	p := doctest.New(t)
	unit := p.Unit(t, func() time.Time { return now }, longer)
	return &bench{p, cades.Options{MIME: "text/plain", Time: now, Stamper: unit, Source: source(p.Good(t, now))}}
}

func longer(c *x509.Certificate) { c.NotAfter = doctest.Start.AddDate(9, 0, 0) }

func (b *bench) sign(t testing.TB, key ca.SigningKey, change func(*cades.Options)) []byte {
	t.Helper()
	o := b.options
	if change != nil {
		change(&o)
	}
	raw, err := cades.Sign(t.Context(), key, document.Bytes(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (b *bench) judge(t testing.TB, raw []byte, beside document.Content) document.Report {
	t.Helper()
	list, err := cades.Read(raw, beside)
	if err != nil {
		t.Fatal(err)
	}
	return document.Validate(document.Proof{Signatures: list, Roots: []*x509.Certificate{b.Root}}, document.Policy{}, now)
}

func TestOpenSSLTakesOurSignatures(t *testing.T) {
	tool := pkitest.Need(t, "openssl", "openssl")
	b := open(t)
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	root := write("root.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.Root.Raw}))
	content := write("contract.txt", text)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		key     ca.SigningKey
		enclose bool
		change  func(*cades.Options)
	}{
		{"P-256 detached at level LT", b.Issue(t, nil, longer), false, nil},
		{"P-256 enclosing at level LT", b.Issue(t, nil, longer), true, func(o *cades.Options) { o.Enclose = true }},
		{"P-384 at level T", b.Issue(t, p384, longer), false, func(o *cades.Options) { o.Source = nil }},
		{"RSA at level B", b.Issue(t, rsa2048, longer), false, func(o *cades.Options) { o.Source, o.Stamper = nil, nil }},
		{"with an answer of OCSP inside", b.Issue(t, nil, longer), false, func(o *cades.Options) {
			o.Source = source{OCSPs: [][]byte{b.OCSP(t, b.Issuing, now)}}
		}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			raw := b.sign(t, tc.key, tc.change)
			args := []string{"cms", "-verify", "-cades", "-inform", "DER", "-in", write("signed.p7s", raw), "-CAfile", root, "-purpose", "any", "-binary"}
			if !tc.enclose {
				args = append(args, "-content", content)
			}
			var said, out bytes.Buffer
			c := exec.CommandContext(t.Context(), tool, args...)
			c.Stdout, c.Stderr = &out, &said
			if err := c.Run(); err != nil || !strings.Contains(said.String(), "CAdES Verification successful") {
				t.Errorf("openssl: %v\n%s", err, &said)
			}
			if !bytes.Equal(out.Bytes(), text) {
				t.Errorf("openssl saw %q", &out)
			}
		})
	}
}

func TestWhatOpenSSLSignsIsRead(t *testing.T) {
	tool := pkitest.Need(t, "openssl", "openssl")
	b := open(t)
	key := b.Issue(t, nil, longer)
	dir := t.TempDir()
	private, err := x509.MarshalPKCS8PrivateKey(key.Signer)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		"cert.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: key.Certificate.Raw}),
		"ca.pem":   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.Issuing.Raw}),
		"text":     text,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, more := range [][]string{nil, {"-keyid"}, {"-nodetach"}} {
		c := exec.CommandContext(t.Context(), tool, append([]string{"cms", "-sign", "-cades", "-binary", "-outform", "DER", "-in", "text", "-signer", "cert.pem", "-inkey", "key.pem", "-certfile", "ca.pem"}, more...)...)
		c.Dir = dir
		raw, err := c.Output()
		if err != nil {
			t.Fatalf("openssl %v: %v", more, err)
		}
		list, err := cades.Read(raw, document.Bytes(text))
		if err != nil {
			t.Fatalf("%v: %v", more, err)
		}
		r := document.Validate(document.Proof{Signatures: list, Roots: []*x509.Certificate{b.Root}, Known: b.Good(t, now)}, document.Policy{}, now)
		if r.Indication != document.Passed {
			t.Errorf("%v: %+v", more, r.Signatures[0])
		}
	}
}

func TestASignatureMadeInTwoStepsIsTheSame(t *testing.T) {
	b := open(t)
	key := b.Issue(t, nil, longer)
	sum := document.Bytes(text).Digest(crypto.SHA256)
	d, err := cades.Prepare(key.Certificate, key.Chain, document.SHA256(sum), b.options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Finish([]byte("no signature")); err == nil {
		t.Error("a value that does not hold was taken")
	}
	digest := document.Bytes(d.Input()).Digest(crypto.SHA256)
	sig, err := ecdsa.SignASN1(rand.Reader, key.Signer.(*ecdsa.PrivateKey), digest)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := d.Finish(sig)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err = cades.Raise(t.Context(), raw, b.options.Stamper, b.options.Source); err != nil {
		t.Fatal(err)
	}
	for _, c := range []document.Content{document.Bytes(text), document.SHA256(sum)} {
		r := b.judge(t, raw, c)
		if v := r.Signatures[0]; r.Indication != document.Passed || v.Level != document.LevelLT || v.MIME != "text/plain" || !v.ClaimedTime.Equal(now) {
			t.Errorf("%+v", v)
		}
	}
	if v := b.judge(t, raw, document.Content{}).Signatures[0]; v.SubIndication != document.SignedDataNotFound {
		t.Errorf("without the document: %s %s", v.Indication, v.SubIndication)
	}
	twice, err := cades.Raise(t.Context(), raw, b.options.Stamper, b.options.Source)
	if err != nil || !bytes.Equal(twice, raw) {
		t.Errorf("raised twice: %d octets instead of %d, %v", len(twice), len(raw), err)
	}
}

func TestWhatCannotBeSignedIsNotSigned(t *testing.T) {
	b := open(t)
	key := b.Issue(t, nil, longer)
	other := doctest.Key(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		key     ca.SigningKey
		content document.Content
		change  func(*cades.Options)
	}{
		{"another's key", ca.SigningKey{Certificate: key.Certificate, Chain: key.Chain, Signer: other}, document.Bytes(text), nil},
		{"no certificate", ca.SigningKey{Signer: other}, document.Bytes(text), nil},
		{"a weak key", b.Issue(t, weak, longer), document.Bytes(text), nil},
		{"nothing", key, document.Content{}, nil},
		{"a digest to be enclosed", key, document.SHA256(make([]byte, 32)), func(o *cades.Options) { o.Enclose = true }},
		{"a long type", key, document.Bytes(text), func(o *cades.Options) { o.MIME = strings.Repeat("a", 300) }},
		{"a unit that stamps something else", key, document.Bytes(text), func(o *cades.Options) { o.Stamper = wrongUnit{o.Stamper} }},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			o := b.options
			if tc.change != nil {
				tc.change(&o)
			}
			if raw, err := cades.Sign(t.Context(), tc.key, tc.content, o); err == nil {
				t.Errorf("signed: %x", raw[:20])
			}
		})
	}
}

// wrongUnit stamps another digest than it is asked to.
type wrongUnit struct{ document.Stamper }

func (w wrongUnit) Stamp(ctx context.Context, digest []byte) ([]byte, error) {
	other := bytes.Clone(digest)
	other[0] ^= 1
	return w.Stamper.Stamp(ctx, other)
}

func TestBrokenSignaturesAreRefused(t *testing.T) {
	b := open(t)
	raw := b.sign(t, b.Issue(t, nil, longer), func(o *cades.Options) { o.Enclose, o.Stamper, o.Source = true, nil, nil })
	tests := []struct {
		name string
		raw  []byte
	}{
		{"nothing", nil},
		{"text", text},
		{"half", raw[:len(raw)/2]},
		{"bytes behind it", append(bytes.Clone(raw), 0)},
		{"indefinite lengths", []byte{0x30, 0x80, 0x06, 0x00}},
		{"a certificate", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.Root.Raw})},
		{"two blocks", append(pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: raw})...)},
		{"too much", make([]byte, cades.MaxSize+1)},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			_, err := cades.Read(tc.raw, document.Content{})
			if c := fault.Code(err); c != "cades_malformed" && c != "cades_too_large" {
				t.Errorf("Read: %v", err)
			}
		})
	}
	if _, err := cades.Read(pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: raw}), document.Content{}); err != nil {
		t.Errorf("one block: %v", err)
	}
	if r := b.judge(t, raw, document.Bytes([]byte("another"))); r.Signatures[0].SubIndication != document.SigConstraints {
		t.Errorf("another document beside the one inside: %s %s", r.Indication, r.Signatures[0].SubIndication)
	}
}

// Whatever bit is turned, the signature of a document is never good for
// another document or another signer.
func TestNoTurnedBitMakesAnotherSignature(t *testing.T) {
	b := open(t)
	key := b.Issue(t, nil, longer)
	raw := b.sign(t, key, func(o *cades.Options) { o.Stamper, o.Source = nil, nil })
	known := b.Good(t, now)
	for n := 0; n < len(raw)*8; n += 5 { // every bit of an octet in some of them
		bad := bytes.Clone(raw)
		bad[n/8] ^= 1 << (n % 8)
		list, err := cades.Read(bad, document.Bytes(text))
		if err != nil {
			continue
		}
		r := document.Validate(document.Proof{Signatures: list, Roots: []*x509.Certificate{b.Root}, Known: known}, document.Policy{}, now)
		if r.Indication == document.Passed && !list[0].Signer.Equal(key.Certificate) {
			t.Fatalf("bit %d turned makes a signature of %s", n, list[0].Signer.Subject)
		}
	}
}

package incident_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/incident"
	"mohr/internal/fault"
)

// request is a certification request with a subject.
func request(t testing.TB, key crypto.Signer, subject pkix.Name) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
	must(t, err)
	return der
}

// proofOf is the proof of a fresh key; the request is for its kind only.
func proofOf(t testing.TB, _ ca.CSR) []byte {
	t.Helper()
	key, _ := newKey(t)
	return request(t, key, pkix.Name{CommonName: incident.KeyProof})
}

func TestAKeyThatSaysSoIsBlockedWithAllItsCertificates(t *testing.T) {
	b := newBench(t)
	key, csr := newKey(t)
	var list []ca.Certificate
	for _, name := range []string{"one", "two", "suspended"} {
		c, err := b.f.Issue(t.Context(), ca.Order{Request: name, CSR: csr, Decision: b.f.Decide(t, person(1), ca.NaturalSign)})
		must(t, err)
		list = append(list, c)
	}
	must(t, b.f.Suspend(t.Context(), list[2].Serial, "test"))
	proof := request(t, key, pkix.Name{CommonName: incident.KeyProof})
	var first incident.KeyReport
	for n := range 3 {
		r, err := b.ReportKey(t.Context(), proof)
		if err != nil || r.SPKISHA256 != csr.SPKISHA256() || len(r.Certificates) != 3 {
			t.Fatalf("%+v, %v", r, err)
		}
		if n == 0 {
			first = r
		}
		if !r.BlockedAt.Equal(first.BlockedAt) {
			t.Errorf("blocked at %s, then at %s", first.BlockedAt, r.BlockedAt)
		}
		b.clock.move(time.Minute)
	}
	b.revokedOnce(list[:2], ca.KeyCompromise)
	if now := b.reload(list[2].Serial); now.Revoked.Reason != ca.KeyCompromise {
		t.Errorf("%+v", now.Revoked)
	}
	if by := b.reload(list[0].Serial).Revoked.By; by != "key" {
		t.Errorf("by %s", by)
	}
	_, err := b.f.Issue(t.Context(), ca.Order{Request: "again", CSR: csr, Decision: b.f.Decide(t, person(1), ca.NaturalSign)})
	wantCode(t, "certified again", err, "key_compromised")
}

func TestOnlyTheKeysOwnWordCounts(t *testing.T) {
	b := newBench(t)
	key, _ := newKey(t)
	other, _ := newKey(t)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	must(t, err)
	good := request(t, key, pkix.Name{CommonName: incident.KeyProof})
	// A request may hold the text of another one, of which its key says nothing.
	inside := request(t, other, pkix.Name{CommonName: "\n" + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: good}))})
	forged := append([]byte{}, good...)
	forged[len(forged)-1] ^= 1
	for _, test := range []struct {
		name  string
		proof []byte
		code  string
	}{
		{"a request for a certificate", request(t, key, pkix.Name{CommonName: "Zahra"}), "key_proof"},
		{"a request without a subject", request(t, other, pkix.Name{}), "key_proof"},
		{"more than the words", request(t, other, pkix.Name{CommonName: incident.KeyProof, Organization: []string{"x"}}), "key_proof"},
		{"the words of another key inside", inside, "key_proof"},
		{"a signature that does not hold", forged, "csr_possession_unproven"},
		{"something after it", append(append([]byte{}, good...), 0), "csr_trailing_bytes"},
		{"a kind of key that is never certified", request(t, p521, pkix.Name{CommonName: incident.KeyProof}), "csr_key_unsupported"},
		{"nothing", nil, "csr_malformed"},
		{"too much", make([]byte, ca.MaxCSR+1), "csr_too_large"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := b.ReportKey(t.Context(), test.proof)
			wantCode(t, test.name, err, test.code)
		})
	}
	if list, err := b.f.BlockedKeys(t.Context(), "", 0); err != nil || len(list) != 0 {
		t.Errorf("%d keys blocked, %v", len(list), err)
	}
}

func TestKeysOfNobodyFillTheListOnlySoFast(t *testing.T) {
	b := newBench(t)
	_, csr := newKey(t)
	key, seen := newKey(t)
	_, err := b.f.Issue(t.Context(), ca.Order{Request: "one", CSR: seen, Decision: b.f.Decide(t, person(1), ca.NaturalSign)})
	must(t, err)
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		proof := proofOf(t, csr)
		all.Go(func() { _, errs[i] = b.ReportKey(t.Context(), proof) })
	}
	all.Wait()
	taken := 0
	for _, err := range errs {
		if err == nil {
			taken++
		} else if !errors.Is(err, fault.Limited) || fault.Code(err) != "key_report_limit" {
			t.Error(err)
		}
	}
	if taken != 3 {
		t.Errorf("%d of 8 taken, the limit is 3", taken)
	}
	if _, err := b.ReportKey(t.Context(), request(t, key, pkix.Name{CommonName: incident.KeyProof})); err != nil {
		t.Errorf("a key that was certified: %v", err)
	}
	b.clock.move(hour)
	if _, err := b.ReportKey(t.Context(), proofOf(t, csr)); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

// TestWhoeverFindsAKeyReportsItWithOpenSSL follows the words of the
// documentation, with the tool alone.
func TestWhoeverFindsAKeyReportsItWithOpenSSL(t *testing.T) {
	needOpenSSL(t)
	for name, kind := range map[string][]string{
		"EC P-256": {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"},
		"EC P-384": {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"},
		"RSA 2048": {"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			dir := t.TempDir()
			openssl(t, dir, append([]string{"genpkey", "-out", "found.key"}, kind...)...)
			openssl(t, dir, "req", "-new", "-key", "found.key", "-subj", "/CN=plain", "-out", "holder.csr")
			c := b.certify(t, filepath.Join(dir, "holder.csr"))
			followDocumentation(t, dir)
			proof, err := os.ReadFile(filepath.Join(dir, "found.csr"))
			must(t, err)
			r, err := b.ReportKey(t.Context(), proof)
			must(t, err)
			hash, err := os.ReadFile(filepath.Join(dir, "found.sha256"))
			must(t, err)
			if r.SPKISHA256 != strings.TrimSpace(string(hash)) || len(r.Certificates) != 1 || r.Certificates[0] != c.Serial {
				t.Errorf("%+v", r)
			}
			b.revokedOnce([]ca.Certificate{c}, ca.KeyCompromise)
		})
	}
}

// followDocumentation runs the shell lines of the page for who has found a key.
func followDocumentation(t *testing.T, dir string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "compromised-key.md"))
	must(t, err)
	_, rest, begin := strings.Cut(string(page), "```sh\n")
	lines, _, end := strings.Cut(rest, "```")
	if !begin || !end {
		t.Fatal("the page has no shell lines")
	}
	cmd := exec.Command("sh", "-e", "-c", lines)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func (b *bench) certify(t *testing.T, file string) ca.Certificate {
	t.Helper()
	der, err := os.ReadFile(file)
	must(t, err)
	csr, err := ca.ParseCSR(der)
	must(t, err)
	c, err := b.f.Issue(t.Context(), ca.Order{Request: file, CSR: csr, Decision: b.f.Decide(t, person(1), ca.NaturalSign)})
	must(t, err)
	return c
}

func needOpenSSL(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err == nil {
		return
	}
	if os.Getenv("MOHR_CI") != "" {
		t.Fatal("openssl is not installed: install the package openssl")
	}
	t.Skip("NOT TESTED against openssl: it is not installed; install the package openssl")
}

// openssl runs the tool in dir and returns what it wrote to its output.
func openssl(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %v: %v", args, err)
	}
	return out
}

func FuzzKeyProof(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(f, err)
	good := request(f, key, pkix.Name{CommonName: incident.KeyProof})
	f.Add(good)
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: good}))
	f.Add(request(f, key, pkix.Name{CommonName: "x"}))
	f.Add([]byte("-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n"))
	f.Fuzz(func(t *testing.T, proof []byte) {
		key, _, err := incident.ParseProof(proof)
		if (err == nil) != (len(key) == 64) || err != nil && !errors.Is(err, fault.Invalid) {
			t.Errorf("key %q, %v", key, err)
		}
	})
}

// TestAKeyThatIsHeldHereIsNotReportedByItsSignature: other software may have had
// it signed, unseen.
func TestAKeyThatIsHeldHereIsNotReportedByItsSignature(t *testing.T) {
	b := newBench(t)
	key, _ := newKey(t)
	proof := request(t, key, pkix.Name{CommonName: incident.KeyProof})
	b.Verifier.Stated = func(context.Context, string, string) error { return fault.New(fault.Denied, "held_no_statement", "no") }
	_, err := b.ReportKey(t.Context(), proof)
	wantCode(t, "a key that is held here", err, "key_held")
	b.Verifier.Stated = func(context.Context, string, string) error { return nil }
	_, err = b.ReportKey(t.Context(), proof)
	must(t, err)
}

package renew_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/renew"
)

func TestARenewalGivesANewCertificateToTheSameHolder(t *testing.T) {
	for _, profile := range []string{ca.NaturalSign, ca.OrganisationSign} {
		t.Run(profile, func(t *testing.T) {
			b := newBench(t, nil)
			old := b.enroll(t, sara, profile)
			b.open(old)
			w, key := b.wish(t, old)
			r, err := b.Renew(t.Context(), w)
			must(t, err)
			c := r.Certificate
			if c.Holder != old.rec.Holder || c.Business != old.rec.Business || c.Replaces != old.rec.Serial || c.Lineage != old.rec.Serial {
				t.Errorf("record %+v", c)
			}
			if c.Depth != 1 || !c.ProofAt.Equal(old.rec.ProofAt) || len(c.Evidence) == 0 {
				t.Errorf("depth %d, proof at %v, evidence %v", c.Depth, c.ProofAt, c.Evidence)
			}
			renewed := b.holder(t, key, c)
			if !renewed.cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool }).Equal(key.Public()) {
				t.Error("the certificate is for another key")
			}
			if renewed.cert.Subject.String() != old.cert.Subject.String() {
				t.Errorf("subject %s became %s", old.cert.Subject, renewed.cert.Subject)
			}
			block, rest := pem.Decode(r.Chain)
			issuer, _ := pem.Decode(rest)
			if block == nil || issuer == nil || !bytes.Equal(block.Bytes, c.DER) {
				t.Error("the chain is not the certificate and its issuer")
			}
			must(t, b.SendNotices(t.Context()))
			if len(b.phones.sent) != 1 || !strings.HasPrefix(b.phones.sent[0], "+989120000001 گواهی امضای") {
				t.Errorf("messages %q", b.phones.sent)
			}
			was, err := b.fixture.Certificate(t.Context(), old.rec.Serial)
			must(t, err)
			if was.ReplacedBy != c.Serial || was.Revoked != nil {
				t.Errorf("old certificate %+v", was)
			}
			b.clock = b.clock.Add(14*day + time.Second)
			must(t, b.fixture.Retire(t.Context()))
			if was, err = b.fixture.Certificate(t.Context(), old.rec.Serial); err != nil || was.Revoked == nil || was.Revoked.Reason != ca.Superseded {
				t.Errorf("after the overlap: %+v, %v", was.Revoked, err)
			}
		})
	}
}

func TestTheSameStatementGivesTheSameCertificate(t *testing.T) {
	b := newBench(t, nil)
	old := b.enroll(t, sara, ca.NaturalSign)
	b.open(old)
	w, _ := b.wish(t, old)
	first, err := b.Renew(t.Context(), w)
	must(t, err)
	must(t, b.SendNotices(t.Context()))
	asked := b.registry.asked
	again := func(name string, w renew.Wish) {
		t.Helper()
		r, err := b.Renew(t.Context(), w)
		if err != nil || !bytes.Equal(r.Certificate.DER, first.Certificate.DER) || r.Request != first.Request {
			t.Errorf("%s: %v, serial %s and not %s", name, err, r.Certificate.Serial, first.Certificate.Serial)
		}
	}
	again("at once", w)
	inPEM := w
	inPEM.Statement = pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: w.Statement})
	again("in PEM", inPEM)
	b.clock = b.clock.Add(60 * day)
	must(t, b.fixture.Retire(t.Context()))
	again("long after, with the old certificate superseded", w)
	must(t, b.SendNotices(t.Context()))
	if b.registry.asked != asked || len(b.phones.sent) != 1 {
		t.Errorf("asked the registers %d more times, sent %d messages", b.registry.asked-asked, len(b.phones.sent))
	}
	got, err := b.Issued(t.Context(), first.Request)
	if err != nil || got.Certificate.Serial != first.Certificate.Serial {
		t.Errorf("by its name: %v", err)
	}
	_, otherCSR, _ := newKey(t)
	w.CSR = otherCSR
	_, err = b.Renew(t.Context(), w)
	wantCode(t, err, "request_other_key")
}

func TestTwoStatementsForOneCertificateGiveOneRenewal(t *testing.T) {
	b := newBench(t, nil)
	old := b.enroll(t, sara, ca.NaturalSign)
	b.open(old)
	w, _ := b.wish(t, old)
	_, err := b.Renew(t.Context(), w)
	must(t, err)
	w, _ = b.wish(t, old)
	_, err = b.Renew(t.Context(), w)
	wantCode(t, err, "certificate_replaced")
	if !errors.Is(err, fault.Conflict) {
		t.Errorf("kind of %v", err)
	}
}

func TestTheChainOfRenewalsIsBounded(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	for depth := 1; depth <= 3; depth++ {
		b.open(h)
		w, key := b.wish(t, h)
		r, err := b.Renew(t.Context(), w)
		must(t, err)
		if r.Certificate.Depth != depth || r.LastOnProof != (depth == 3) {
			t.Fatalf("renewal %d: depth %d, last %v", depth, r.Certificate.Depth, r.LastOnProof)
		}
		if depth == 3 && !r.ProofDue.Equal(r.Certificate.NotAfter) {
			t.Errorf("the next proofing is due at %v", r.ProofDue)
		}
		clear(b.papers) // the second one rests on this room's own papers
		h = b.holder(t, key, r.Certificate)
	}
	b.open(h)
	w, _ := b.wish(t, h)
	_, err := b.Renew(t.Context(), w)
	wantCode(t, err, "renewal_proof_due")
}

func TestAStatementByOpensslRenews(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("MOHR_CI") != "" {
			t.Fatal("openssl is not installed: install the package openssl")
		}
		t.Skip("NOT TESTED against openssl: it is not installed; install the package openssl")
	}
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	b.open(h)
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(h.key)
	must(t, err)
	_, csr, spki := newKey(t)
	doc := b.document(t, h, spki, nil)
	for name, content := range map[string][]byte{
		"holder.key":   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"holder.pem":   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.cert.Raw}),
		"root.pem":     pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.fixture.Hierarchy.Root.Raw}),
		"renewal.json": doc,
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	cmd := exec.Command("openssl", "cms", "-sign", "-cades", "-binary", "-in", "renewal.json", "-signer", "holder.pem", "-inkey", "holder.key", "-outform", "DER", "-out", "renewal.p7s")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	statement, err := os.ReadFile(filepath.Join(dir, "renewal.p7s"))
	must(t, err)
	_, err = b.Renew(t.Context(), renew.Wish{Statement: statement, Document: doc, CSR: csr})
	must(t, err)
}

package enroll_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/enroll"
	"mohr/internal/store"
)

func TestTheSameKeyAgainGivesTheSameCertificate(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.approved(sara, ca.NaturalSign)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	d.must(err)
	first := a.csr(requestFor(t, key)).want(t, enroll.Issued, enroll.NeedCertificate)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: requestFor(t, key)}))
	again := a.csr(text).want(t, enroll.Issued, enroll.NeedCertificate)
	if first.Certificate != again.Certificate || first.Revocation != again.Revocation {
		t.Error("the second answer differs from the first")
	}
	a.csr(request(t)).refused(t, 409, "application_other_key")
	d.clock.pass(25 * time.Hour)
	if late := a.csr(text); late.Revocation != "" || late.Certificate != first.Certificate {
		t.Error("a day later the revocation code is still handed out, or the certificate is not")
	}
}

func TestOfTwoKeysAtOnceOneIsCertified(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.approved(sara, ca.NaturalSign)
	var all sync.WaitGroup
	replies := make([]reply, 8)
	for i := range replies {
		r := request(t)
		all.Go(func() { replies[i] = a.csr(r) })
	}
	all.Wait()
	issued := 0
	for _, r := range replies {
		if r.status == 200 {
			issued++
		} else if r.Code != "application_other_key" {
			t.Errorf("got %d %s", r.status, r.Code)
		}
	}
	if issued != 1 {
		t.Errorf("%d keys were certified", issued)
	}
	list, err := d.ca.OfHolder(t.Context(), d.ca.Holder(sara.code))
	if err != nil || len(list) != 1 {
		t.Errorf("the CA has %d certificates of the holder, error %v", len(list), err)
	}
}

func TestKeysThatAreRefusedLeaveTheApprovalStanding(t *testing.T) {
	d := newDesk(t, nil)
	sara, omid := person(1), person(2)
	d.regs.know(sara, omid)
	theirs, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	d.must(err)
	d.approved(omid, ca.NaturalSign).csr(requestFor(t, theirs)).want(t, enroll.Issued, enroll.NeedCertificate)
	weak, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	d.must(err)
	broken := request(t)
	broken[len(broken)-1] ^= 1
	a := d.approved(sara, ca.NaturalSign)
	tests := []struct {
		name    string
		request any
		status  int
	}{
		{"somebody else's key", requestFor(t, theirs), 403},
		{"P-224", requestFor(t, weak), 422},
		{"broken proof of possession", broken, 422},
		{"trailing bytes", append(request(t), 0), 422},
		{"no request", []byte("hello"), 422},
		{"too long", make([]byte, 20<<10), 413},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if r := a.csr(tc.request); r.status != tc.status || r.Code == "" {
				t.Fatalf("got %d %s", r.status, r.Code)
			}
			a.state().want(t, enroll.Approved, enroll.NeedCSR)
			a.nothingIssued()
		})
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	d.must(err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, rsaKey)
	d.must(err)
	a.csr(der).want(t, enroll.Issued, enroll.NeedCertificate)
}

func TestAnotherKeyThanTheAnnouncedOneIsRefused(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	d.must(err)
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	d.must(err)
	sum := sha256.Sum256(spki)
	a := d.apply(sara, ca.NaturalSign)
	consent := func(hash string) reply {
		return a.call("POST", a.path("/consent"), a.token, map[string]any{"accepted": true, "terms_version": "1", "spki_sha256": hash})
	}
	consent("ABC").refused(t, 422, "spki_sha256_invalid")
	consent(hex.EncodeToString(sum[:])).want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
	a.consent().refused(t, 409, "application_stage") // it cannot be taken back
	a.code(d.regs.code(sara.mobile))
	a.face("live").want(t, enroll.Approved, enroll.NeedCSR)
	a.csr(request(t)).refused(t, 403, "key_not_announced")
	a.csr(requestFor(t, key)).want(t, enroll.Issued, enroll.NeedCertificate)
}

func TestAnApprovalExpires(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a, late := d.approved(sara, ca.NaturalSign), d.approved(sara, ca.NaturalSign)
	d.clock.pass(30 * time.Minute)
	a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	d.clock.pass(time.Second)
	late.state().want(t, enroll.Expired)
	late.csr(request(t)).refused(t, 409, "application_expired")
	late.csr(request(t)).refused(t, 409, "application_expired")
	late.nothingIssued()
}

// tamper edits the stored application as somebody with access to the database would.
func (a *applicant) tamper(edit func(map[string]any)) {
	a.t.Helper()
	a.must(a.ca.Store.Update(a.t.Context(), func(tx store.Tx) error {
		b, err := tx.Get("enroll_applications", a.id)
		if err != nil {
			return err
		}
		var rec map[string]any
		if err := json.Unmarshal(b, &rec); err != nil {
			return err
		}
		edit(rec)
		return store.Save(tx, "enroll_applications", a.id, rec)
	}))
}

func TestEditsAfterApprovalAreSeen(t *testing.T) {
	proofs := func(rec map[string]any) []any { return rec["evidence"].([]any) }
	tests := []struct {
		name  string
		edit  func(map[string]any)
		stage enroll.Stage // after the key was refused
	}{
		{"the face match removed", func(rec map[string]any) {
			list := proofs(rec)
			rec["evidence"] = list[:len(list)-1]
		}, enroll.Collecting},
		{"a result edited", func(rec map[string]any) { proofs(rec)[0].(map[string]any)["result"] = "inconclusive" }, enroll.Approved},
		{"a hash edited", func(rec map[string]any) { proofs(rec)[1].(map[string]any)["sha256"] = "00" }, enroll.Approved},
		{"one proof put in another's place", func(rec map[string]any) {
			l := proofs(rec)
			l[0].(map[string]any)["sealed"] = l[1].(map[string]any)["sealed"]
		}, enroll.Approved},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			d := newDesk(t, nil)
			sara := person(1)
			d.regs.know(sara)
			a := d.approved(sara, ca.NaturalSign)
			a.tamper(tc.edit)
			if r := a.csr(request(t)); r.status < 400 {
				t.Fatalf("a certificate was issued: %d %s", r.status, r.Stage)
			}
			if got := a.state(); got.Stage != tc.stage {
				t.Errorf("stage is %s, want %s", got.Stage, tc.stage)
			}
			a.nothingIssued()
		})
	}
	t.Run("a stage set by hand", func(t *testing.T) {
		d := newDesk(t, nil)
		sara := person(1)
		d.regs.know(sara)
		a := d.apply(sara, ca.NaturalSign)
		a.consent()
		a.tamper(func(rec map[string]any) { rec["stage"] = "approved" })
		a.csr(request(t)).refused(t, 409, "application_unapproved")
		a.state().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
		a.nothingIssued()
	})
}

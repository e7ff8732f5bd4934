package enroll_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/enroll"
	"mohr/internal/fault"
)

// TestNothingTheClientSaysOfItsEvidenceCountsR2 hands in results of one's own
// beside what the routes ask for (ETSI TS 119 461, VAL-8.3.1-12).
func TestNothingTheClientSaysOfItsEvidenceCountsR2(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.apply(sara, ca.NaturalSign)
	a.consent()
	claims := map[string]any{"result": "match", "score_percent": 100, "live": true, "environment": "production", "national_code": sara.code}
	for _, path := range []string{"/evidence/otp_sms", "/evidence/face_match", "/evidence/refresh", "/evidence/civil_registry"} {
		body := map[string]any{"code": wrong(d.regs.code(sara.types)), "session": "somebody else"}
		for k, v := range claims {
			body[k] = v
		}
		if r := a.call("POST", a.path(path), a.token, body); r.status < 400 && path != "/evidence/refresh" {
			t.Errorf("%s took %s", path, r.raw)
		}
	}
	a.state().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
	a.csr(request(t)).refused(t, 409, "application_unapproved")
	a.nothingIssued()
}

// TestASubjectNameIsNeverAnothersR14: people of one name have subjects of
// their own, and a subject stays one person's over renewals of any kind
// (ETSI EN 319 411-1, GEN-6.3.3-10).
func TestASubjectNameIsNeverAnothersR14(t *testing.T) {
	d := newDesk(t, nil)
	sara, other := person(1), person(2)
	other.first, other.last, other.born = sara.first, sara.last, sara.born
	d.regs.know(sara, other)
	subjects := map[string]string{} // subject -> national code
	for _, who := range []someone{sara, other, sara, other} {
		r := d.approved(who, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
		subject := parseChain(t, []byte(r.Certificate))[0].Subject.String()
		if owner := subjects[subject]; owner != "" && owner != who.code {
			t.Errorf("%s names two people", subject)
		}
		subjects[subject] = who.code
	}
	if len(subjects) != 2 {
		t.Errorf("two people have %d subjects: %v", len(subjects), subjects)
	}
}

// TestARevocationIsAtOnceAndNeverUndoneR15 (ETSI EN 319 411-1, REV-6.2.4 and
// 6.3.9: within 24 hours, published within 60 minutes).
func TestARevocationIsAtOnceAndNeverUndoneR15(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	r := d.approved(sara, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	at := d.clock.now()
	d.revoke(r)
	d.clock.pass(time.Hour)
	for _, undo := range []func() error{
		func() error { return d.CA.Resume(t.Context(), r.Serial, "operator:test") },
		func() error { return d.CA.Suspend(t.Context(), r.Serial, "operator:test") },
	} {
		if err := undo(); !errors.Is(err, fault.Conflict) {
			t.Errorf("a revocation was undone: %v", err)
		}
	}
	d.must(d.CA.Revoke(t.Context(), r.Serial, ca.Unspecified, "operator:test"))
	c, err := d.CA.Certificate(t.Context(), r.Serial)
	d.must(err)
	if !c.Ended() || !c.Revoked.At.Equal(at) || c.Revoked.Reason != ca.KeyCompromise || strings.Contains(c.Revoked.By, "operator") {
		t.Errorf("got %+v, want as revoked at %v", c.Revoked, at)
	}
}

package enroll_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/enroll"
	"mohr/enroll/bundle"
)

// use hands in a serial and a revocation code instead of a face.
func (a *applicant) use(serial, code string) reply {
	return a.call("POST", a.path("/evidence/earlier"), a.token, map[string]string{"serial": serial, "revocation_code": code})
}

// atFace brings an application to where only the face is missing.
func (d *desk) atFace(who someone, profile string) *applicant {
	d.t.Helper()
	a := d.apply(who, profile)
	a.consent()
	a.code(d.regs.code(who.types)).want(d.t, enroll.Collecting, enroll.NeedFace)
	return a
}

// lost is a person whose key was lost and whose certificate is revoked.
func (d *desk) lost(who someone) reply {
	d.t.Helper()
	first := d.approved(who, ca.NaturalSign).csr(request(d.t)).want(d.t, enroll.Issued, enroll.NeedCertificate)
	d.revoke(first)
	return first
}

func (d *desk) revoke(r reply) {
	d.t.Helper()
	if got := d.call("POST", "/certificates/"+r.Serial+"/revoke-by-code", "", map[string]string{"code": r.Revocation, "reason": "keyCompromise"}); got.status != 200 {
		d.t.Fatalf("got %d %s", got.status, got.raw)
	}
}

func TestWhoLostAKeyEnrollsAgainOnWhatIsKnownR20(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	first := d.lost(sara)
	d.clock.pass(89 * 24 * time.Hour)

	again := d.atFace(sara, ca.NaturalSign)
	typed := strings.ToLower(strings.ReplaceAll(first.Revocation, "-", " "))
	again.use("0"+strings.ToUpper(first.Serial), typed).want(t, enroll.Approved, enroll.NeedCSR)
	again.use(first.Serial, first.Revocation).want(t, enroll.Approved, enroll.NeedCSR)
	second := again.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	if second.Serial == first.Serial {
		t.Error("no new certificate")
	}
	// The bundle says which record was repeated, and the chain of renewals is
	// counted from the day of that face check.
	d.must(d.Resume(t.Context()))
	d.must(d.Ledger.Sequence(t.Context()))
	b := again.call("GET", again.path("/bundle"), again.token, nil)
	if _, err := bundle.Verify(b.raw, bundle.Trust{Root: d.ca.Root, LogKey: d.Ledger.VerifierKey()}); err != nil {
		t.Fatalf("bundle: %v", err)
	}
	e := again.call("GET", again.path("/export"), again.token, nil)
	if strings.Count(string(e.raw), `"earlier":"`) != 1 {
		t.Errorf("the export does not say what was repeated: %s", e.raw)
	}
	c, err := d.CA.Certificate(t.Context(), second.Serial)
	d.must(err)
	if days := d.clock.now().Sub(c.ProofAt) / (24 * time.Hour); days != 89 {
		t.Errorf("the proofing is called %d days old, want 89", days)
	}

	// Once: the second certificate rests on the first's face check, a third does not.
	d.revoke(second)
	third := d.atFace(sara, ca.NaturalSign)
	third.use(first.Serial, first.Revocation).refused(t, 409, "earlier_used")
	third.use(second.Serial, second.Revocation).refused(t, 403, "earlier_unusable")
	third.state().want(t, enroll.Collecting, enroll.NeedFace)
	third.face("live").want(t, enroll.Approved, enroll.NeedCSR)
}

func TestWhatIsKnownServesNobodyElse(t *testing.T) {
	d := newDesk(t, func(c *enroll.Config) { c.Limits.PerRevocation = 4 })
	sara, thief := person(1), person(2)
	d.regs.know(sara, thief)
	first := d.lost(sara)

	before := d.apply(sara, ca.NaturalSign)
	before.consent()
	before.use(first.Serial, first.Revocation).refused(t, 409, "phone_unproven")

	mine := d.atFace(thief, ca.NaturalSign)
	mine.use(first.Serial, first.Revocation).refused(t, 403, "revocation_code_wrong") // is another person
	hers := d.atFace(sara, ca.NaturalSign)
	hers.use(first.Serial, "").refused(t, 403, "revocation_code_wrong")
	hers.use("00ff", first.Revocation).refused(t, 403, "revocation_code_wrong")
	for range 3 {
		hers.use(first.Serial, "0000-0000-0000-0000-0000").refused(t, 403, "revocation_code_wrong")
	}
	hers.use(first.Serial, "0000-0000-0000-0000-0000").refused(t, 429, "enroll_limit")
	hers.state().want(t, enroll.Collecting, enroll.NeedFace)
	mine.nothingIssued()
	hers.nothingIssued()
}

func TestWhatIsKnownCountsOnlyWithinThePolicy(t *testing.T) {
	tests := []struct {
		name   string
		edit   func(string) string
		before func(d *desk, first reply)
		status int
		code   string
	}{
		{"an old face check", nil, func(d *desk, first reply) { d.revoke(first); d.clock.pass(91 * 24 * time.Hour) }, 403, "earlier_old"},
		{"a policy that takes none", func(s string) string { return strings.ReplaceAll(s, "known: {face_match: 90d}", "known: {}") }, (*desk).revoke, 403, "earlier_old"},
		{"a certificate whose privilege was withdrawn", nil, func(d *desk, first reply) {
			d.must(d.CA.Revoke(d.t.Context(), first.Serial, ca.PrivilegeWithdrawn, "operator:test"))
		}, 403, "earlier_unusable"},
		{"a certificate that lives", nil, func(*desk, reply) {}, 409, "earlier_alive"},
		{"a certificate that rests", nil, func(d *desk, first reply) { d.must(d.CA.Suspend(d.t.Context(), first.Serial, "operator:test")) }, 409, "earlier_alive"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			d := newDesk(t, func(c *enroll.Config) { c.Policy = policy(t, tc.edit) })
			sara := person(1)
			d.regs.know(sara)
			first := d.approved(sara, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
			tc.before(d, first)
			a := d.atFace(sara, ca.NaturalSign)
			a.use(first.Serial, first.Revocation).refused(t, tc.status, tc.code)
			a.state().want(t, enroll.Collecting, enroll.NeedFace)
			a.nothingIssued()
		})
	}
}

func TestAnExpiredCertificateEnrollsAgainOnWhatIsKnown(t *testing.T) {
	d := newDesk(t, func(c *enroll.Config) {
		c.Policy = policy(t, func(s string) string {
			return strings.Replace(strings.Replace(s, "validity: 365d", "validity: 20d", 1), "opens_before: 30d", "opens_before: 10d", 1)
		})
	})
	sara := person(1)
	d.regs.know(sara)
	first := d.approved(sara, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	d.clock.pass(21 * 24 * time.Hour)
	d.atFace(sara, ca.NaturalSign).use(first.Serial, first.Revocation).want(t, enroll.Approved, enroll.NeedCSR)
}

func TestAPersonUsesAnEarlierFaceCheckWithABrowser(t *testing.T) {
	for _, lang := range []string{"fa", "en"} {
		b := &browser{desk: newDesk(t, nil), cookies: map[string]*http.Cookie{}, lang: lang}
		sara := person(1)
		b.regs.know(sara)
		first := b.lost(sara)
		a := b.atFace(sara, ca.NaturalSign)
		b.cookies["__Host-mohr-"+a.id] = &http.Cookie{Name: "__Host-mohr-" + a.id, Value: a.token}
		b.wants(b.get("/enroll/"+a.id), 200, `action="/enroll/`+a.id+`/earlier"`)
		b.wants(b.post("/enroll/"+a.id+"/earlier", url.Values{"serial": {first.Serial}, "revocation_code": {"x"}}), 403, `role="alert"`)
		b.wants(b.post("/enroll/"+a.id+"/earlier", url.Values{"serial": {first.Serial}, "revocation_code": {first.Revocation}}), 200, `name="csr"`)
	}
}

// locked locks with the person's phone and returns how to look and to disown.
func (d *desk) locked(who someone) (list func() reply, disown func(serials ...string) reply) {
	d.t.Helper()
	r := d.call("POST", "/locks", "", map[string]any{"national_code": who.code, "mobile": who.mobile, "locale": "en"})
	d.call("GET", "/locks/"+r.ID+"/certificates", r.Token, nil).refused(d.t, 409, "lock_unturned")
	d.call("POST", "/locks/"+r.ID+"/code", r.Token, map[string]string{"code": d.regs.code(who.mobile)})
	list = func() reply { return d.call("GET", "/locks/"+r.ID+"/certificates", r.Token, nil) }
	disown = func(serials ...string) reply {
		return d.call("POST", "/locks/"+r.ID+"/disown", r.Token, map[string]any{"serials": serials})
	}
	return list, disown
}

// TestAStolenIdentityR20 walks the whole way: told, locked, ended, unlocked,
// enrolled with proofs of one's own.
func TestAStolenIdentityR20(t *testing.T) {
	d := newDesk(t, nil)
	sara, omid := person(1), person(2)
	d.regs.know(sara, omid)
	stolen := d.approved(sara, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	mine := d.approved(sara, ca.NaturalAuth).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	foreign := d.approved(omid, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	// It was renewed since: what took its place ends with it.
	_, csr := catest.NewKey(t)
	same := catest.Person{NationalCode: sara.code, FirstName: sara.first, LastName: sara.last, BirthDate: sara.born, Mobile: sara.mobile}
	renewed, err := d.CA.Issue(t.Context(), ca.Order{Request: "renewal-1", CSR: csr, Decision: d.ca.Decide(t, same, ca.NaturalSign), Replaces: stolen.Serial, Overlap: 24 * time.Hour})
	d.must(err)
	d.must(d.Resume(t.Context()))
	if told := strings.Join(d.regs.sent, "\n"); !strings.Contains(told, sara.mobile+" ") || !strings.Contains(told, "/enroll/lock") {
		t.Errorf("the message of the issuance does not say how to end it: %s", told)
	}

	list, disown := d.locked(sara)
	if r := list(); r.status != 200 || strings.Count(string(r.raw), `"serial"`) != 3 || strings.Contains(string(r.raw), foreign.Serial) {
		t.Fatalf("got %d %s", r.status, r.raw)
	}
	disown().refused(t, 422, "disown_none")
	disown(stolen.Serial, foreign.Serial).refused(t, 422, "disown_unknown")
	if c, err := d.CA.Certificate(t.Context(), stolen.Serial); err != nil || c.Revoked != nil {
		t.Fatalf("half of what was refused was done: %+v %v", c.Revoked, err)
	}
	for range 2 {
		if r := disown(stolen.Serial); r.status != 200 || strings.Count(string(r.raw), `"serial"`) != 1 || !strings.Contains(string(r.raw), mine.Serial) {
			t.Fatalf("got %d %s", r.status, r.raw)
		}
	}
	for serial, want := range map[string]bool{stolen.Serial: true, renewed.Serial: true, mine.Serial: false, foreign.Serial: false} {
		if c, err := d.CA.Certificate(t.Context(), serial); err != nil || c.Ended() != want {
			t.Errorf("certificate %s: %+v, %v", serial, c.Revoked, err)
		}
	}
	d.atFace(sara, ca.NaturalSign).use(stolen.Serial, stolen.Revocation).refused(t, 403, "earlier_unusable")

	d.lock(sara.code, sara.mobile, true)()
	d.clock.pass(25 * time.Hour)
	d.approved(sara, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
}

func TestAStolenPhoneEndsNoCertificateForGood(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	mine := d.approved(sara, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	sara.simChanged = 2
	d.regs.know(sara)
	_, disown := d.locked(sara)
	if r := disown(mine.Serial); r.status != 200 || !strings.Contains(string(r.raw), `"suspended":true`) {
		t.Fatalf("got %d %s", r.status, r.raw)
	}
	c, err := d.CA.Certificate(t.Context(), mine.Serial)
	if err != nil || !c.Suspended() {
		t.Fatalf("got %+v %v", c.Revoked, err)
	}
	d.must(d.CA.Resume(t.Context(), mine.Serial, "operator:test"))
}

func TestOnlyWhoLockedDisowns(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	mine := d.approved(sara, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	r := d.call("POST", "/locks", "", map[string]any{"national_code": sara.code, "mobile": sara.mobile})
	body := map[string]any{"serials": []string{mine.Serial}}
	d.call("POST", "/locks/"+r.ID+"/disown", r.Token, body).refused(t, 409, "lock_unturned")
	d.call("POST", "/locks/"+r.ID+"/code", r.Token, map[string]string{"code": d.regs.code(sara.mobile)})
	d.call("POST", "/locks/"+r.ID+"/disown", "mat_other", body).refused(t, 401, "token_invalid")
	d.call("POST", "/locks/"+r.ID+"/disown", "", body).refused(t, 401, "token_missing")
	d.clock.pass(61 * time.Minute)
	d.call("POST", "/locks/"+r.ID+"/disown", r.Token, body).refused(t, 404, "lock_unknown")
	if c, err := d.CA.Certificate(t.Context(), mine.Serial); err != nil || c.Revoked != nil {
		t.Errorf("got %+v %v", c.Revoked, err)
	}
}

func TestAPersonDisownsWithABrowser(t *testing.T) {
	for _, lang := range []string{"fa", "en"} {
		b := &browser{desk: newDesk(t, nil), cookies: map[string]*http.Cookie{}, lang: lang}
		sara := person(1)
		b.regs.know(sara)
		issued := b.approved(sara, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
		w := b.post("/enroll/lock", url.Values{"national_code": {sara.code}, "mobile": {sara.mobile}})
		_, rest, _ := strings.Cut(w.Body.String(), `action="/enroll/lock/`)
		id, _, _ := strings.Cut(rest, `"`)
		b.wants(b.post("/enroll/lock/"+id, url.Values{"code": {b.regs.code(sara.mobile)}}), 200, `value="`+issued.Serial+`"`, `action="/enroll/lock/`+id+`/disown"`)
		b.wants(b.post("/enroll/lock/"+id+"/disown", url.Values{}), 422, `role="alert"`, `value="`+issued.Serial+`"`)
		w = b.post("/enroll/lock/"+id+"/disown", url.Values{"serial": {issued.Serial}, "sure": {"yes"}})
		b.wants(w, 200)
		if strings.Contains(w.Body.String(), issued.Serial) {
			t.Error("the certificate is listed still")
		}
		if c, err := b.CA.Certificate(t.Context(), issued.Serial); err != nil || !c.Ended() {
			t.Errorf("got %+v %v", c.Revoked, err)
		}
	}
}

// TestWhatWasDisownedEndsAsCompromised: a suspension that nobody lifts ends as
// what it was, so that nothing its key signed counts.
func TestWhatWasDisownedEndsAsCompromised(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	stolen := d.approved(sara, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	sara.simChanged = 2
	d.regs.know(sara)
	_, disown := d.locked(sara)
	disown(stolen.Serial)
	d.clock.pass(ca.MaxHold + time.Second)
	d.must(d.CA.EndHolds(t.Context()))
	if c, err := d.CA.Certificate(t.Context(), stolen.Serial); err != nil || !c.Ended() || c.Revoked.Reason != ca.KeyCompromise {
		t.Errorf("got %+v %v", c.Revoked, err)
	}
}

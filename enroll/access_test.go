package enroll_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"os"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/enroll"
	"mohr/internal/store"
)

// addWork leaves work for the job, as a request that was cut short does.
func (a *applicant) addWork(kind string) error {
	return a.ca.Store.Update(a.t.Context(), func(tx store.Tx) error {
		return store.Save(tx, "enroll_work", kind+"/"+a.id, map[string]any{"since": a.CreatedAt()})
	})
}

// CreatedAt is long ago: the work is due.
func (a *applicant) CreatedAt() time.Time { return a.clock.now().Add(-time.Hour) }

// notices counts the messages to a phone that hold a text.
func (r *registers) notices(mobile, text string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, s := range r.sent {
		if strings.HasPrefix(s, mobile+" ") && strings.Contains(s, text) {
			n++
		}
	}
	return n
}

func TestOnlyTheTokenOpensAnApplication(t *testing.T) {
	d := newDesk(t, nil)
	sara, omid := person(1), person(2)
	d.regs.know(sara, omid)
	a, b := d.apply(sara, ca.NaturalSign), d.apply(omid, ca.NaturalSign)
	consent := map[string]any{"accepted": true, "terms_version": "1"}
	routes := []struct {
		method, rest string
		body         any
	}{
		{"GET", "", nil}, {"POST", "/consent", consent}, {"POST", "/otp", nil},
		{"POST", "/evidence/otp_sms", map[string]string{"code": "1"}}, {"POST", "/evidence/face_match", map[string]string{"session": "live"}},
		{"POST", "/evidence/refresh", nil}, {"POST", "/csr", request(t)}, {"GET", "/certificate", nil}, {"GET", "/bundle", nil},
		{"POST", "/cancel", nil}, {"POST", "/erase", nil},
	}
	for _, r := range routes {
		t.Run(r.method+" "+r.rest, func(t *testing.T) {
			d.call(r.method, a.path(r.rest), "", r.body).refused(t, 401, "token_missing")
			d.call(r.method, a.path(r.rest), "mat_wrong", r.body).refused(t, 401, "token_invalid")
			d.call(r.method, a.path(r.rest), b.token, r.body).refused(t, 401, "token_invalid")
			d.call(r.method, "/applications/a-0000"+r.rest, a.token, r.body).refused(t, 404, "application_unknown")
		})
	}
	a.state().want(t, enroll.Created, enroll.NeedConsent)
}

func TestWhatCreationRefuses(t *testing.T) {
	d := newDesk(t, nil)
	good := person(1)
	tests := []struct {
		name, code string
		edit       func(m, p map[string]any)
	}{
		{"a national code with a wrong check digit", "national_code_invalid", func(_, p map[string]any) { p["national_code"] = good.code[:9] + string('0'+(good.code[9]-'0'+1)%10) }},
		{"ten equal digits", "national_code_invalid", func(_, p map[string]any) { p["national_code"] = "1111111111" }},
		{"a foreign phone", "mobile_invalid", func(_, p map[string]any) { p["mobile"] = "+4915112345678" }},
		{"a date that is none", "birth_date_invalid", func(_, p map[string]any) { p["birth_date"] = "1990-02-30" }},
		{"a date to come", "birth_date_future", func(_, p map[string]any) { p["birth_date"] = "2030-01-01" }},
		{"a Latin name in Persian", "names_latin_invalid", func(_, p map[string]any) { p["names_latin"] = "سارا" }},
		{"a Latin name with markup", "names_latin_invalid", func(_, p map[string]any) { p["names_latin"] = "<b>" }},
		{"a profile of the service itself", "application_profile", func(m, _ map[string]any) { m["profile"] = ca.ServiceTLS }},
		{"an organisation for a natural person", "legal_id_misplaced", func(m, _ map[string]any) { m["legal_id"] = good.legalID }},
		{"no organisation where one signs for it", "legal_id_misplaced", func(m, _ map[string]any) { m["profile"] = ca.OrganisationSign }},
		{"a legal id with a wrong check digit", "legal_id_invalid", func(m, _ map[string]any) {
			m["profile"], m["legal_id"] = ca.OrganisationSign, "14003456781"
		}},
		{"another language", "locale_unknown", func(m, _ map[string]any) { m["locale"] = "de" }},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			p := map[string]any{"national_code": good.code, "birth_date": good.born, "mobile": good.mobile}
			m := map[string]any{"person": p, "profile": ca.NaturalSign, "locale": "fa"}
			tc.edit(m, p)
			d.call("POST", "/applications", "", m).refused(t, 422, tc.code)
		})
	}
}

func TestOnePersonCannotOpenApplicationsWithoutEnd(t *testing.T) {
	d := newDesk(t, func(c *enroll.Config) { c.Limits.PerPerson = 2 })
	sara := person(1)
	d.apply(sara, ca.NaturalSign)
	d.apply(sara, ca.NaturalSign)
	in := map[string]any{"person": map[string]string{"national_code": sara.code, "birth_date": sara.born, "mobile": sara.mobile}, "profile": ca.NaturalSign}
	d.call("POST", "/applications", "", in).refused(t, 429, "enroll_limit")
	d.apply(person(2), ca.NaturalSign)
	d.clock.pass(24 * time.Hour)
	d.apply(sara, ca.NaturalSign)
}

func TestConsentIsAWilfulAct(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.apply(sara, ca.NaturalSign)
	consent := func(accepted bool, version string) reply {
		return a.call("POST", a.path("/consent"), a.token, map[string]any{"accepted": accepted, "terms_version": version})
	}
	consent(false, "1").refused(t, 422, "consent_missing")
	consent(true, "0").refused(t, 409, "terms_version")
	if d.regs.asked != 0 {
		t.Error("a register was asked before consent")
	}
	a.code("123456").refused(t, 409, "application_stage")
	a.face("live").refused(t, 409, "application_stage")
	a.csr(request(t)).refused(t, 409, "application_unapproved")
	if d.regs.asked != 0 {
		t.Error("a register was asked before consent")
	}
	consent(true, "1").want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
}

func TestEveryStepTwiceGivesTheSameAnswer(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.apply(sara, ca.NaturalSign)
	req := request(t)
	var code string
	steps := []struct {
		name string
		do   func() reply
	}{
		{"consent", a.consent},
		{"code", func() reply { code = d.regs.code(sara.mobile); return a.code(code) }},
		{"face", func() reply { return a.face("live") }},
		{"refresh", a.refresh},
		{"csr", func() reply { return a.csr(req) }},
		{"certificate", func() reply { return a.call("GET", a.path("/certificate"), a.token, nil) }},
	}
	for _, s := range steps {
		first, asked := s.do(), d.regs.asked
		again := s.do()
		if string(first.raw) != string(again.raw) || first.status != 200 || again.status != 200 {
			t.Errorf("%s:\n%d %s\n%d %s", s.name, first.status, first.raw, again.status, again.raw)
		}
		if d.regs.asked != asked {
			t.Errorf("%s asked the registers twice", s.name)
		}
	}
	if n := d.regs.notices(sara.mobile, code); n != 1 {
		t.Errorf("the code was sent %d times", n)
	}
	events, err := d.Events(t.Context(), a.id)
	d.must(err)
	var words []string
	for _, e := range events {
		words = append(words, e.What)
	}
	want := "created consented evidence.match evidence.match code_sent evidence.match evidence.match evaluated approved key_bound agreed issuing issued"
	if got := strings.Join(words, " "); got != want {
		t.Errorf("history:\n%s\nwant:\n%s", got, want)
	}
}

func TestApplicationsEnd(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	t.Run("by the clock", func(t *testing.T) {
		a := d.apply(sara, ca.NaturalSign)
		d.clock.pass(24*time.Hour + time.Second)
		d.must(d.Expire(t.Context()))
		a.consent().refused(t, 409, "application_expired")
		events, err := d.Events(t.Context(), a.id)
		if err != nil || events[len(events)-1].What != "expired" {
			t.Errorf("the job left no event: %v %v", events, err)
		}
	})
	t.Run("by the applicant, who has it erased", func(t *testing.T) {
		a := d.waitsForCode(sara)
		erase := func() reply { return a.call("POST", a.path("/erase"), a.token, nil) }
		erase().refused(t, 409, "application_not_erasable")
		for range 2 {
			a.call("POST", a.path("/cancel"), a.token, nil).want(t, enroll.Cancelled)
		}
		a.consent().refused(t, 409, "application_ended")
		for range 2 {
			erase().want(t, enroll.Erased)
		}
		a.must(d.ca.Store.View(t.Context(), func(tx store.Tx) error {
			b, err := tx.Get("enroll_applications", a.id)
			if strings.Contains(string(b), `"key":"`) {
				t.Error("a data key is still there")
			}
			return err
		}))
	})
	t.Run("issued, and cannot be erased", func(t *testing.T) {
		a := d.approved(sara, ca.NaturalSign)
		a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
		a.call("POST", a.path("/erase"), a.token, nil).refused(t, 409, "application_not_erasable")
		a.call("POST", a.path("/cancel"), a.token, nil).refused(t, 409, "application_stage")
	})
}

// requestNaming returns a certification request with a name in its subject.
func requestNaming(t *testing.T, name string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestNothingPersonalIsInLogsEventsOrTheLedger(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	sara.first, sara.last = "پرنیان", "کیامرث"
	d.regs.know(sara)
	a := d.apply(sara, ca.NaturalSign)
	d.regs.set(d.regs.down, "person", true)
	a.consent()
	d.regs.set(d.regs.down, "person", false)
	a.code(d.regs.code(sara.mobile))
	a.face("live")
	a.refresh().want(t, enroll.Approved, enroll.NeedCSR)
	named := requestNaming(t, sara.code+" "+sara.first)
	issued := a.csr(named)
	d.must(d.Resume(t.Context()))
	d.must(d.Ledger.Sequence(t.Context()))
	b := a.call("GET", a.path("/bundle"), a.token, nil)
	if b.status != 200 {
		t.Fatalf("bundle: %d %s", b.status, b.raw)
	}
	file, err := os.ReadFile(d.file)
	d.must(err)
	texts := map[string]string{"the log": d.log.String(), "the state": string(a.state().raw), "the bundle": string(b.raw), "the database": string(file)}
	if strings.Contains(string(file), base64.StdEncoding.EncodeToString(named)) {
		t.Error("the database holds the certification request, which names the person")
	}
	secrets := []string{sara.code, sara.mobile, sara.mobile[3:], sara.born, sara.first, sara.last, a.token, issued.Revocation}
	for where, text := range texts {
		for _, secret := range secrets {
			if secret == "" {
				t.Fatal("a secret is missing, the test proves nothing")
			}
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q", where, secret)
			}
		}
	}
}

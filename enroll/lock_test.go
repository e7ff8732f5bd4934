package enroll_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/enroll"
)

// lock asks for a lock, or its end, and hands the code in.
func (d *desk) lock(code, mobile string, lift bool) (again func() reply) {
	d.t.Helper()
	r := d.call("POST", "/locks", "", map[string]any{"national_code": code, "mobile": mobile, "lift": lift})
	if r.status != http.StatusCreated || r.Token == "" {
		d.t.Fatalf("got %d %s", r.status, r.raw)
	}
	digits := d.regs.code(mobile)
	return func() reply {
		return d.call("POST", "/locks/"+r.ID+"/code", r.Token, map[string]string{"code": digits})
	}
}

func TestNoCertificateInMyNameR19(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	before := d.approved(sara, ca.NaturalSign)
	if r := d.lock(sara.code, sara.mobile, false)(); r.status != 200 || !strings.Contains(string(r.raw), `"locked":true`) {
		t.Fatalf("got %d %s", r.status, r.raw)
	}
	before.csr(request(t)).refused(t, 403, "holder_locked")
	before.nothingIssued()
	omid := person(2)
	d.regs.know(omid)
	d.approved(omid, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)

	if r := d.lock(sara.code, sara.mobile, true)(); r.status != 200 || !strings.Contains(string(r.raw), `"lifts"`) {
		t.Fatalf("got %d %s", r.status, r.raw)
	}
	if last := d.regs.sent[len(d.regs.sent)-1]; !strings.Contains(last, "/enroll/lock") {
		t.Errorf("the person was told %q", last)
	}
	d.clock.pass(23 * time.Hour)
	d.approved(sara, ca.NaturalSign).csr(request(t)).refused(t, 403, "holder_locked")
	d.clock.pass(time.Hour)
	d.approved(sara, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
}

func TestALockIsTurnedByThePersonsPhoneAlone(t *testing.T) {
	d := newDesk(t, nil)
	sara, thief := person(1), person(2)
	d.regs.know(sara, thief)
	d.lock(sara.code, thief.mobile, false)().refused(t, 403, "lock_phone_foreign")
	d.lock(sara.code, sara.mobile, false)()
	// A swapped SIM locks, since that harms nobody, and does not lift.
	swapped := sara
	swapped.simChanged = 2
	d.regs.know(swapped)
	d.lock(sara.code, sara.mobile, true)().refused(t, 403, "lock_sim_young")
	d.lock(sara.code, sara.mobile, false)()
	d.approved(thief, ca.NaturalSign) // is another person

	r := d.call("POST", "/locks", "", map[string]any{"national_code": sara.code, "mobile": sara.mobile})
	d.call("POST", "/locks/"+r.ID+"/code", r.Token, map[string]string{"code": wrong(d.regs.code(sara.mobile))}).refused(t, 403, "code_wrong")
	d.call("POST", "/locks/"+r.ID+"/code", "mat_other", map[string]string{"code": "1"}).refused(t, 401, "token_invalid")
	d.call("POST", "/locks/a-unknown/code", r.Token, map[string]string{"code": "1"}).refused(t, 404, "lock_unknown")
	d.clock.pass(2 * time.Hour)
	d.call("POST", "/locks/"+r.ID+"/code", r.Token, map[string]string{"code": "1"}).refused(t, 404, "lock_unknown")
	d.must(d.Retain(t.Context()))
}

func TestALockWaitsForARegisterThatIsDown(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	d.regs.set(d.regs.down, "mobile", true)
	again := d.lock(sara.code, sara.mobile, false)
	again().refused(t, 503, "registry_unavailable")
	d.regs.set(d.regs.down, "mobile", false)
	if r := again(); r.status != 200 || !strings.Contains(string(r.raw), `"locked":true`) {
		t.Errorf("got %d %s", r.status, r.raw)
	}
}

func TestAPersonLocksWithABrowser(t *testing.T) {
	for _, lang := range []string{"fa", "en"} {
		b := &browser{desk: newDesk(t, nil), cookies: map[string]*http.Cookie{}, lang: lang}
		sara := person(1)
		b.regs.know(sara)
		b.wants(b.get("/enroll/lock"), 200, `name="national_code"`)
		form := url.Values{"national_code": {"1"}, "mobile": {sara.mobile}}
		b.wants(b.post("/enroll/lock", form), 422, `role="alert"`)
		form.Set("national_code", sara.code)
		w := b.post("/enroll/lock", form)
		b.wants(w, 200, `name="code"`, map[string]string{"fa": "تمدیدی صادر نمی‌شود", "en": "new or renewed"}[lang])
		path := regexp.MustCompile(`/enroll/lock/a-[0-9a-f]+`).FindString(w.Body.String())
		b.wants(b.post(path, url.Values{"code": {wrong(b.regs.code(sara.mobile))}}), 403, `role="alert"`, `name="code"`)
		b.wants(b.post(path, url.Values{"code": {b.regs.code(sara.mobile)}}), 200, "<time")
		b.wants(b.post(path+"/disown", nil), 422, `role="alert"`)
		b.wants(b.post(path+"/disown", url.Values{"serial": {"1f"}}), 200, `name="sure"`, `name="serial" value="1f"`)
		b.wants(b.post(path+"/disown", url.Values{"serial": {"1f"}, "sure": {"yes"}}), 422, `role="alert"`)
	}
}

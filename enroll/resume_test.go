package enroll_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"mohr/enroll"
)

func TestAnApplicationGoesOnElsewhere(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.waitsForCode(sara)
	first := d.regs.code(sara.mobile)
	ask := func(id, code, born string) reply {
		return d.call("POST", "/applications/"+id+"/resume", "", map[string]string{"national_code": code, "birth_date": born})
	}
	prove := func(code string) reply {
		return d.call("POST", a.path("/resume/code"), "", map[string]string{"code": code})
	}
	sent := len(d.regs.sent)
	right := ask(a.id, sara.code, sara.born)
	for name, r := range map[string]reply{
		"another person": ask(a.id, person(2).code, sara.born), "another birth date": ask(a.id, sara.code, "1990-03-22"), "an unknown number": ask("a-unknown", sara.code, sara.born),
	} {
		if r.status != right.status || string(r.raw) != string(right.raw) {
			t.Errorf("%s is answered otherwise: %d %s, not %d %s", name, r.status, r.raw, right.status, right.raw)
		}
	}
	prove(first).refused(t, 403, "code_wrong") // it was for something else
	if len(d.regs.sent) != sent {
		t.Error("a code went out before the job ran")
	}
	d.must(d.Resume(t.Context()))
	if len(d.regs.sent) != sent+1 {
		t.Fatalf("%d codes were sent, want one", len(d.regs.sent)-sent)
	}
	code := d.regs.code(sara.mobile)
	a.code(code).refused(t, 403, "code_wrong") // nor is this one evidence
	r := prove(code).want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
	if r.Token == "" || r.Token == a.token {
		t.Fatalf("token %q", r.Token)
	}
	a.state().refused(t, 401, "token_invalid")
	prove(code).refused(t, 403, "code_wrong")
	a.token = r.Token
	a.state().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
}

func TestAskingToGoOnElsewhereIsLimited(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.waitsForCode(sara)
	sent := len(d.regs.sent)
	for range 40 {
		if err := d.AskResume(t.Context(), a.id, sara.code, sara.born); err != nil {
			t.Fatal(err)
		}
		d.clock.pass(6 * time.Minute)
		d.must(d.Resume(t.Context()))
	}
	if n := len(d.regs.sent) - sent; n == 0 || n > 10 {
		t.Errorf("%d codes were sent", n)
	}
}

func TestAPersonGoesOnInAnotherBrowser(t *testing.T) {
	for _, lang := range []string{"fa", "en"} {
		d := newDesk(t, nil)
		sara := person(1)
		d.regs.know(sara)
		a := d.waitsForCode(sara)
		b := &browser{desk: d, cookies: map[string]*http.Cookie{}, lang: lang}
		page := "/enroll/" + a.id
		b.wants(b.get(page), 403, page+"/resume")
		b.wants(b.post(page+"/resume", url.Values{"national_code": {"1"}, "birth_date": {sara.born}}), 422, `role="alert"`)
		b.wants(b.post(page+"/resume", url.Values{"national_code": {sara.code}, "birth_date": {"۱۳۶۹/۱/۱"}}), 200, page+"/resume/code")
		d.must(d.Resume(t.Context()))
		b.wants(b.post(page+"/resume/code", url.Values{"code": {wrong(d.regs.code(sara.mobile))}}), 403, `role="alert"`)
		if w := b.post(page+"/resume/code", url.Values{"code": {d.regs.code(sara.mobile)}}); w.Code != 200 || !strings.Contains(w.Body.String(), page+"/code") {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	}
}

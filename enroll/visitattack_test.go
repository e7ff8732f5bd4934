package enroll_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"mohr/enroll"
)

// delivery is a call as it goes over the wire.
type delivery struct {
	id, vendor, kind string
	at               time.Time
	body, signed     string // signed: what the signature is over; "": the body
	secret           string
	bare             bool // no header of the standard
}

// call is a good call about a session.
func (v *atVendor) hook(id, ref string) delivery {
	body := fmt.Sprintf(`{"type":"session.done","data":{"session":%q,"state":"done","verdict":"pass"}}`, ref)
	return delivery{id: id, vendor: "filmer", kind: "application/json", at: v.clock.now(), body: body, secret: v.secrets[1]}
}

// deliver makes the call and returns status and body, without what differs
// from one request to the next.
func (v *atVendor) deliver(d delivery) (int, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.portal.URL+"/api/v1/webhooks/"+d.vendor, bytes.NewReader([]byte(d.body)))
	v.must(err)
	key, err := standardwebhooks.NewWebhook(d.secret)
	v.must(err)
	if d.signed == "" {
		d.signed = d.body
	}
	signature, err := key.Sign(d.id, d.at, []byte(d.signed))
	v.must(err)
	r.Header.Set("Content-Type", d.kind)
	if !d.bare {
		r.Header.Set("webhook-id", d.id)
		r.Header.Set("webhook-timestamp", fmt.Sprint(d.at.Unix()))
		r.Header.Set("webhook-signature", signature)
	}
	resp, err := http.DefaultClient.Do(r)
	v.must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	v.must(err)
	return resp.StatusCode, regexp.MustCompile(`[0-9a-f]{24}`).ReplaceAllString(string(b), "ID")
}

// ref returns what the vendor calls the session that an application waits for.
func (v *atVendor) ref(a *applicant) string {
	v.t.Helper()
	r := a.state()
	if r.Visit == nil {
		v.t.Fatalf("nobody is expected: %s", r.raw)
	}
	return v.refOf(a.id)
}

// TestForgedCallsOfAVendorLookAlikeAndWakeNothing: webhook forgery.
func TestForgedCallsOfAVendorLookAlikeAndWakeNothing(t *testing.T) {
	v := newAtVendor(t, certified("document_video"))
	a := v.arrived(v.visitor())
	a.video().want(t, enroll.Collecting, enroll.NeedFace)
	ref := v.ref(a)
	edit := func(f func(*delivery)) delivery { d := v.hook("msg_1", ref); f(&d); return d }
	status, want := v.deliver(edit(func(d *delivery) { d.secret = secretOf(7) }))
	if status != http.StatusForbidden || !strings.Contains(want, "webhook_refused") {
		t.Fatalf("%d %s", status, want)
	}
	for name, d := range map[string]delivery{
		"another body":                edit(func(d *delivery) { d.signed = d.body; d.body = strings.Replace(d.body, "pass", "fail", 1) }),
		"an old call":                 edit(func(d *delivery) { d.at = d.at.Add(-6 * time.Minute) }),
		"a call from the future":      edit(func(d *delivery) { d.at = d.at.Add(6 * time.Minute) }),
		"a vendor that we have not":   edit(func(d *delivery) { d.vendor = "horoscope" }),
		"no headers":                  edit(func(d *delivery) { d.bare = true }),
		"an id with a dot":            edit(func(d *delivery) { d.id = "msg.1" }),
		"a session that is not there": edit(func(d *delivery) { d.secret = secretOf(7); d.body = strings.Replace(d.body, ref, "vs_0", 1) }),
	} {
		if status, got := v.deliver(d); status != http.StatusForbidden || got != want {
			t.Errorf("%s: %d %s, want %s", name, status, got, want)
		}
	}
	for name, tt := range map[string]struct {
		d    delivery
		want int
	}{
		"a huge body":            {edit(func(d *delivery) { d.body = `"` + strings.Repeat("x", 1<<20) + `"` }), http.StatusRequestEntityTooLarge},
		"another type of body":   {edit(func(d *delivery) { d.kind = "text/plain" }), http.StatusUnsupportedMediaType},
		"a form, as of a page":   {edit(func(d *delivery) { d.kind = "application/x-www-form-urlencoded" }), http.StatusUnsupportedMediaType},
		"a call without content": {edit(func(d *delivery) { d.body = "" }), http.StatusBadRequest},
	} {
		if status, got := v.deliver(tt.d); status != tt.want {
			t.Errorf("%s: %d %s", name, status, got)
		}
	}
	v.must(v.Resume(t.Context()))
	if n := v.fetched.Load(); n != 0 {
		t.Errorf("the vendor was asked %d times", n)
	}
	if log := v.log.String(); !strings.Contains(log, "webhook refused") || strings.Contains(log, ref) {
		t.Errorf("the log:\n%s", log)
	}
}

// TestAReplayedCallWakesNothing: webhook replay.
func TestAReplayedCallWakesNothing(t *testing.T) {
	v := newAtVendor(t, certified("document_video"))
	a := v.arrived(v.visitor())
	a.video()
	good := v.hook("msg_1", v.ref(a))
	for i := range 5 {
		if status, got := v.deliver(good); status != http.StatusNoContent {
			t.Fatalf("%d %s", status, got)
		}
		v.must(v.Resume(t.Context()))
		if n := v.fetched.Load(); n != 1 {
			t.Errorf("after call %d the vendor was asked %d times", i+1, n)
		}
	}
	again := v.hook("msg_2", v.ref(a))
	v.deliver(again)
	v.must(v.Resume(t.Context()))
	if n := v.fetched.Load(); n != 2 {
		t.Errorf("another call: asked %d times", n)
	}
	// Once it could be taken again by the inbox, it is out of its time.
	v.clock.pass(2 * time.Hour)
	v.must(v.Retain(t.Context()))
	if status, _ := v.deliver(good); status != http.StatusForbidden {
		t.Errorf("after two hours: %d", status)
	}
}

// TestWhatACallSaysNeverCounts: it says that the session passed, and nobody
// was filmed.
func TestWhatACallSaysNeverCounts(t *testing.T) {
	v := newAtVendor(t, certified("document_video"))
	a, other := v.arrived(v.visitor()), v.arrived(v.visitor())
	a.video()
	other.video()
	for i, d := range []delivery{v.hook("msg_1", v.ref(a)), v.hook("msg_2", v.ref(other)), v.hook("msg_3", "vs_unknown"), v.hook("msg_4", "../../x")} {
		if status, got := v.deliver(d); status != http.StatusNoContent {
			t.Errorf("call %d: %d %s", i, status, got)
		}
		v.must(v.Resume(t.Context()))
	}
	for _, a := range []*applicant{a, other} {
		if r := a.state().want(t, enroll.Collecting, enroll.NeedFace); r.Visit == nil {
			t.Errorf("nobody is expected any more: %s", r.raw)
		}
		a.nothingIssued()
	}
	if n := v.fetched.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}
	// A call about another's session moves that one alone.
	v.film(other.state(), "self")
	v.settled(other, enroll.Approved, enroll.NeedCSR)
	if r := a.state().want(t, enroll.Collecting, enroll.NeedFace); r.Visit == nil {
		t.Error("the other application's result moved this one")
	}
}

func TestAFloodOfCallsIsTurnedAway(t *testing.T) {
	v := newAtVendor(t, certified("document_video"))
	limited := 0
	for i := range 200 {
		d := v.hook(fmt.Sprintf("msg_%d", i), "vs_1")
		d.secret = secretOf(7)
		if status, _ := v.deliver(d); status == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited == 0 || limited > 100 {
		t.Errorf("%d of 200 were turned away", limited)
	}
}

// TestSessionsTellNothingOfThePerson: what a vendor is sent, what we log and
// keep in the open, has no personal data where it does not belong.
func TestSessionsTellNothingOfThePerson(t *testing.T) {
	v := newAtVendor(t, certified("document_video"))
	who := v.visitor()
	a := v.arrived(who)
	r := a.video()
	v.film(r, "self")
	v.settled(a, enroll.Approved, enroll.NeedCSR)
	events, err := v.Events(t.Context(), a.id)
	v.must(err)
	open, err := json.Marshal(events)
	v.must(err)
	for _, place := range []string{v.log.String(), r.Visit.Link, string(open)} {
		for _, secret := range []string{who.code, who.mobile, who.last, "1990"} {
			if strings.Contains(place, secret) {
				t.Errorf("%q is in %s", secret, place)
			}
		}
	}
}

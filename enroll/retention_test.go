package enroll_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/enroll"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

const day = 24 * time.Hour

// keys counts the data keys that are left of an application, and of its raw answers.
func (a *applicant) keys() (n int) {
	a.t.Helper()
	a.must(a.ca.Store.View(a.t.Context(), func(tx store.Tx) error {
		b, err := tx.Get("enroll_applications", a.id)
		n = strings.Count(string(b), `"key":"`)
		if err != nil {
			return err
		}
		return store.Each(tx, "enroll_raw", a.id+"/", "", func(_ string, v map[string]any) error {
			if v["key"] != nil && v["key"] != "" {
				n++
			}
			return nil
		})
	}))
	return n
}

func TestRetentionEndedApplicationsAreErasedAfterNinetyDays(t *testing.T) {
	d := newDesk(t, nil)
	sara, omid := person(1), person(2)
	d.regs.know(sara, omid)
	a := d.waitsForCode(sara)
	a.code(d.regs.code(sara.mobile))
	a.call("POST", a.path("/cancel"), a.token, nil).want(t, enroll.Cancelled)
	left := d.waitsForCode(omid) // expires by itself a day later
	d.clock.pass(89 * day)
	d.must(d.Expire(t.Context()))
	d.must(d.Retain(t.Context()))
	a.state().want(t, enroll.Cancelled)
	if a.keys() == 0 {
		t.Error("it was erased too early")
	}
	d.clock.pass(2 * day)
	d.must(d.Retain(t.Context()))
	a.state().want(t, enroll.Erased)
	left.state().want(t, enroll.Expired) // ended only when the job saw it
	if n := a.keys(); n != 0 {
		t.Errorf("%d data keys are left", n)
	}
	d.clock.pass(90 * day)
	d.must(d.Retain(t.Context()))
	left.state().want(t, enroll.Erased)
	erased := 0
	d.must(d.Ledger.Sequence(t.Context()))
	d.must(ledger.EachEvent(t.Context(), d.ca.Store, func(e ledger.Event) error {
		if e.Kind == "application.erased" {
			erased++
		}
		return nil
	}))
	if erased != 2 {
		t.Errorf("the log says %d times that an application was erased, want 2", erased)
	}
}

func TestRetentionR16EvidenceIsKeptSevenYearsAfterTheCertificateEnds(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.approved(sara, ca.NaturalSign)
	a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	d.must(d.Resume(t.Context()))
	d.clock.pass((365 + 7*365) * day)
	d.must(d.Retain(t.Context()))
	a.state().want(t, enroll.Issued, enroll.NeedCertificate)
	if a.keys() == 0 {
		t.Error("it was erased too early")
	}
	d.clock.pass(4 * day) // leap years
	d.must(d.Retain(t.Context()))
	a.state().want(t, enroll.Erased)
	if n := a.keys(); n != 0 {
		t.Errorf("%d data keys are left", n)
	}
}

func TestAPersonSeesAllThatIsHeldOfThem(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.waitsForCode(sara)
	export := func() reply { return a.call("GET", a.path("/export"), a.token, nil) }
	export().refused(t, 409, "export_unproven")
	d.call("GET", a.path("/export"), "mat_wrong", nil).refused(t, 401, "token_invalid")
	a.code(d.regs.code(sara.mobile))
	r := export()
	var e enroll.Export
	d.must(json.Unmarshal(r.raw, &e))
	for _, held := range []string{sara.code, sara.mobile, sara.born, "احمدی", "code_sent"} {
		if !strings.Contains(string(r.raw), held) {
			t.Errorf("the export lacks %q: %s", held, r.raw)
		}
	}
	if r.header.Get("Cache-Control") != "no-store" || len(e.Evidence) != 3 || !slices.ContainsFunc(e.History, func(h enroll.Event) bool { return h.What == "consented" }) {
		t.Errorf("the export is %s", r.raw)
	}
	for _, lang := range []string{"fa", "en"} {
		b := &browser{desk: d, lang: lang, cookies: map[string]*http.Cookie{"x": {Name: "__Host-mohr-" + a.id, Value: a.token}}}
		b.wants(b.get("/enroll/"+a.id+"/export"), 200, sara.code, "احمدی", "<table>")
	}
	a.call("POST", a.path("/cancel"), a.token, nil)
	a.call("POST", a.path("/erase"), a.token, nil).want(t, enroll.Erased)
	export().refused(t, 409, "export_erased")
}

package enroll_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/enroll"
	"mohr/internal/store"
)

// TestVendorsThatMisbehave: nothing is lost, and nothing decided wrongly.
func TestVendorsThatMisbehave(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault string
		as    string
		stage enroll.Stage
		needs []enroll.Need
	}{
		{"one that never calls is polled", `{"route":"/v1/webhook","mode":"silent"}`, "self", enroll.Approved, []enroll.Need{enroll.NeedCSR}},
		{"one whose calls do not hold is polled", `{"route":"/v1/webhook","mode":"forge"}`, "self", enroll.Approved, []enroll.Need{enroll.NeedCSR}},
		{"one that makes each call twice", `{"route":"/v1/webhook","mode":"replay"}`, "self", enroll.Approved, []enroll.Need{enroll.NeedCSR}},
		{"one whose calls are slow", `{"route":"/v1/webhook","mode":"slow","delay":"200ms"}`, "self", enroll.Approved, []enroll.Need{enroll.NeedCSR}},
		{"one whose results flap", `{"route":"/v1/sessions/result","mode":"flap"}`, "self", enroll.Approved, []enroll.Need{enroll.NeedCSR}},
		{"one whose results are slow", `{"route":"/v1/sessions/result","mode":"slow","delay":"300ms"}`, "self", enroll.Approved, []enroll.Need{enroll.NeedCSR}},
		{"one that lies once contradicts itself, and nobody is refused for it", `{"route":"/v1/sessions/result","mode":"lie","rate":0.5}`, "self", enroll.Collecting, []enroll.Need{enroll.NeedFace}},
		{"one that lies twice costs a try and refuses nobody", `{"route":"/v1/sessions/result","mode":"lie","rate":1}`, "self", enroll.Collecting, []enroll.Need{enroll.NeedFace}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := newAtVendor(t, certified("document_video"))
			a := v.arrived(v.visitor())
			r := a.video()
			post(t, v.address, tt.fault)
			v.film(r, tt.as)
			v.clock.pass(11 * time.Second) // when it is asked that does not call
			v.settled(a, tt.stage, tt.needs...)
			if tt.stage == enroll.Collecting { // the other way is open
				post(t, v.address, `{"route":"*","mode":"none"}`)
				got := a.face("live")
				if lied := strings.Contains(tt.fault, "0.5"); lied && got.Stage != enroll.Review || !lied && got.Stage != enroll.Approved {
					t.Errorf("by the other way it came to %s", got.Stage)
				}
			}
		})
	}
}

func TestAVendorThatCallsBeforeItAnswersIsPolled(t *testing.T) {
	v := newAtVendor(t, certified("document_video"))
	a := v.arrived(v.visitor())
	post(t, v.address, `{"route":"/v1/webhook","mode":"early"}`)
	if r := a.video(); r.Visit == nil {
		t.Fatalf("%d %s", r.status, r.raw)
	}
	v.must(v.Resume(t.Context()))
	if n := v.fetched.Load(); n != 0 {
		t.Errorf("asked %d times before its time", n)
	}
	v.clock.pass(11 * time.Second)
	v.settled(a, enroll.Approved, enroll.NeedCSR)
}

func TestAResultThatIsNotFinalDecidesNothing(t *testing.T) {
	f := certified("document_video")
	f.judging = time.Hour
	v := newAtVendor(t, f)
	a := v.arrived(v.visitor())
	v.film(a.video(), "picture") // it is going to fail
	for v.fetched.Load() == 0 {  // it calls once, when it has the film
		v.must(v.Resume(t.Context()))
	}
	for i, pass := range []time.Duration{0, 11 * time.Second, 21 * time.Second, 41 * time.Second, 81 * time.Second, 81 * time.Second} {
		v.clock.pass(pass)
		before := v.fetched.Load()
		for range 3 {
			v.must(v.Resume(t.Context()))
		}
		// From then on it is asked less and less often.
		if n := v.fetched.Load() - before; n != int64(min(i, 1)) {
			t.Errorf("step %d: asked %d times", i, n)
		}
		if r := a.state().want(t, enroll.Collecting, enroll.NeedFace); r.Visit == nil || len(r.Trace) > 0 {
			t.Errorf("something was decided: %s", r.raw)
		}
	}
}

// TestAWaitForAVendorEnds, and was no try: the applicant may go again or take
// another way.
func TestAWaitForAVendorEnds(t *testing.T) {
	for name, fault := range map[string]string{"who never had a visitor": "", "who is down": `{"route":"/v1/sessions/result","mode":"down"}`} {
		t.Run(name, func(t *testing.T) {
			f := certified("document_video")
			f.edit = func(s string) string { return strings.Replace(s, "for: 30m", "for: 10m", 1) }
			v := newAtVendor(t, f)
			a := v.arrived(v.visitor())
			for range 4 { // more often than there are tries
				first := a.video()
				if first.Visit == nil {
					t.Fatalf("%d %s", first.status, first.raw)
				}
				if fault != "" {
					post(t, v.address, fault)
				}
				v.clock.pass(11 * time.Minute)
				v.settled(a, enroll.Collecting, enroll.NeedFace)
				if again := a.state(); again.Visit != nil {
					t.Fatalf("it waits still: %s", again.raw)
				}
				post(t, v.address, `{"route":"*","mode":"none"}`)
			}
			a.face("live").want(t, enroll.Approved, enroll.NeedCSR)
			if keys := v.keys("enroll_visits") + v.keys("enroll_work"); strings.Contains(keys, "visit/") || strings.Contains(keys, "filmer/") {
				t.Errorf("something is left: %s", keys)
			}
		})
	}
}

// keys lists what a bucket holds.
func (v *atVendor) keys(bucket string) string {
	v.t.Helper()
	var list []string
	v.must(v.ca.Store.View(v.t.Context(), func(tx store.Tx) error {
		list = nil
		return tx.Scan(bucket, "", "", func(key string, _ []byte) error { list = append(list, key); return nil })
	}))
	return strings.Join(list, " ")
}

// TestAnOpenSessionSurvivesARestart: another desk on the same store fetches it.
func TestAnOpenSessionSurvivesARestart(t *testing.T) {
	v := newAtVendor(t, certified("document_video"))
	a := v.arrived(v.visitor())
	r := a.video()
	post(t, v.address, `{"route":"/v1/webhook","mode":"silent"}`)
	v.film(r, "self")
	again, err := enroll.New(v.Desk.Config)
	v.must(err)
	v.Desk = again
	v.clock.pass(11 * time.Second)
	v.settled(a, enroll.Approved, enroll.NeedCSR)
}

func TestAVendorThatIsDownCostsNoTry(t *testing.T) {
	v := newAtVendor(t, certified("document_video"))
	a := v.arrived(v.visitor())
	post(t, v.address, `{"route":"/v1/sessions","mode":"down"}`)
	for range 4 {
		a.video().refused(t, 503, "registry_unavailable")
	}
	post(t, v.address, `{"route":"*","mode":"none"}`)
	if r := a.video(); r.Visit == nil {
		t.Fatalf("%d %s", r.status, r.raw)
	}
}

func TestOfManyBeginningsOneSessionIsOpened(t *testing.T) {
	v := newAtVendor(t, certified("document_video"))
	a := v.arrived(v.visitor())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { a.video() })
	}
	all.Wait()
	r := a.state()
	if r.Visit == nil || strings.Count(v.keys("enroll_visits"), "filmer/") != 1 {
		t.Fatalf("%s, %s", r.raw, v.keys("enroll_visits"))
	}
	v.film(r, "self")
	v.settled(a, enroll.Approved, enroll.NeedCSR)
}

// TestAFilmThatFailsIsATry (R7), and after the last the application has failed.
func TestAFilmThatFailsIsATry(t *testing.T) {
	v := newAtVendor(t, certified("document_video"))
	a := v.arrived(v.visitor())
	for i := range 3 {
		v.film(a.video(), "picture")
		if i < 2 {
			v.settled(a, enroll.Collecting, enroll.NeedFace)
			continue
		}
		v.settled(a, enroll.FailedAttempts)
	}
	a.video().refused(t, 409, "application_failed")
	a.nothingIssued()
}

func TestWhatAFilmShowsDecides(t *testing.T) {
	t.Run("another's document is refused", func(t *testing.T) {
		v := newAtVendor(t, certified("document_video"))
		a := v.arrived(v.visitor())
		v.film(a.video(), "0877778681")
		v.settled(a, enroll.Rejected)
		a.nothingIssued()
	})
	t.Run("nothing clear leaves the other way, and officers look", func(t *testing.T) {
		v := newAtVendor(t, certified("document_video"))
		a := v.arrived(v.visitor())
		v.film(a.video(), "blurred")
		v.settled(a, enroll.Collecting, enroll.NeedFace)
		a.face("live").want(t, enroll.Review)
	})
	t.Run("a certificate that ended meanwhile: it counts neither way (R1)", func(t *testing.T) {
		f := certified("document_video")
		f.Certified = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
		v := newAtVendor(t, f)
		v.clock.pass(13*time.Hour + 50*time.Minute) // 23:50
		a := v.arrived(v.visitor())
		r := a.video()
		post(t, v.address, `{"route":"/v1/webhook","mode":"silent"}`)
		v.film(r, "self")
		v.clock.pass(11 * time.Minute)
		v.settled(a, enroll.Collecting, enroll.NeedFace)
		if r := a.state(); len(r.Ways) > 0 {
			t.Errorf("it is offered again: %s", r.raw)
		}
		if export := string(a.call("GET", a.path("/export"), a.token, nil).raw); strings.Contains(export, "filmer@1") {
			t.Errorf("it is evidence: %s", export)
		}
		a.video().refused(t, 409, "vendor_none")
		a.face("live").want(t, enroll.Approved, enroll.NeedCSR)
	})
	t.Run("without certificates nobody is sent there", func(t *testing.T) {
		f := certified("document_video")
		f.Certified = time.Time{}
		v := newAtVendor(t, f)
		a := v.arrived(v.visitor())
		a.video().refused(t, 409, "vendor_none")
		if r := a.state(); len(r.Ways) > 0 {
			t.Errorf("it is offered: %s", r.raw)
		}
	})
	t.Run("nobody is filmed before the phone is proven", func(t *testing.T) {
		v := newAtVendor(t, certified("document_video"))
		a := v.apply(v.visitor(), "natural-sign")
		a.consent()
		a.video().refused(t, 409, "phone_unproven")
	})
	t.Run("a face that a vendor compares", func(t *testing.T) {
		v := newAtVendor(t, certified("face_match"))
		a := v.arrived(v.visitor())
		r := a.face("live").want(t, enroll.Collecting, enroll.NeedFace)
		v.film(r, "self")
		v.settled(a, enroll.Approved, enroll.NeedCSR)
	})
}

func TestTheLogTellsWhichVendorsCertificatesEnd(t *testing.T) {
	v := newAtVendor(t, certified("document_video"))
	for _, tt := range []struct {
		pass time.Duration
		want string
	}{
		{0, ""}, {340 * 24 * time.Hour, "certificate of a vendor ends soon"}, {30 * 24 * time.Hour, "nobody is sent to this vendor"},
	} {
		v.clock.pass(tt.pass)
		before := v.log.Len()
		v.must(v.WatchVendors(t.Context()))
		if log := v.log.String()[before:]; !strings.Contains(log, tt.want) || (tt.want == "") != (log == "") {
			t.Errorf("after %v: %s", tt.pass, log)
		}
	}
}

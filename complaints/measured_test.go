package complaints_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/complaints"
	"mohr/internal/store"
)

func TestWhatOthersFindMeasuresCapabilityAndSecurity(t *testing.T) {
	b := newBench(t, nil)
	start := b.clock.Now()
	find := func(day int, m complaints.Measure, good bool) {
		t.Helper()
		err := b.ca.Store.Update(t.Context(), func(tx store.Tx) error {
			return complaints.Found(tx, shop, m, good, start.AddDate(0, 0, day))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for day := range 40 {
		find(day, complaints.MeasureTLS, day%4 != 0)
		find(day, complaints.MeasureTLS, true) // a good look does not mend the day
		if day < 29 {
			find(day, complaints.MeasureLicence, true)
		}
		if day < 35 {
			find(day, complaints.MeasureActive, true)
			find(day, complaints.MeasureActive, day != 7) // a bad one spoils it
		}
	}
	dimension := func(at time.Time, name complaints.Dimension) complaints.Rated {
		t.Helper()
		s, err := b.Sheet(t.Context(), shop, at)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range s.Rating.Dimensions {
			if d.Dimension == name {
				return d
			}
		}
		t.Fatal(name)
		return complaints.Rated{}
	}
	b.clock.advance(400 * day)
	at := start.AddDate(0, 0, 40)
	if d := dimension(at, "security"); len(d.Inputs) != 1 || d.Inputs[0] != (complaints.Input{Name: "tls_valid_days", Share: 0.75, Of: 40}) || !d.Measured {
		t.Errorf("%+v", d)
	}
	if d := dimension(at, "capability"); len(d.Inputs) != 1 || d.Inputs[0].Name != "company_active_days" || d.Inputs[0].Of != 35 || d.Inputs[0].Share < 0.9714 || d.Inputs[0].Share > 0.9715 {
		t.Errorf("29 days are too few, and one of 35 was bad: %+v", d)
	}
	if d := dimension(start.AddDate(0, 0, 29), "security"); d.Measured {
		t.Errorf("as of a day with 29 before it: %+v", d)
	}
	if d := dimension(start.AddDate(0, 0, 375), "security"); d.Inputs[0].Of != 30 {
		t.Errorf("the first ten days are more than a year ago: %+v", d)
	}
	if d := dimension(start.AddDate(0, 0, 376), "security"); d.Measured {
		t.Errorf("29 days are left: %+v", d)
	}
	before := dimension(at, "capability")
	find(40, complaints.MeasureActive, false) // at this very instant, and the day goes on
	if diff := cmp.Diff(before, dimension(at, "capability")); diff != "" {
		t.Errorf("what was found on the day itself is in the answer (-before +after):\n%s", diff)
	}
	if d := dimension(at.AddDate(0, 0, 1), "capability"); d.Inputs[0].Of != 36 {
		t.Errorf("and a day later it is not: %+v", d)
	}
	all, err := b.Register().MeasuredAll(t.Context(), at)
	if err != nil || len(all) != 1 || len(all[string(shop)]["security"]) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}

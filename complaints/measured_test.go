package complaints_test

import (
	"testing"
	"time"

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
	at := start.AddDate(0, 0, 39)
	if d := dimension(at, "security"); len(d.Inputs) != 1 || d.Inputs[0] != (complaints.Input{Name: "tls_valid_days", Share: 0.75, Of: 40}) || !d.Measured {
		t.Errorf("%+v", d)
	}
	if d := dimension(at, "capability"); len(d.Inputs) != 1 || d.Inputs[0].Name != "company_active_days" || d.Inputs[0].Of != 35 || d.Inputs[0].Share < 0.9714 || d.Inputs[0].Share > 0.9715 {
		t.Errorf("29 days are too few, and one of 35 was bad: %+v", d)
	}
	if d := dimension(start.AddDate(0, 0, 20), "security"); d.Measured {
		t.Errorf("as of a day with 21 before it: %+v", d)
	}
	if d := dimension(start.AddDate(0, 0, 374), "security"); d.Inputs[0].Of != 30 {
		t.Errorf("the first ten days are more than a year ago: %+v", d)
	}
	if d := dimension(start.AddDate(0, 0, 375), "security"); d.Measured {
		t.Errorf("29 days are left: %+v", d)
	}
	all, err := b.Register().MeasuredAll(t.Context(), at)
	if err != nil || len(all) != 1 || len(all[string(shop)]["security"]) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}

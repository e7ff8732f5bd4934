package bench

import (
	"testing"

	"mohr/ca/evidence"
	"mohr/internal/refregistry"
)

func TestGeneratedPeopleAreTakenByTheRegistryAndTheRules(t *testing.T) {
	list := makePeople(somewhere(), 3000)
	b, err := peopleFile(list)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := refregistry.ParsePeople(b); err != nil {
		t.Error(err)
	}
	phones := map[string]bool{}
	for _, p := range list {
		if _, err := evidence.ParseNationalCode(p.NationalCode); err != nil {
			t.Errorf("%s: %v", p.NationalCode, err)
		}
		if m, err := evidence.ParseMobile(p.Mobile); err != nil || m != p.Mobile || phones[m] {
			t.Errorf("phone %s: %v", p.Mobile, err)
		}
		phones[p.Mobile] = true
	}
}

func TestTheMedianIsTheMiddle(t *testing.T) {
	for _, c := range []struct {
		name string
		of   []float64
		want float64
	}{
		{"of one", []float64{4}, 4},
		{"of three, not the mean", []float64{100, 1, 3}, 3},
		{"of four, between the middle two", []float64{9, 1, 3, 5}, 4},
		{"of none", nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := median(c.of); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestWhatRisesIsNotFlat(t *testing.T) {
	for _, c := range []struct {
		name string
		of   []float64
		flat bool
	}{
		{"the same all the time", []float64{90, 99, 100, 100, 101, 100, 99, 100}, true},
		{"a leak", []float64{100, 110, 120, 130, 140, 150, 160, 170}, false},
		{"a bad minute", []float64{100, 100, 101, 99, 100, 5000, 100, 101}, true},
		{"a process that did not answer at times", []float64{100, 100, 100, 0, 101, 0, 100, 100}, true},
		{"only the beginning", []float64{10, 60, 100, 101, 100, 100, 99, 100}, true},
		{"nothing", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := judge("", c.of); got.Flat != c.flat {
				t.Errorf("%+v", got)
			}
		})
	}
}

package regulator

import (
	"testing"

	"mohr/complaints"
	"mohr/internal/fault"
	"mohr/internal/i18n"
)

func national(t *testing.T) National {
	t.Helper()
	c := complaints.NewCounts(nil, complaints.Window{})
	for _, r := range []struct {
		y, m, d  int
		category string
	}{{1403, 11, 5, "refund"}, {1404, 2, 5, "refund"}, {1404, 2, 6, "other"}, {1404, 5, 7, "refund"}} {
		day, ok := i18n.FromJalali(r.y, r.m, r.d)
		if !ok {
			t.Fatal(r)
		}
		c.Add(complaints.Row{Served: day.Unix(), Category: r.category})
	}
	at, _ := i18n.FromJalali(1404, 7, 10)
	return Country(c, at)
}

func TestEveryMonthIsShownWhetherSomethingHappenedOrNot(t *testing.T) {
	for _, c := range []struct {
		name, year, category string
		first, last          string
		months, received     int
	}{
		{"the last twelve months", "", "", "1403-08", "1404-07", 12, 4},
		{"of one category", "", "refund", "1403-08", "1404-07", 12, 3},
		{"a year that is not over", "1404", "", "1404-01", "1404-07", 7, 3},
		{"a year that is", "1403", "", "1403-01", "1403-12", 12, 1},
		{"a category that a year had none of", "1403", "other", "1403-01", "1403-12", 12, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := choose(national(t), c.year, c.category)
			if err != nil {
				t.Fatal(err)
			}
			received := 0
			for i, l := range got.Months {
				received += int(l.Received)
				if l.Partial != (l.Period == "1404-07") || l.Category != c.category {
					t.Errorf("%s: partial %v, category %q", l.Period, l.Partial, l.Category)
				}
				if i > 0 && l.Period <= got.Months[i-1].Period {
					t.Errorf("%s comes after %s", l.Period, got.Months[i-1].Period)
				}
			}
			n := len(got.Months)
			if n != c.months || got.Months[0].Period != c.first || got.Months[n-1].Period != c.last || received != c.received {
				t.Errorf("%d months from %s to %s with %d complaints", n, got.Months[0].Period, got.Months[n-1].Period, received)
			}
		})
	}
}

func TestTheMostFrequentSubjectComesFirst(t *testing.T) {
	got, err := choose(national(t), "", "")
	if err != nil || len(got.Subjects) != 2 || got.Subjects[0].Category != "refund" || got.Subjects[0].Received != 2 || got.Subjects[1].Received != 1 {
		t.Errorf("%+v, %v", got.Subjects, err)
	}
}

func TestWhatIsNotCountedIsNotFound(t *testing.T) {
	for _, c := range [][2]string{{"1300", ""}, {"x", ""}, {"", "nothing"}, {"1404-02", ""}} {
		if _, err := choose(national(t), c[0], c[1]); fault.Code(err) != "statistics_unknown" {
			t.Errorf("%v: %v", c, err)
		}
	}
}

package regulator_test

import (
	"testing"
	"time"

	"mohr/complaints/regulator"
)

func TestTheBulletinIsMadeOnceForADay(t *testing.T) {
	now := iran(t, 1404, 7, 1, 9)
	g := register(t, nil,
		[4]string{"a", "2025-08-01 10:00:00", "2025-08-02 10:00:00", "refund"},
		[4]string{"a", "2025-09-01 10:00:00", "", "other"},
	)
	o := &regulator.Office{Register: g, Now: func() time.Time { return now }}
	if _, there, err := o.Bulletin(t.Context()); there || err != nil {
		t.Fatalf("there is a bulletin before the first was made: %v", err)
	}
	for range 2 { // a job may be repeated
		if err := o.Count(t.Context()); err != nil {
			t.Fatal(err)
		}
		b, there, err := o.Bulletin(t.Context())
		if err != nil || !there || !b.At.Equal(iran(t, 1404, 7, 1, 0)) || b.Total.Received != 2 || b.Total.Unanswered != 1 || b.Visits.Method == "" || b.Publication.Method == "" {
			t.Fatalf("%+v, %v, %v", b, there, err)
		}
	}
	now = iran(t, 1404, 7, 2, 1)
	if err := o.Count(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b, _, err := o.Bulletin(t.Context()); err != nil || !b.At.Equal(iran(t, 1404, 7, 2, 0)) {
		t.Errorf("the next day: %s, %v", b.At, err)
	}
}

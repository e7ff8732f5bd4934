package complaints_test

import (
	"slices"
	"testing"
	"time"

	"mohr/ca"
	"mohr/complaints"
	"mohr/internal/fault"
)

func TestABusinessSeesWhatItOwesByTheTimeLeft(t *testing.T) {
	b := newBench(t, nil)
	order := []string{}
	for range 4 {
		order = append(order, b.file(t).ID)
		b.clock.advance(2 * time.Hour)
	}
	b.answer(t, order[1], complaints.KindAnswer)
	owed := func() (ids []string) {
		t.Helper()
		list, err := b.OwedOf(t.Context(), ca.BusinessID(shop))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list {
			ids = append(ids, o.ID)
			c, err := b.OneOf(t.Context(), ca.BusinessID(shop), o.ID)
			if err != nil || !c.Owed || c.Missed != o.Missed || !c.Deadlines[len(c.Deadlines)-1].Equal(o.Last) || c.Text == "" {
				t.Errorf("%+v, but the complaint is %+v, %v", o, c, err)
			}
			if (o.Late(b.clock.Now()) > 0) != o.Next.IsZero() {
				t.Errorf("late by %s, and the next end is %s", o.Late(b.clock.Now()), o.Next)
			}
		}
		return ids
	}
	want := []string{order[0], order[2], order[3]}
	if got := owed(); !slices.Equal(got, want) {
		t.Errorf("owed are %v, want %v", got, want)
	}
	b.clock.advance(400 * 24 * time.Hour) // all windows are over
	late := b.file(t).ID
	if got := owed(); !slices.Equal(got, append(want, late)) {
		t.Errorf("owed are %v, want the late ones first, then %s", got, late)
	}
	if list, err := b.OwedOf(t.Context(), "10323012419"); err != nil || len(list) != 0 {
		t.Errorf("another business owes %v, %v", list, err)
	}
	if _, err := b.OneOf(t.Context(), "10323012419", late); fault.Code(err) != "complaint_unknown" {
		t.Errorf("another business sees it: %v", err)
	}
}

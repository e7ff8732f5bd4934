package ledger_test

import (
	"testing"

	"mohr/internal/fault"
)

func TestEntriesAreLookedThroughFromTheNewest(t *testing.T) {
	s := openStore(t)
	l := openLog(t, s, newKey(t))
	appendEvents(t, s, 0, 60)
	if err := l.Sequence(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, seen := int64(-1), 0
	for {
		list, err := l.Recent(t.Context(), before)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			if want := int64(59 - seen); e.Index != want {
				t.Fatalf("entry %d comes where %d should", e.Index, want)
			}
			id, err := e.Event.ID()
			if err != nil || id != e.ID {
				t.Fatalf("entry %d is called %s, its leaf %s: %v", e.Index, e.ID, id, err)
			}
			seen++
		}
		before = list[len(list)-1].Index
		if before == 0 {
			break
		}
	}
	if seen != 60 {
		t.Errorf("%d entries seen, want 60", seen)
	}
}

func TestAnEntryIsNamedByItsNumberToo(t *testing.T) {
	s := openStore(t)
	l := openLog(t, s, newKey(t))
	appendEvents(t, s, 0, 30)
	if err := l.Sequence(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, at, err := l.Head(t.Context())
	if err != nil || c.Size != 30 || at.IsZero() {
		t.Fatalf("%+v of %v, %v", c, at, err)
	}
	for _, number := range []string{"0", "7", " 29 "} {
		id, err := l.Name(t.Context(), number)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := l.Prove(t.Context(), id); err != nil || p.Verify(l.VerifierKey()) != nil {
			t.Errorf("%s: %v", number, err)
		}
	}
	for _, nothing := range []string{"30", "-1", "9999999999999999999", "x", ""} {
		id, err := l.Name(t.Context(), nothing)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Prove(t.Context(), id); fault.Code(err) != "log_leaf_unknown" {
			t.Errorf("%q: %v", nothing, err)
		}
	}
}

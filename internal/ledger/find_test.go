package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"mohr/internal/ledger"
	"mohr/internal/store"
)

// deeds are entries a minute apart: three subjects in turn, each of a kind.
func deeds(t *testing.T, s store.Store, n int) time.Time {
	t.Helper()
	start := time.Date(2026, 3, 21, 0, 0, 0, 0, time.UTC)
	err := s.Update(t.Context(), func(tx store.Tx) error {
		for i := range n {
			e := ledger.Event{
				Kind: []string{"badge.active", "certificate.issued", "badger"}[i%3], Subject: []string{"b-1", "c-1", "b-1/2"}[i%3],
				At: start.Add(time.Duration(i) * time.Minute), Hash: fmt.Sprintf("%064d", i),
			}
			if err := ledger.Append(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return start
}

// found reads all that a query finds, page by page.
func found(t *testing.T, l *ledger.Log, q ledger.Query) (all []ledger.Entry) {
	t.Helper()
	for {
		list, more, err := l.Find(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, list...); more == 0 {
			return all
		}
		if q.Before != 0 && more >= q.Before {
			t.Fatalf("the search goes on at %d after %d", more, q.Before)
		}
		q.Before = more
	}
}

func TestEntriesAreFoundBySubjectKindAndTime(t *testing.T) {
	const n = 6000
	s := openStore(t)
	l := openLog(t, s, newKey(t))
	start := deeds(t, s, n)
	sequence(t, l)
	if got := found(t, l, ledger.Query{Subject: "b-1"}); len(got) != 0 {
		t.Errorf("%d found before they are indexed", len(got))
	}
	for range 2 { // again changes nothing
		if err := l.IndexSubjects(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	for _, c := range []struct {
		name string
		q    ledger.Query
		want int
	}{
		{"all", ledger.Query{}, n},
		{"a subject", ledger.Query{Subject: "b-1"}, n / 3},
		{"one whose name begins like it", ledger.Query{Subject: "b-1/2"}, n / 3},
		{"a subject in a time", ledger.Query{Subject: "b-1", From: at(3), To: at(9)}, 2},
		{"none", ledger.Query{Subject: "b-9"}, 0},
		{"a family of kinds", ledger.Query{Kind: "badge"}, n / 3},
		{"a kind", ledger.Query{Kind: "badge.active"}, n / 3},
		{"a part of a word", ledger.Query{Kind: "certific"}, 0},
		{"a time at the beginning", ledger.Query{To: at(10)}, 10},
		{"a time in the middle", ledger.Query{From: at(1000), To: at(1010)}, 10},
		{"a kind in a time", ledger.Query{Kind: "certificate", From: at(1000), To: at(1030)}, 10},
		{"a time before the log", ledger.Query{To: at(-1)}, 0},
		{"a time after it", ledger.Query{From: at(n)}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := found(t, l, c.q)
			if len(list) != c.want {
				t.Fatalf("%d found, want %d", len(list), c.want)
			}
			for i, e := range list {
				if i > 0 && e.Index >= list[i-1].Index {
					t.Fatalf("entry %d comes after %d", e.Index, list[i-1].Index)
				}
			}
		})
	}
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		return ledger.Append(tx, ledger.Event{Kind: "badge.expired", Subject: "b-1", At: at(n)})
	}); err != nil {
		t.Fatal(err)
	}
	sequence(t, l)
	if err := l.IndexSubjects(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list := found(t, l, ledger.Query{Subject: "b-1", Kind: "badge.expired"}); len(list) != 1 || list[0].Index != n {
		t.Errorf("what came later: %+v", list)
	}
}

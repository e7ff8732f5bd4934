package store_test

import (
	"strings"
	"testing"
	"time"

	"mohr/internal/store"
)

// paper is a record of the size and kind that rooms keep.
type paper struct {
	ID     string            `json:"id"`
	Stage  string            `json:"stage"`
	At     time.Time         `json:"at"`
	Sealed [][]byte          `json:"sealed"`
	Trace  []map[string]bool `json:"trace"`
	Text   string            `json:"text"`
}

func somePaper() paper {
	p := paper{ID: "a-1", Stage: "approved", At: time.Unix(1e9, 0).UTC(), Text: strings.Repeat("متن ", 50)}
	for range 5 {
		p.Sealed = append(p.Sealed, make([]byte, 600))
		p.Trace = append(p.Trace, map[string]bool{"rule": true})
	}
	return p
}

// BenchmarkRecords saves and loads one record in a transaction.
func BenchmarkRecords(b *testing.B) {
	s := open(b)
	p := somePaper()
	b.ReportAllocs()
	err := s.Update(b.Context(), func(tx store.Tx) error {
		for range b.N {
			if err := store.Save(tx, "papers", p.ID, p); err != nil {
				return err
			}
			if _, err := store.Load[paper](tx, "papers", p.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// TestALoadedRecordIsTheCallersOwn: Load reads the store's memory, so what it
// returns must not lie in it.
func TestALoadedRecordIsTheCallersOwn(t *testing.T) {
	s := open(t)
	want := somePaper()
	save := func(p paper) {
		t.Helper()
		if err := s.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, "papers", "a-1", p) }); err != nil {
			t.Fatal(err)
		}
	}
	save(want)
	var got paper
	if err := s.View(t.Context(), func(tx store.Tx) (err error) {
		got, err = store.Load[paper](tx, "papers", "a-1")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	other := want
	other.Stage, other.Text, other.Sealed = "XXXXXXXX", strings.Repeat("x", len(want.Text)), [][]byte{[]byte(strings.Repeat("x", 600))}
	for range 3 { // the pages of the first are free and written anew
		save(other)
	}
	if got.Stage != want.Stage || got.Text != want.Text || len(got.Sealed) != 5 || got.Sealed[0][0] != 0 {
		t.Errorf("the record changed under its reader: %.80v", got)
	}
	err := s.Update(t.Context(), func(tx store.Tx) error {
		if err := store.Save(tx, "papers", "a-2", want); err != nil {
			return err
		}
		mine, err := store.Load[paper](tx, "papers", "a-2")
		if err != nil {
			return err
		}
		mine.Sealed[0][0] = 1
		again, err := store.Load[paper](tx, "papers", "a-2")
		if err == nil && again.Sealed[0][0] != 0 {
			t.Error("who changed a loaded record changed the stored one")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

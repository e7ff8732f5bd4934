package store_test

import (
	"errors"
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

// TestOneMemberOfARecordIsReadByItself, wherever it stands in the object.
func TestOneMemberOfARecordIsReadByItself(t *testing.T) {
	s := open(t)
	put := func(tx store.Tx, key, value string) {
		t.Helper()
		if err := tx.Put("papers", key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, record string
		want         int
		wrong        bool
	}{
		{"at the beginning", `{"n": 3, "rest": {"n": 4}}`, 3, false},
		{"behind an object that has one of the name", `{"rest": {"n": 4}, "list": [{"n": 5}], "n": 3}`, 3, false},
		{"with its name written otherwise", `{"\u006e": 3}`, 3, false},
		{"not there", `{"rest": {"n": 4}}`, 0, false},
		{"of another kind", `{"n": "three"}`, 0, true},
		{"of what is no object", `["n", 3]`, 0, true},
		{"of an empty object", `{}`, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := s.Update(t.Context(), func(tx store.Tx) error {
				put(tx, "a-1", c.record)
				if got, err := store.LoadMember[int](tx, "papers", "a-1", "n"); got != c.want || (err != nil) != c.wrong {
					t.Errorf("got %d, %v", got, err)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			err = s.View(t.Context(), func(tx store.Tx) error { // from the file
				got, err := store.LoadMember[int](tx, "papers", "a-1", "n")
				if got != c.want {
					t.Errorf("got %d from the file", got)
				}
				return err
			})
			if (err != nil) != c.wrong {
				t.Errorf("from the file: %v", err)
			}
		})
	}
	err := s.View(t.Context(), func(tx store.Tx) error {
		_, err := store.LoadMember[int](tx, "papers", "a-2", "n")
		return err
	})
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no record: %v", err)
	}
}

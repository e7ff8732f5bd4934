package complaints_test

import (
	"encoding/json"
	"strings"
	"testing"

	"mohr/complaints"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// opened returns all sealed values of the room that can still be opened, with
// where they are, but for what waits for its confirmation.
func (b *bench) opened(t testing.TB) (list []string) {
	t.Helper()
	err := b.ca.Store.View(t.Context(), func(tx store.Tx) error {
		list = nil
		for _, bucket := range []string{"complaints_cases", "complaints_words", "complaints_statements"} {
			err := tx.Scan(bucket, "", "", func(key string, value []byte) error {
				var v struct {
					seal.Sealed
					Private, Raw, Text *seal.Sealed
				}
				if err := json.Unmarshal(value, &v); err != nil {
					return err
				}
				if bucket == "complaints_words" {
					v.Private = &v.Sealed
				}
				for _, s := range []*seal.Sealed{v.Private, v.Raw, v.Text} {
					if s != nil && !s.Erased() {
						list = append(list, bucket+" "+key)
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// empty fails unless nothing is kept in the bucket.
func (b *bench) empty(t testing.TB, bucket string) {
	t.Helper()
	err := b.ca.Store.View(t.Context(), func(tx store.Tx) error {
		return tx.Scan(bucket, "", "", func(key string, _ []byte) error {
			t.Errorf("%s still has %s", bucket, key)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRemovalByLawLeavesNoWordAnywhere(t *testing.T) {
	b := newBench(t, twoBusinesses)
	in := filing()
	in.Also = []string{string(nobody)}
	ticket, err := b.File(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	b.answer(t, ticket.ID, complaints.KindHolding)
	b.answer(t, ticket.ID, complaints.KindAnswer)
	say := func(r complaints.Reaction) {
		t.Helper()
		if _, err := b.React(t.Context(), ticket.ID, ticket.Token, r); err != nil {
			t.Fatal(err)
		}
	}
	say(complaints.Reaction{Business: shop, Kind: complaints.KindEscalated, Text: "نام من زهرا است."})
	b.rule(t, ticket.ID, complaints.Ruling{Business: shop, Kind: complaints.KindDecided, Reason: "answer_sufficient", Outcome: complaints.ForBusiness, Text: "پاسخ کافی است."})
	b.rule(t, ticket.ID, complaints.Ruling{Business: nobody, Kind: complaints.KindInadmissible, Reason: "abusive", Text: "بی‌ربط."})
	if n := len(b.opened(t)); n != 8 { // the filing, two answers with their bytes, three words
		t.Fatalf("%d sealed values: %v", n, b.opened(t))
	}
	if _, err := b.RemoveText(t.Context(), b.officer(t, "sara"), ticket.ID, "court_order"); err != nil {
		t.Fatal(err)
	}
	if left := b.opened(t); len(left) != 0 {
		t.Errorf("words are left: %v", left)
	}
	b.empty(t, "complaints_same")
	all, err := b.FollowAll(t.Context(), ticket.ID, ticket.Token)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Text != "" || c.TextRemoved != "court_order" || len(c.History) < 3 {
			t.Errorf("%+v", c)
		}
		for _, e := range c.History {
			if e.Text != "" {
				t.Errorf("%+v", e)
			}
		}
	}
	// What is written after it can be removed too; the first reason stays.
	say(complaints.Reaction{Business: shop, Kind: complaints.KindAppealed, Text: "باز هم زهرا."})
	stone, err := b.RemoveText(t.Context(), b.officer(t, "sara"), ticket.ID, "personal_data_of_others")
	if err != nil || stone.Reason != "court_order" || len(b.opened(t)) != 0 {
		t.Errorf("%+v, %v, %v", stone, err, b.opened(t))
	}
	for _, reason := range []string{"court_order", "personal_data_of_others"} {
		if n := strings.Count(strings.Join(b.leaves(t), " "), "text_removed."+reason); n != 1 {
			t.Errorf("%s: %d entries of the log", reason, n)
		}
	}
}

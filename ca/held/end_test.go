package held_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"mohr/ca"
	"mohr/ca/held"
	"mohr/internal/store"
)

// TestAKeyThatEndedSignsNothing: a proof that was given before does not help,
// and of a key that was destroyed nothing is left that opens.
func TestAKeyThatEndedSignsNothing(t *testing.T) {
	b := newBench(t, nil)
	w := b.browser(t)
	for _, tc := range []struct {
		name  string
		end   func(id string) error
		state held.State
		ends  bool // its certificates end
	}{
		{"revoked", func(id string) error { return b.Revoke(t.Context(), w.who(), id) }, held.Revoked, true},
		{"destroyed", func(id string) error { return b.Destroy(t.Context(), w.who(), id) }, held.Destroyed, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k, c := b.certified(t, true)
			wanted := document(k, "one")
			before := b.prove(t, wanted)
			wantFault(t, tc.end(k.ID), "confirm_needed")
			w.confirm(held.RevokePurpose(k.ID))
			w.confirm(held.DestroyPurpose(k.ID))
			must(t, tc.end(k.ID))
			_, err := b.Sign(t.Context(), b.zahra, wanted, before)
			wantFault(t, err, "held_ended")
			_, err = b.Begin(t.Context(), b.zahra, wanted)
			wantFault(t, err, "held_ended")
			now, err := b.Key(t.Context(), b.zahra, k.ID)
			must(t, err)
			certificate, err := b.fixture.Certificate(t.Context(), c.Serial)
			must(t, err)
			if now.State != tc.state || now.Ended.IsZero() || (certificate.Revoked != nil) != tc.ends {
				t.Errorf("%s, certificate %+v", now.State, certificate.Revoked)
			}
			if n := b.fixture.Leaves(t, "held."+tc.name); n != 1 {
				t.Errorf("%d leaves", n)
			}
			if tc.state != held.Destroyed {
				return
			}
			must(t, b.fixture.Store.View(t.Context(), func(tx store.Tx) error {
				raw, err := tx.Get("held_keys", k.ID)
				for _, secret := range [][]byte{k.Private.Key, k.Private.Data, k.Salt} {
					text, _ := json.Marshal(secret)
					if bytes.Contains(raw, text) {
						t.Errorf("the record still has %s", text)
					}
				}
				return err
			}))
		})
	}
}

func TestWhoIsForgottenLeavesNoKeyThatOpens(t *testing.T) {
	b := newBench(t, nil)
	one, _ := b.certified(t, true)
	two := b.make(t, false)
	must(t, b.fixture.Store.Update(t.Context(), func(tx store.Tx) error { return held.Forget(tx, ca.HolderID(b.zahra.Holder), b.clock) }))
	for _, id := range []string{one.ID, two.ID} {
		k, err := b.Key(t.Context(), b.zahra, id)
		must(t, err)
		if k.State != held.Destroyed || !k.Private.Erased() || k.Private.Data != nil {
			t.Errorf("%+v", k)
		}
	}
	if n := b.fixture.Leaves(t, "held.destroyed"); n != 2 {
		t.Errorf("%d leaves", n)
	}
}

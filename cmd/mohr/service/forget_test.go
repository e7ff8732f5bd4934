package service

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/held"
	"mohr/ca/signin"
	"mohr/internal/store"
)

// TestWithAPersonGoTheKeysHeldForThem, and nobody else's.
func TestWithAPersonGoTheKeysHeldForThem(t *testing.T) {
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r := &rooms{signin: &signin.Desk{}}
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	after := map[string]held.State{}
	err = s.Update(t.Context(), func(tx store.Tx) error {
		for holder, id := range map[string]string{"zahra": "1", "davood": "2"} {
			k := held.Key{ID: id, Holder: "h-" + ca.HolderID(holder), State: held.Live}
			if err := errors.Join(store.Save(tx, "held_keys", id, k), store.Save(tx, "held_holders", string(k.Holder)+"/"+id, id)); err != nil {
				return err
			}
		}
		if err := r.forget(tx, "h-zahra", at); err != nil {
			return err
		}
		return store.Each(tx, "held_keys", "", "", func(id string, k held.Key) error {
			after[id] = k.State
			return nil
		})
	})
	if err != nil || after["1"] != held.Destroyed || after["2"] != held.Live {
		t.Errorf("%v, %v", after, err)
	}
}

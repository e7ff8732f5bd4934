package care_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/cmd/mohr/care"
	"mohr/internal/nonce"
	"mohr/internal/otp"
	"mohr/internal/store"
)

// TestPruneCountsAndOnlyThenDeletes: more old nonces than one transaction
// takes, one that is young, an old code, and what nobody prunes.
func TestPruneCountsAndOnlyThenDeletes(t *testing.T) {
	ctx := t.Context()
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	then := func() time.Time { return time.Now().Add(-72 * time.Hour) }
	use := func(now func() time.Time, n int) {
		t.Helper()
		source := nonce.Source{Key: make([]byte, 32), Now: now}
		err := s.Update(ctx, func(tx store.Tx) error {
			for range n {
				c, err := source.Redeemable("renew", source.New("renew"))
				if err != nil {
					return err
				}
				if err := c.Use(tx); err != nil {
					return err
				}
			}
			return store.Save(tx, "ca_certificates", "01", "kept")
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	use(then, 1203)
	use(time.Now, 1)
	codes, err := otp.New(otp.Config{Store: s, Key: make([]byte, 32), Now: then, Send: func(context.Context, string, string) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := codes.Send(ctx, otp.Binding{Session: "a", Purpose: "enroll"}, "+989121234567", "en"); err != nil {
		t.Fatal(err)
	}
	counts := func(yes bool) map[string]int {
		t.Helper()
		list, err := care.Prune(ctx, s, yes)
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]int{}
		for _, p := range list {
			m[p.Kind] = p.Records
		}
		return m
	}
	full := map[string]int{"used nonces": 1203, "idempotency answers": 0, "codes": 1, "ACME orders": 0, "open data of old days": 0, "plans": 0}
	empty := map[string]int{"used nonces": 0, "idempotency answers": 0, "codes": 0, "ACME orders": 0, "open data of old days": 0, "plans": 0}
	for _, step := range []struct {
		name string
		yes  bool
		want map[string]int
	}{{"a dry run", false, full}, {"a second dry run", false, full}, {"in earnest", true, full}, {"afterwards", false, empty}, {"again", true, empty}} {
		if diff := cmp.Diff(step.want, counts(step.yes)); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
	}
	left := 0
	err = s.View(ctx, func(tx store.Tx) error {
		if _, err := store.Load[string](tx, "ca_certificates", "01"); err != nil {
			return err
		}
		return tx.Scan("nonce_used", "", "", func(string, []byte) error { left++; return nil })
	})
	if err != nil || left != 1 {
		t.Errorf("%d nonces left, want the young one: %v", left, err)
	}
}

package signin_test

import (
	"net/url"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/signin"
	"mohr/internal/store"
)

// TestWhoIsForgottenLeavesNothing: another person's stays, and forgetting again
// changes nothing.
func TestWhoIsForgottenLeavesNothing(t *testing.T) {
	var left []ca.HolderID
	b := newBench(t, func(c *signin.Config) {
		c.Left = func(_ store.Tx, h ca.HolderID) error { left = append(left, h); return nil }
	})
	hers, zahra := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	his, other := b.fixture.IssueTo(t, davood, ca.NaturalSign, "r-2")
	browsers := map[ca.HolderID]*browser{}
	for h, key := range map[ca.HolderID]ca.SigningKey{zahra.Holder: hers, other.Holder: his} {
		w := b.browser(t)
		w.signIn(key)
		w.confirm(key, signin.NewPasskey, w.challenge(signin.NewPasskey))
		w.post("/my/passkeys/options", url.Values{}) // makes a handle
		browsers[h] = w
		must(t, b.Store.Update(t.Context(), func(tx store.Tx) error {
			for _, business := range []ca.BusinessID{"", "14003456780"} {
				id := "k" + string(business)
				if err := store.Save(tx, "signin_passkeys", string(h)+"/"+id, signin.Passkey{ID: id, Holder: h, Business: business, Added: b.clock}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	// The two of each person, one handle, its owner and one session.
	kept := func(h ca.HolderID) (n int) {
		must(t, b.Store.View(t.Context(), func(tx store.Tx) error {
			for bucket, prefix := range map[string]string{"signin_passkeys": string(h) + "/", "signin_owners": string(h) + "/", "session_subjects": string(h) + "/"} {
				must(t, tx.Scan(bucket, prefix, "", func(string, []byte) error { n++; return nil }))
			}
			return store.Each(tx, "signin_handles", "", "", func(_ string, o struct{ Holder ca.HolderID }) error {
				if o.Holder == h {
					n++
				}
				return nil
			})
		}))
		return n
	}
	if hers, his := kept(zahra.Holder), kept(other.Holder); hers != 5 || his != 5 {
		t.Fatalf("%d and %d records before", hers, his)
	}
	for range 2 {
		must(t, b.Store.Update(t.Context(), func(tx store.Tx) error { return b.Forget(tx, zahra.Holder, b.clock) }))
	}
	if n := kept(zahra.Holder); n != 0 || browsers[zahra.Holder].in() {
		t.Errorf("%d records are left of who is forgotten", n)
	}
	if n := kept(other.Holder); n != 5 || !browsers[other.Holder].in() {
		t.Errorf("%d records are left of another", n)
	}
	for _, h := range left {
		if h != zahra.Holder {
			t.Errorf("what %s left was ended", h)
		}
	}
	if len(left) == 0 {
		t.Error("what the person left is not ended")
	}
	left = nil
	browsers[other.Holder].post("/signin/out", url.Values{})
	if len(left) != 0 {
		t.Error("signing out here ends what is elsewhere")
	}
	browsers[other.Holder].signIn(his)
	browsers[other.Holder].post("/signin/out", url.Values{"everywhere": {"yes"}})
	if len(left) == 0 || left[0] != other.Holder {
		t.Error("signing out everywhere leaves what was left elsewhere")
	}
}

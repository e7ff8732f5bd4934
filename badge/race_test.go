package badge_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"mohr/badge"
	"mohr/ca"
	"mohr/internal/store"
)

func TestARevocationWhileWeAskAroundCounts(t *testing.T) {
	b := newBench(t)
	first := b.request(t)
	b.shop.set(func(w http.ResponseWriter, _ *http.Request) {
		if err := b.ca.Revoke(context.WithoutCancel(t.Context()), b.cert.Serial, ca.KeyCompromise, "holder"); err != nil {
			t.Error(err)
		}
		w.Write([]byte(first.Challenge.Content))
	})
	if got, err := b.Check(t.Context(), first.ID); err != nil || got.State != badge.Refused || got.Why != "certificate_revoked" {
		t.Errorf("state %s, why %s, %v", got.State, got.Why, err)
	}
}

func TestAnOlderCheckDoesNotUndoANewerOne(t *testing.T) {
	b := newBench(t)
	first := b.request(t)
	var asked atomic.Int32
	arrived, release := make(chan struct{}, 2), make(chan struct{})
	b.shop.set(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/.well-known/") {
			http.NotFound(w, r)
			return
		}
		if asked.Add(1) <= 2 { // both views of the older check
			arrived <- struct{}{}
			<-release
			http.NotFound(w, r)
			return
		}
		w.Write([]byte(first.Challenge.Content))
	})
	older := make(chan badge.Badge)
	go func() {
		got, err := b.Check(context.WithoutCancel(t.Context()), first.ID)
		if err != nil {
			t.Error(err)
		}
		older <- got
	}()
	<-arrived
	<-arrived
	newer, err := b.Check(t.Context(), first.ID)
	if err != nil || newer.State != badge.Active {
		t.Fatalf("the newer check: %s, %v", newer.State, err)
	}
	close(release)
	if got := <-older; got.State != badge.Active || slices.Contains(why(got), "domain_file_missing") {
		t.Errorf("the older check left %s with %v", got.State, why(got))
	}
}

func TestARenewalThatWasNeverIssuedChangesNothing(t *testing.T) {
	for _, state := range []ca.State{ca.Pending, ca.Void} {
		t.Run(string(state), func(t *testing.T) {
			b := newBench(t)
			got := b.granted(t)
			err := b.Store.Update(t.Context(), func(tx store.Tx) error {
				old := b.cert
				old.ReplacedBy = "1234"
				if err := store.Save(tx, "ca_certificates", old.Serial, old); err != nil {
					return err
				}
				next := ca.Certificate{Serial: "1234", State: state, Replaces: old.Serial}
				if state == ca.Void {
					next.Revoked = &ca.Revoked{Serial: "1234", At: start, Reason: ca.Unspecified}
				}
				return store.Save(tx, "ca_certificates", next.Serial, next)
			})
			if err != nil {
				t.Fatal(err)
			}
			if got, why := b.state(t, got.ID); got != badge.Active {
				t.Errorf("state %s, why %s", got, why)
			}
		})
	}
}

package service

import (
	"log/slog"
	"testing"

	"mohr/ca"
)

// A report of one of the service's own keys must not end the service, and the
// key must not serve on.
func TestACompromisedServiceKeyIsRotated(t *testing.T) {
	c := begin(t)
	g, err := Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	before := g.audit.key()
	if err := g.CA.Revoke(t.Context(), ca.SerialText(before.Certificate.SerialNumber), ca.KeyCompromise, "anyone"); err != nil {
		t.Fatal(err)
	}
	if err := g.renewSigners(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := g.audit.key()
	if after.Certificate.Equal(before.Certificate) {
		t.Error("the compromised key serves on")
	}
	k, err := g.Custody.Serving(t.Context(), "audit")
	if err != nil || k.Generation != 2 {
		t.Errorf("serving: %+v, %v", k, err)
	}
}

package ca_test

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/store"
)

func TestOperatorsAreKnownByTheirCertificatesAndRolesByTheStore(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	k := f.SigningKey(t, "operator", ca.Service{Profile: ca.OperatorAuth, CommonName: "sara"})
	person, _ := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	stranger := catest.New(t, nil).SigningKey(t, "operator", ca.Service{Profile: ca.OperatorAuth, CommonName: "sara"})
	grant := func(roles ...ca.Role) {
		t.Helper()
		if err := f.GrantRoles(t.Context(), "sara", roles...); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(what string, leaf *x509.Certificate, role ca.Role, code string) {
		t.Helper()
		name, err := f.Operator(t.Context(), leaf, role)
		wantCode(t, what, err, code)
		if (err == nil) != (name == "operator:sara") {
			t.Errorf("%s: name %q", what, name)
		}
	}
	ask("before any role", k.Certificate, ca.RoleRegistrar, "operator_required")
	grant(ca.RoleRegistrar, ca.RoleOfficer)
	ask("with both roles", k.Certificate, ca.RoleRegistrar, "")
	ask("with both roles", k.Certificate, ca.RoleOfficer, "")
	ask("without a role's name", k.Certificate, "", "operator_required")
	ask("without a certificate", nil, ca.RoleOfficer, "operator_required")
	ask("another kind of certificate", person.Certificate, ca.RoleOfficer, "operator_required")
	ask("the same name under another authority", stranger.Certificate, ca.RoleOfficer, "certificate_foreign")
	ask("a certificate made by hand", &x509.Certificate{}, ca.RoleOfficer, "certificate_foreign")
	grant(ca.RoleOfficer)
	ask("a role that was taken away", k.Certificate, ca.RoleRegistrar, "operator_required")
	wantCode(t, "a role that does not exist", f.GrantRoles(t.Context(), "sara", "root"), "role_unknown")
	ask("after a refused grant", k.Certificate, ca.RoleOfficer, "")
	begun := k.Certificate.NotBefore.Sub(c.now())
	c.move(begun - 10*time.Second)
	ask("a certificate of a node whose clock is ahead", k.Certificate, ca.RoleOfficer, "")
	c.move(-time.Second)
	ask("a certificate of a clock that is wrong", k.Certificate, ca.RoleOfficer, "certificate_not_yet_valid")
	c.move(11*time.Second - begun)
	c.move(366 * day)
	ask("an expired certificate", k.Certificate, ca.RoleOfficer, "certificate_expired")
	c.move(-367 * day)
	ask("a certificate of tomorrow", k.Certificate, ca.RoleOfficer, "certificate_not_yet_valid")
}

// TestTheLogDoesNotNameOperators: it is public, and a name may be a person's.
func TestTheLogDoesNotNameOperators(t *testing.T) {
	f := catest.New(t, nil)
	if err := f.GrantRoles(t.Context(), "sara.karimi", ca.RoleOfficer); err != nil {
		t.Fatal(err)
	}
	if err := f.GrantRoles(t.Context(), "sara.karimi"); err != nil {
		t.Fatal(err)
	}
	if n := countLeaves(t, f.Store, "operator.roles", ""); n != 2 {
		t.Errorf("%d leaves of two changes", n)
	}
	err := f.Store.View(t.Context(), func(tx store.Tx) error {
		return store.Each(tx, "ledger_pending", "", "", func(_ string, leaf struct{ Leaf []byte }) error {
			if strings.Contains(string(leaf.Leaf), "sara") {
				t.Errorf("the log names an operator: %s", leaf.Leaf)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

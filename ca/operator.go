package ca

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Role is what an operator may do; roles come from the store, not from the certificate.
type Role string

// The roles.
const (
	RoleRegistrar Role = "registrar" // certificates: list, revoke
	RoleOfficer   Role = "officer"   // complaints, publication, reviews
)

// operatorBucket maps an operator's name, the certificate's common name, to its roles.
const operatorBucket = "ca_operators"

// known reports whether r is one of the closed set.
func (r Role) known() bool { return r == RoleRegistrar || r == RoleOfficer }

// GrantRoles sets the roles of the operator of that name; none takes all
// away. A role that does not exist is Invalid. The log, which is public, shows
// the roles and an opaque id in place of the name.
func (a *Authority) GrantRoles(ctx context.Context, name string, roles ...Role) error {
	roles = slices.Compact(slices.Sorted(slices.Values(roles)))
	words := make([]string, len(roles))
	for i, r := range roles {
		if !r.known() {
			return fault.New(fault.Invalid, "role_unknown", "there is no role of this name; use %[1]s or %[2]s", RoleRegistrar, RoleOfficer)
		}
		words[i] = string(r)
	}
	now := a.now()
	return a.Store.Update(ctx, func(tx store.Tx) error {
		had, err := store.Load[[]Role](tx, operatorBucket, name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if slices.Equal(had, roles) {
			return nil
		}
		if err := store.Save(tx, operatorBucket, name, roles); err != nil {
			return err
		}
		return ledger.Append(tx, ledger.Event{Kind: "operator.roles", Subject: a.operatorID(name), At: now, Note: strings.Join(words, ",")})
	})
}

// operatorID stands for an operator's name in the log.
func (a *Authority) operatorID(name string) string {
	h := hmac.New(sha256.New, a.HolderKey)
	h.Write([]byte("mohr operator\x00" + name))
	return "o-" + hexOf(h.Sum(nil)[:16])
}

// Operator returns the actor's name ("operator:NAME") of a certificate that
// is good, of the operator profile, and whose holder has the role; Denied for
// anyone else. leaf may be nil.
func (a *Authority) Operator(ctx context.Context, leaf *x509.Certificate, role Role) (string, error) {
	denied := fault.New(fault.Denied, "operator_required", "this needs an operator's certificate with the role %s", role)
	if leaf == nil {
		return "", denied
	}
	s, err := a.Standing(ctx, leaf)
	if err != nil {
		return "", err
	}
	if err := s.Fault(); err != nil {
		return "", err
	}
	if profileName(s.Record().Profile) != OperatorAuth {
		return "", denied
	}
	name := s.Record().Service
	var roles []Role
	err = a.Store.View(ctx, func(tx store.Tx) error {
		roles, err = store.Load[[]Role](tx, operatorBucket, name)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || (err == nil && !slices.Contains(roles, role)) {
		return "", denied
	}
	if err != nil {
		return "", err
	}
	return "operator:" + name, nil
}

package ca

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"

	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Buckets of operators, by name: the common name of their certificates.
const (
	operatorBucket = "ca_operators"        // []Role
	personBucket   = "ca_operator_persons" // HolderID: who the operator is as a holder
)

// OperatorRecord says who operates and what for.
type OperatorRecord struct {
	Name   string   `json:"name"`
	Roles  []Role   `json:"roles"`
	Holder HolderID `json:"holder,omitempty"` // "" where it was not said who the operator is
}

// maxOperatorName bounds a name, in octets.
const maxOperatorName = 64

// CheckRoles returns the roles sorted and each once. A role that does not
// exist, and an auditor's beside another, is Invalid: who changes things does
// not audit them.
func CheckRoles(roles []Role) ([]Role, error) {
	roles = slices.Compact(slices.Sorted(slices.Values(roles)))
	for _, r := range roles {
		if !r.known() {
			return nil, fault.New(fault.Invalid, "role_unknown", "there is no role of this name; use %[1]s", roleNames(rolesWithAny()))
		}
	}
	if len(roles) > 1 && slices.Contains(roles, RoleAuditor) {
		return nil, fault.New(fault.Invalid, "role_auditor_alone", "an auditor changes nothing: give the role %[1]s alone, or leave it out", RoleAuditor)
	}
	return roles, nil
}

func rolesWithAny() (list []Role) {
	for _, d := range Duties() {
		list = append(list, d.Role)
	}
	return list
}

// roleNames joins roles for a sentence.
func roleNames(roles []Role) string {
	words := make([]string, len(roles))
	for i, r := range roles {
		words[i] = string(r)
	}
	return strings.Join(words, ", ")
}

// GrantRoles sets the roles of the operator of that name; none takes all
// away. The log, which is public, shows the roles and an opaque id in place
// of the name.
func (a *Authority) GrantRoles(ctx context.Context, name string, roles ...Role) error {
	now := a.now()
	return a.Store.Update(ctx, func(tx store.Tx) error { return a.GrantRolesIn(tx, name, roles, now) })
}

// GrantRolesIn is GrantRoles inside a transaction, at now.
func (a *Authority) GrantRolesIn(tx store.Tx, name string, roles []Role, now time.Time) error {
	roles, err := CheckRoles(roles)
	if err != nil {
		return err
	}
	if err := CheckOperatorName(name); err != nil {
		return err
	}
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
	return ledger.Append(tx, ledger.Event{Kind: "operator.roles", Subject: a.operatorID(name), At: now, Note: strings.ReplaceAll(roleNames(roles), " ", "")})
}

// CheckOperatorName is Invalid for what cannot be an operator's name.
func CheckOperatorName(name string) error {
	if name == "" || len(name) > maxOperatorName || strings.TrimSpace(name) != name {
		return fault.New(fault.Invalid, "operator_name", "an operator's name has 1 to %[1]d octets and no blanks around it; use the common name of the certificate", maxOperatorName)
	}
	return nil
}

// IntroduceOperator records which holder an operator is, so that nobody acts
// upon certificates of his own, or twice under two names. "" forgets it.
func (a *Authority) IntroduceOperator(ctx context.Context, name string, h HolderID) error {
	return a.Store.Update(ctx, func(tx store.Tx) error {
		if h == "" {
			return tx.Delete(personBucket, name)
		}
		return store.Save(tx, personBucket, name, h)
	})
}

// Operators returns all operators that ever had a role, by name.
func (a *Authority) Operators(ctx context.Context) ([]OperatorRecord, error) {
	list := []OperatorRecord{}
	err := a.Store.View(ctx, func(tx store.Tx) error {
		return store.Each(tx, operatorBucket, "", "", func(name string, _ []Role) error {
			o, err := LoadOperator(tx, name)
			list = append(list, o)
			return err
		})
	})
	return list, err
}

// LoadOperator returns the operator of that name; NotFound if there is none.
func LoadOperator(tx store.Tx, name string) (OperatorRecord, error) {
	o := OperatorRecord{Name: name}
	var err error
	if o.Roles, err = store.Load[[]Role](tx, operatorBucket, name); errors.Is(err, store.ErrNotFound) {
		return o, fault.New(fault.NotFound, "operator_unknown", "there is no operator of this name; see the list of operators")
	}
	if err != nil {
		return o, err
	}
	o.Holder, err = PersonOf(tx, name)
	return o, err
}

// PersonOf returns who the operator of that name is as a holder, whether he
// has roles or not; "" where it was not said.
func PersonOf(tx store.Tx, name string) (HolderID, error) {
	h, err := store.Load[HolderID](tx, personBucket, name)
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return h, err
}

// operatorID stands for an operator's name in the log.
func (a *Authority) operatorID(name string) string {
	h := hmac.New(sha256.New, a.HolderKey)
	h.Write([]byte("mohr operator\x00" + name))
	return "o-" + hexOf(h.Sum(nil)[:16])
}

// actorPrefix begins the name of an operator as an actor.
const actorPrefix = "operator:"

// Actor is how records name the operator who did a deed: "operator:NAME".
func (o OperatorRecord) Actor() string { return actorPrefix + o.Name }

// Owns reports whether the certificate is the operator's own, as an operator
// or as the holder that he is.
func (o OperatorRecord) Owns(c Certificate) bool {
	if profileName(c.Profile) == OperatorAuth {
		return c.Service == o.Name
	}
	return o.Holder != "" && c.Holder == o.Holder
}

// Operator returns the actor's name ("operator:NAME") of a certificate that
// is good, of the operator profile, and whose holder has the role; Denied for
// anyone else. leaf may be nil.
func (a *Authority) Operator(ctx context.Context, leaf *x509.Certificate, role Role) (string, error) {
	o, err := a.operator(ctx, leaf, []Role{role})
	if err != nil {
		return "", err
	}
	return o.Actor(), nil
}

// May returns the operator of a certificate that is good and one of whose
// roles has the right; Denied for anyone else. leaf may be nil.
func (a *Authority) May(ctx context.Context, leaf *x509.Certificate, right Right) (OperatorRecord, error) {
	return a.operator(ctx, leaf, rolesWith(right))
}

func (a *Authority) operator(ctx context.Context, leaf *x509.Certificate, roles []Role) (o OperatorRecord, err error) {
	now := a.now()
	err = a.Store.View(ctx, func(tx store.Tx) error {
		o, err = operatorIn(tx, leaf, roles, now)
		return err
	})
	return o, err
}

// MayIn is Authority.May inside a transaction, at now.
func MayIn(tx store.Tx, leaf *x509.Certificate, right Right, now time.Time) (OperatorRecord, error) {
	return operatorIn(tx, leaf, rolesWith(right), now)
}

func operatorIn(tx store.Tx, leaf *x509.Certificate, roles []Role, now time.Time) (OperatorRecord, error) {
	denied := fault.New(fault.Denied, "operator_required", "this needs an operator's certificate with the role %s", roleNames(roles))
	if leaf == nil {
		return OperatorRecord{}, denied
	}
	s, err := StandingIn(tx, leaf, now)
	if err != nil {
		return OperatorRecord{}, err
	}
	if err := s.Fault(); err != nil {
		return OperatorRecord{}, err
	}
	if profileName(s.Record().Profile) != OperatorAuth {
		return OperatorRecord{}, denied
	}
	o, err := LoadOperator(tx, s.Record().Service)
	if errors.Is(err, fault.NotFound) {
		return OperatorRecord{}, denied
	}
	if err != nil {
		return OperatorRecord{}, err
	}
	if !slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(o.Roles, r) }) {
		return OperatorRecord{}, denied
	}
	return o, nil
}

package ceremony

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mohr/ca"
	"mohr/ca/ceremony/plan"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Preview is a certificate or CRL as it will be, but for its signature, its
// serial and, where the key is still to be made, its key.
type Preview struct {
	ID  string
	DER []byte
}

// Rehearse builds and lints everything that the plan would make, with keys
// that it throws away. Nothing is kept and no real key is opened.
func Rehearse(ctx context.Context, c Config, p *plan.Plan) ([]Preview, error) {
	h, err := c.enter(ctx, p, true)
	if err != nil {
		return nil, err
	}
	if err := h.begin(ctx, nil); err != nil {
		return nil, err
	}
	before := len(h.members)
	list := make([]Preview, 0, before)
	if err := h.perform(ctx); err != nil {
		return nil, errRehearsal(err)
	}
	for _, id := range h.order() {
		if h.members[id].Ceremony == h.hash {
			list = append(list, Preview{id, h.members[id].DER})
		}
	}
	return append(list, h.crls...), nil
}

func errRehearsal(why error) error {
	return fault.New(fault.Invalid, "rehearsal_failed", "what the plan would make breaks a rule, so nothing is made; mend the file and have it signed again: %v", why)
}

// order returns the ids that the plan makes, in its order.
func (h *hall) order() (ids []string) {
	for _, r := range h.plan.Roots {
		ids = append(ids, r.ID)
	}
	for _, i := range h.plan.Issuers {
		ids = append(ids, i.ID)
	}
	for _, c := range h.plan.Cross {
		ids = append(ids, c.ID())
	}
	return ids
}

// Hold holds the ceremony of the plan: the custodians' signatures over the
// file are counted, everything is rehearsed, and only then is a key opened.
// Held again, it goes on where it was cut off, and when it is over it returns
// the same record.
func Hold(ctx context.Context, c Config, p *plan.Plan, approvals [][]byte) ([]byte, error) {
	h, err := c.enter(ctx, p, false)
	if err != nil {
		return nil, err
	}
	if p.IsBuiltin() {
		return nil, errors.New("the built-in plan is held by opening a development hierarchy")
	}
	if approvals == nil {
		approvals = [][]byte{}
	}
	if _, err := Rehearse(ctx, c, p); err != nil {
		return nil, err
	}
	if err := h.begin(ctx, approvals); err != nil {
		return nil, err
	}
	if err := h.perform(ctx); err != nil {
		return nil, err
	}
	return h.finish(ctx)
}

// begin checks the plan against what is there, counts the approvals and
// records that the ceremony has begun; with nil approvals it only checks. A
// ceremony that has begun needs its approvals no second time.
func (h *hall) begin(ctx context.Context, approvals [][]byte) error {
	record, begun, err := h.state(ctx)
	if err != nil {
		return err
	}
	if begun {
		h.firstCRL = record.FirstCRL
		return nil
	}
	if err := h.possible(); err != nil {
		return fault.New(fault.Conflict, "plan_impossible", "the plan does not fit what is there already: %v; mend the file and have it signed again", err)
	}
	if approvals == nil {
		return nil
	}
	record, err = h.admit(ctx, record, approvals)
	if err != nil {
		return err
	}
	return h.Store.Update(ctx, func(tx store.Tx) error { return store.Save(tx, heldBucket, h.hash, record) })
}

// state returns the ceremony's record, and whether it has begun. If not, the
// record has its order and the numbers of its CRLs.
func (h *hall) state(ctx context.Context) (record held, begun bool, err error) {
	err = h.Store.View(ctx, func(tx store.Tx) error {
		if record, begun, err = loadHeld(tx, h.hash); err != nil || begun {
			return err
		}
		last, hash, found, err := lastHeld(tx)
		if err != nil {
			return err
		}
		if found && hash != builtin && last.Minutes == nil {
			return fault.New(fault.Conflict, "ceremony_unfinished", "the ceremony of the file with SHA-256 %[1]s is not over; finish that one first", hash)
		}
		record = held{Order: last.Order + 1, FirstCRL: map[string]int64{}}
		for _, s := range h.plan.CRLs {
			list, err := loadLastCRL(tx, s.Root)
			if err != nil {
				return err
			}
			record.FirstCRL[s.Root] = 1
			if list != nil {
				record.FirstCRL[s.Root] += list.Number.Int64()
			}
		}
		h.firstCRL = record.FirstCRL
		return nil
	})
	return record, begun, err
}

// admit counts the approvals, by the list of this plan and of the one before,
// looks at the clock and at the keys' homes, and completes the record.
func (h *hall) admit(ctx context.Context, record held, approvals [][]byte) (held, error) {
	var before *plan.Plan
	err := h.Store.View(ctx, func(tx store.Tx) (err error) {
		before, err = planBefore(tx, h.plan.Environment, record.Order)
		return err
	})
	if err != nil {
		return record, err
	}
	if _, err := h.plan.CountBoth(before, h.plan.Raw(), approvals); err != nil {
		return record, err
	}
	now := h.now()
	if now.Before(h.plan.Date.AddDate(0, 0, -1)) || now.After(h.plan.Date.AddDate(0, 0, 30)) {
		return record, fault.New(fault.Denied, "ceremony_date", "the ceremony is dated %[1]s and this machine's clock says %[2]s; hold it within a day before and 30 days after its date, or set the clock", stamp(h.plan.Date), stamp(now))
	}
	if err := h.homesEmpty(ctx); err != nil {
		return record, err
	}
	record.Plan, record.Approvals, record.Begun = h.plan.Raw(), approvals, now
	return record, nil
}

// planBefore returns the plan of the last ceremony before the order, nil where
// there is none; one of another environment is Denied.
func planBefore(tx store.Tx, environment string, order int) (*plan.Plan, error) {
	last, hash, found, err := heldBefore(tx, order)
	if err != nil || !found {
		return nil, err
	}
	if hash == builtin {
		if environment != plan.Development {
			return nil, errEnvironment(plan.Development, environment)
		}
		return nil, nil
	}
	p, err := plan.Parse(last.Plan)
	if err == nil && p.Environment != environment {
		err = errEnvironment(p.Environment, environment)
	}
	return p, err
}

// homesEmpty refuses keys that are there before the ceremony, unless the plan
// says so: who put them there might have a copy.
func (h *hall) homesEmpty(ctx context.Context) error {
	if h.Find == nil {
		return nil
	}
	for _, id := range h.order() {
		if strings.Contains(id, ".by-") || slices.Contains(h.plan.Keys.Existing, id) {
			continue
		}
		_, err := h.Find(ctx, id)
		if err == nil {
			return fault.New(fault.Conflict, "ceremony_key_exists", "a key named %[1]s is in its home before the ceremony makes it; remove it, or list it under keys.existing and have the file signed again", id)
		}
		if !errors.Is(err, fault.NotFound) {
			return fmt.Errorf("key of %s: %w", id, err)
		}
	}
	return nil
}

// possible checks the plan against the hierarchy.
func (h *hall) possible() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	coming := h.order()
	for _, id := range coming {
		_, there := h.certs[id]
		need(!there, "%s is there already; the next generation has another id", id)
	}
	root := func(id string) bool {
		return slices.Contains(coming, id) || h.members[id].Kind == ca.RootMember
	}
	for _, i := range h.plan.Issuers {
		need(root(i.Root), "the root %s of %s is not there", i.Root, i.ID)
	}
	for _, c := range h.plan.Cross {
		need(root(c.Subject) && root(c.By), "%s or %s is not there", c.Subject, c.By)
	}
	for _, s := range h.plan.CRLs {
		need(root(s.Root), "the root %s is not there", s.Root)
	}
	for _, r := range h.plan.Revoke {
		m, there := h.members[r.ID]
		need(there && m.Revoked == nil, "%s, to be revoked, is not there or is revoked", r.ID)
		need(!there || slices.ContainsFunc(h.plan.CRLs, func(s plan.Series) bool { return s.Root == m.Parent }), "%s is revoked, but no CRLs of its root %s are made", r.ID, m.Parent)
	}
	return errors.Join(errs...)
}

// publicOf returns the certificate's key algorithm, for people.
func publicOf(c *x509.Certificate) string { return string(algorithmOf(c.PublicKey)) }

package incident

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// maxListed bounds the serials or keys of one plan.
const maxListed = 100_000

// personsForMany is how many persons must approve what concerns many, or the
// service itself.
const personsForMany = 2

// RightToPropose is what an operator needs to have a plan of the kind made.
func RightToPropose(k Kind) ca.Right {
	switch k {
	case Revoke:
		return ca.MayEnd
	case Roles:
		return ca.MayRoles
	}
	return ca.MayIncident
}

// Propose makes a plan for the operator o and changes nothing else: a dry run.
func (d *Desk) Propose(ctx context.Context, a Ask, o ca.OperatorRecord) (Plan, error) {
	a, err := a.checked()
	if err != nil {
		return Plan{}, err
	}
	now := d.now()
	p := Plan{State: Draft, Document: Document{
		ID: newID(now), Kind: a.Kind, Reason: a.Reason, Holder: a.Holder, Business: a.Business, Profile: a.Profile,
		Operator: a.Operator, Roles: a.Roles, ProposedBy: o.Actor(), At: now, Until: now.Add(planLife),
	}}
	if a.Kind == Roles {
		p.Document.Needs = personsForMany
		if p.Document.Subjects, err = d.known(ctx, []string{a.Operator}); err != nil {
			return Plan{}, fmt.Errorf("plan %s: %w", p.Document.ID, err)
		}
	} else if err := d.fill(ctx, &p, a, now); err != nil {
		return Plan{}, fmt.Errorf("plan %s: %w", p.Document.ID, err)
	}
	p.State = Proposed
	if p.SHA256, err = p.Document.Hash(); err != nil {
		return Plan{}, err
	}
	if err := d.Store.Update(ctx, func(tx store.Tx) error { return savePlan(tx, p) }); err != nil {
		return Plan{}, fmt.Errorf("plan %s: %w", p.Document.ID, err)
	}
	d.Log.Info("plan made", "plan", p.Document.ID, "kind", a.Kind, "targets", p.Document.Targets)
	return p, nil
}

// fill gathers the targets under the plan's name and counts them. Until it has
// ended the plan is a draft, which nobody sees and Prune clears away.
func (d *Desk) fill(ctx context.Context, p *Plan, a Ask, now time.Time) error {
	doc := &p.Document
	if err := d.Store.Update(ctx, func(tx store.Tx) error { return savePlan(tx, *p) }); err != nil {
		return err
	}
	h, err := d.gather(ctx, a, now, func(targets []string) error {
		for some := range slices.Chunk(targets, page) {
			err := d.Store.Update(ctx, func(tx store.Tx) error { return saveTargets(tx, doc.ID, some) })
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if doc.Targets, doc.TargetsSHA256, doc.Sample, err = d.sumTargets(ctx, doc.ID); err != nil {
		return err
	}
	doc.Certificates, doc.ByProfile, doc.LeftOut = h.seen, h.byProfile, h.leftOut
	if doc.Subjects, err = d.known(ctx, slices.Sorted(maps.Keys(h.subjects))); err != nil {
		return err
	}
	if a.Kind == Block || h.many || h.seen > d.BulkAbove {
		doc.Needs = personsForMany
	}
	return nil
}

func saveTargets(tx store.Tx, id string, targets []string) error {
	for _, t := range targets {
		if err := store.Save(tx, targetBucket, id+"/"+t, true); err != nil {
			return err
		}
	}
	return nil
}

// sumTargets counts and hashes what is kept under a plan's name.
func (d *Desk) sumTargets(ctx context.Context, id string) (n int, sum string, sample []string, err error) {
	hash := sha256.New()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		return tx.Scan(targetBucket, id+"/", "", func(key string, _ []byte) error {
			target := strings.TrimPrefix(key, id+"/")
			if n < sampleSize {
				sample = append(sample, target)
			}
			n++
			hash.Write([]byte(target + "\n"))
			return nil
		})
	})
	return n, hex.EncodeToString(hash.Sum(nil)), sample, err
}

// checked returns a with its lists in the spelling of records, sorted, each
// entry once; Invalid for what cannot be planned.
func (a Ask) checked() (Ask, error) {
	var err error
	if a.Kind == Roles {
		return a.checkedRoles()
	}
	selections := 0
	for _, there := range []bool{len(a.Serials) > 0, len(a.Keys) > 0, a.Holder != "", a.Business != "", a.Profile != ""} {
		if there {
			selections++
		}
	}
	known := slices.Contains([]Kind{Revoke, RenewNow, RenewLater, Block}, a.Kind)
	switch {
	case !known || a.Operator != "" || len(a.Roles) > 0 || selections != 1 || a.Kind == Block && len(a.Keys) == 0:
		return a, errAsk()
	case len(a.Serials) > maxListed || len(a.Keys) > maxListed:
		return a, fault.New(fault.Invalid, "plan_too_long", "the list is longer than %[1]d entries; split it into several plans", maxListed)
	case a.Kind == Revoke:
		err = ca.CheckEnding(a.Reason)
	case a.Reason != "":
		err = errAsk()
	}
	if err != nil {
		return a, err
	}
	// Whose key is compromised is not safe while the key can be certified again.
	if a.Kind == Revoke && a.Reason == ca.KeyCompromise && len(a.Keys) > 0 {
		a.Kind, a.Reason = Block, ""
	}
	if a.Serials, err = parseAll(a.Serials, ca.ParseSerial); err != nil {
		return a, err
	}
	a.Keys, err = parseAll(a.Keys, ca.ParseKeyHash)
	return a, err
}

func (a Ask) checkedRoles() (Ask, error) {
	if a.Reason != "" || len(a.Serials)+len(a.Keys) > 0 || a.Holder != "" || a.Business != "" || a.Profile != "" {
		return a, errAsk()
	}
	if err := ca.CheckOperatorName(a.Operator); err != nil {
		return a, err
	}
	var err error
	a.Roles, err = ca.CheckRoles(a.Roles)
	return a, err
}

func errAsk() error {
	return fault.New(fault.Invalid, "plan_malformed", "a plan is of the kind revoke (with a reason), renew-now, renew-later, block or roles, and names exactly one of serials, keys, holder, business and profile; block takes keys, roles an operator")
}

// parseAll parses a list and says which entry is wrong.
func parseAll(list []string, parse func(string) (string, error)) ([]string, error) {
	out := make([]string, len(list))
	for i, s := range list {
		v, err := parse(s)
		if err != nil {
			return nil, fault.New(fault.Invalid, "plan_entry", "entry %[1]d of the list is no serial number or key hash in hexadecimal digits; mend it and send the list again", i+1)
		}
		out[i] = v
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

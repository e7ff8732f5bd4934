package complaints

import (
	"context"
	"fmt"
	"time"

	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// adopted is a policy as it was published by this service.
type adopted struct {
	Version string    `json:"version"`
	From    time.Time `json:"from,omitzero"`
	Window  Window    `json:"window"`
	At      time.Time `json:"at"` // when it was published
}

// policyBucket keeps every policy: number -> adopted.
const policyBucket = "complaints_policies"

// AdoptPolicies publishes the register's policies that are new, each with a
// leaf in the public log that says its version, window and the day from which
// it holds. It is called before the register is used, and is a Conflict, with
// nothing published, where that would judge the past by another rule: a policy
// that was published is missing or was changed, or a new one would have begun
// already. The first time all are taken.
func (g *Register) AdoptPolicies(ctx context.Context) error {
	policies := g.Policies
	if len(policies) == 0 {
		policies = Policies{Policies(nil).At(time.Time{})}
	}
	now := g.now()
	return g.Store.Update(ctx, func(tx store.Tx) error {
		var had []adopted
		err := store.Each(tx, policyBucket, "", "", func(_ string, a adopted) error {
			had = append(had, a)
			return nil
		})
		if err != nil {
			return err
		}
		for i, p := range policies {
			switch {
			case i < len(had):
				if a := had[i]; a.Version != p.Version || !a.From.Equal(p.From) || a.Window != p.Window {
					return fault.New(fault.Conflict, "complaint_policy_changed", "the window policy %[1]s was published as %[2]s and is %[3]s now; what was filed under it is judged by it for ever: add a policy of a new version instead", a.Version, a.Window.String(), p.Version+" "+p.Window.String())
				}
			case len(had) > 0 && !p.From.After(now):
				return fault.New(fault.Conflict, "complaint_policy_past", "the new window policy %[1]s would hold from %[2]v, which is over; give it a day that is ahead", p.Version, p.From)
			default:
				if err := p.publish(tx, i, now); err != nil {
					return err
				}
			}
		}
		if len(policies) < len(had) {
			return fault.New(fault.Conflict, "complaint_policy_missing", "the window policy %[1]s was published and is not among the policies any more; put it back", had[len(policies)].Version)
		}
		return nil
	})
}

func (p Policy) publish(tx store.Tx, number int, now time.Time) error {
	a := adopted{Version: p.Version, From: p.From, Window: p.Window, At: now}
	if err := store.Save(tx, policyBucket, fmt.Sprintf("%04d", number), a); err != nil {
		return err
	}
	hash, err := commitment(a)
	if err != nil {
		return err
	}
	from := "the beginning"
	if !p.From.IsZero() {
		from = p.From.Format(time.RFC3339)
	}
	return ledger.Append(tx, ledger.Event{Kind: "complaint.policy", Subject: p.Version + " " + p.Window.String() + " from " + from, At: now, Hash: hash})
}

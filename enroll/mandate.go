package enroll

import (
	"context"
	"fmt"
	"slices"

	"mohr/ca/evidence"
	"mohr/ca/mandate"
	"mohr/internal/store"
)

// withMandate adds to the registers' answers whether the person has a mandate,
// where the policy takes one and it is wanted: the last look is too old, or the
// company register says now that the person does not bind the organisation
// alone.
func (d *Desk) withMandate(ctx context.Context, profile string, p Person, answers []found, wanted bool) ([]found, error) {
	rules, _ := d.Policy.Rules(profile)
	needs := func(f found) bool {
		return f.record.Type == evidence.LegalRegistry && f.record.Result == evidence.Match && !f.record.Claims.SignsAlone
	}
	if !rules.Asks(evidence.Mandate) || !wanted && !slices.ContainsFunc(answers, needs) {
		return answers, nil
	}
	who := mandate.Subject{LegalID: p.LegalID, NationalCode: p.NationalCode, Holder: d.CA.Holder(p.NationalCode)}
	r, err := mandate.Evidence(ctx, d.Store, who, d.Policy.Environment(), d.now())
	if err != nil {
		return nil, fmt.Errorf("look for a mandate: %w", err)
	}
	return append(answers, found{record: r}), nil
}

// standing adds to what runs in the transaction that records the intent: the
// mandate that the decision rests on still stands then.
func (d *Desk) standing(decision evidence.Decision, before func(store.Tx) error) func(store.Tx) error {
	now := d.now()
	return func(tx store.Tx) error {
		if err := mandate.StillStands(tx, decision.Mandate(), now); err != nil {
			return err
		}
		return before(tx)
	}
}

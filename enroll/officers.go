package enroll

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	json "github.com/go-json-experiment/json/v1"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// matter is a proposal as something to approve: not by the person who
// applied, and not by who decided before (R9).
func (d *Desk) matter(a Application, p Proposal) (approval.Matter, error) {
	who, err := d.person(a)
	if err != nil {
		return approval.Matter{}, err
	}
	m := approval.Matter{ID: p.ID, SHA256: p.SHA256, Right: ca.MayReview, Holder: d.CA.Holder(who.NationalCode)}
	for _, f := range a.Findings {
		m.Subjects = append(m.Subjects, f.Officers...)
	}
	return m, nil
}

// proposal reads one that there is.
func (d *Desk) proposal(ctx context.Context, id, proposal string) (p Proposal, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		p, err = store.Load[Proposal](tx, proposalBucket, id+"/"+proposal)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = fault.New(fault.NotFound, "review_proposal_unknown", "there is no such proposal for this application; look at it again")
	}
	return p, err
}

// Sign takes an officer's signed approval of a proposal in and, with the last
// one needed, carries it out: one officer refuses, as many as the policy asks
// approve. The same statement again changes nothing.
func (d *Desk) Sign(ctx context.Context, id, proposal string, signed approval.Signed) (Application, error) {
	a, err := d.load(ctx, id)
	if err != nil {
		return a, err
	}
	p, err := d.proposal(ctx, id, proposal)
	if err != nil || a.found(proposal) {
		return a, err
	}
	if err := d.reviewed(a); err != nil {
		return a, err
	}
	m, err := d.matter(a, p)
	if err != nil {
		return a, err
	}
	if _, err := d.approvals.Give(ctx, m, signed, guardReview(a)); err != nil {
		return a, err
	}
	return d.decide(ctx, a, p, m)
}

// guardReview refuses an approval once the application has left the review.
func guardReview(a Application) func(store.Tx) error {
	return func(tx store.Tx) error {
		stage, err := store.LoadMember[Stage](tx, applicationBucket, a.ID, "stage")
		switch {
		case errors.Is(err, store.ErrNotFound):
			return errUnknown()
		case err == nil && stage != Review:
			return errReviewOver()
		}
		return err
	}
}

// found reports whether officers have decided by the proposal.
func (a *Application) found(proposal string) bool {
	return slices.ContainsFunc(a.Findings, func(f Finding) bool { return f.Proposal == proposal })
}

// signers returns the approvals of m that count, and whether they are enough.
func (d *Desk) signers(tx store.Tx, m approval.Matter, outcome evidence.Outcome, profile string) ([]approval.Approval, bool, error) {
	rules, _ := d.Policy.Rules(profile)
	needs := 1
	if outcome == evidence.Approved {
		needs = max(rules.Officers, 1)
	}
	good, err := approval.Counting(tx, m, d.now())
	return good, len(good) >= needs, err
}

// decide carries the proposal out if enough officers have signed it.
func (d *Desk) decide(ctx context.Context, a Application, p Proposal, m approval.Matter) (Application, error) {
	doc, raw, err := d.document(a.ID, p)
	if err != nil {
		return a, err
	}
	var good []approval.Approval
	enough := false
	err = d.Store.View(ctx, func(tx store.Tx) error {
		good, enough, err = d.signers(tx, m, doc.Outcome, a.Profile)
		return err
	})
	if err != nil || !enough {
		return a, err
	}
	return d.changeFrom(ctx, a, func(s *step) error {
		if s.found(p.ID) {
			return errUnchanged
		}
		if err := s.in(Review); err != nil {
			return err
		}
		// Who lost office meanwhile does not decide.
		s.with(func(tx store.Tx) error {
			if _, enough, err := d.signers(tx, m, doc.Outcome, s.Profile); err != nil || !enough {
				return errors.Join(err, fault.New(fault.Conflict, "review_signers", "an approval of this proposal does not count any more; look at it again"))
			}
			return nil
		})
		return d.carryOut(s, doc, raw, good)
	})
}

// carryOut moves an application on by what officers decided.
func (d *Desk) carryOut(s *step, doc ReviewDocument, raw []byte, good []approval.Approval) error {
	f := Finding{Proposal: doc.Proposal, SHA256: hexHash(raw), Outcome: doc.Outcome, At: s.now}
	kept := struct {
		Document  jsontext.Value      `json:"document"`
		Approvals []approval.Approval `json:"approvals"`
	}{raw, good}
	for _, g := range good {
		f.Officers, f.Statements = append(f.Officers, g.Operator), append(f.Statements, g.SHA256)
	}
	var err error
	if f.Reasons, err = d.Seal.Seal(applicationBucket, s.ID, f.field(), []byte(doc.Reasons)); err != nil {
		return err
	}
	s.Findings = append(slices.Clone(s.Findings), f)
	s.todo(workTell)
	if doc.Outcome == evidence.Rejected {
		return s.move(Rejected, "review.rejected", doc.Proposal)
	}
	answer, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("encode review: %w", err)
	}
	if err := s.move(Collecting, "review.approved", doc.Proposal); err != nil {
		return err
	}
	s.Deadline = s.now.Add(afterReview)
	doc.Seen.Officers = len(good)
	if err := d.add(s, found{evidence.Record{
		ID: evidence.NewID(), Type: evidence.OfficerReview, Source: officerSource, Environment: d.Policy.Environment(), Result: evidence.Match,
		Claims: doc.Seen, RawSHA256: hexHash(answer), CheckedAt: s.now,
	}, answer}); err != nil {
		return err
	}
	return d.settle(s)
}

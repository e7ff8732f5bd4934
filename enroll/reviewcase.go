package enroll

import (
	"context"
	"net/http"
	"slices"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/evidence"
	"mohr/internal/store"
	"mohr/internal/web"
)

// maxStatement bounds a request with an officer's signed statement, octets.
const maxStatement = 64 << 10

// ReviewItem is one line of the list of applications at review. Nothing
// personal is in it.
type ReviewItem struct {
	ID       string    `json:"id"`
	Profile  string    `json:"profile"`
	Rules    []string  `json:"rules" doc:"that the policy sent to review"`
	Appeal   bool      `json:"appeal" doc:"officers refused it before, and the applicant objects"`
	Deadline time.Time `json:"deadline" doc:"it expires then"`
}

// ReviewCase is what an officer is shown of an application at review.
type ReviewCase struct {
	ReviewItem
	Person    Person            `json:"person" doc:"what the applicant said"`
	Records   []evidence.Record `json:"records" doc:"what the sources said"`
	Trace     []evidence.Step   `json:"trace"`
	Proposals []ReviewProposal  `json:"proposals"`
	Earlier   string            `json:"earlier,omitempty" doc:"reasons of the officers who refused before"`
	Objection string            `json:"objection,omitempty" doc:"what the applicant says against them"`
}

// ReviewProposal is a proposal with who has signed it.
type ReviewProposal struct {
	ID       string         `json:"id"`
	By       string         `json:"by"`
	At       time.Time      `json:"at"`
	SHA256   string         `json:"sha256"`
	Document ReviewDocument `json:"document"`
	Signed   []string       `json:"signed" doc:"operators whose approvals count"`
}

// Reviews lists the applications at review, those that expire first in front.
func (d *Desk) Reviews(ctx context.Context) (list []ReviewItem, err error) {
	now := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		list, err = reviewsIn(tx, now)
		return err
	})
	return list, err
}

// reviewsIn is Reviews inside a transaction, at now.
func reviewsIn(tx store.Tx, now time.Time) ([]ReviewItem, error) {
	list := []ReviewItem{}
	err := store.Each(tx, reviewBucket, "", "", func(id, _ string) error {
		a, err := loadApplication(tx, id)
		if err == nil && a.Stage == Review && !a.overdue(now) {
			list = append(list, itemOf(a))
		}
		return err
	})
	slices.SortStableFunc(list, func(a, b ReviewItem) int { return a.Deadline.Compare(b.Deadline) })
	return list, err
}

func itemOf(a Application) ReviewItem {
	i := ReviewItem{ID: a.ID, Profile: a.Profile, Rules: []string{}, Appeal: a.Appeal != nil, Deadline: a.Deadline}
	if a.Decision != nil {
		for _, s := range a.Decision.Trace {
			if s.Outcome == string(evidence.Review) {
				i.Rules = append(i.Rules, s.Rule)
			}
		}
	}
	return i
}

// ReviewCase opens an application at review for an officer. That it was
// opened, and by whom, is in its history.
func (d *Desk) ReviewCase(ctx context.Context, id string, by ca.OperatorRecord) (ReviewCase, error) {
	a, err := d.atReview(ctx, id)
	if err != nil {
		return ReviewCase{}, err
	}
	if a, err = d.changeFrom(ctx, a, func(s *step) error {
		s.note("review.opened", by.Name)
		return s.in(Review)
	}); err != nil {
		return ReviewCase{}, err
	}
	c := ReviewCase{ReviewItem: itemOf(a), Proposals: []ReviewProposal{}}
	if a.Decision != nil {
		c.Trace = a.Decision.Trace
	}
	if c.Person, err = d.person(a); err != nil {
		return c, err
	}
	if c.Records, err = d.records(a); err != nil {
		return c, err
	}
	if c.Objection, err = d.objection(a); err != nil {
		return c, err
	}
	if c.Earlier, err = d.reasons(a); err != nil {
		return c, err
	}
	return c, d.showProposals(ctx, a, &c)
}

func (d *Desk) showProposals(ctx context.Context, a Application, c *ReviewCase) error {
	return d.Store.View(ctx, func(tx store.Tx) error {
		c.Proposals = c.Proposals[:0]
		list, err := proposals(tx, a.ID)
		if err != nil {
			return err
		}
		for _, p := range list {
			doc, _, err := d.document(a.ID, p)
			if err != nil {
				return err
			}
			m, err := d.matter(a, p)
			if err != nil {
				return err
			}
			good, _, err := d.signers(tx, m, doc.Outcome, a.Profile)
			if err != nil {
				return err
			}
			shown := ReviewProposal{ID: p.ID, By: p.By, At: p.At, SHA256: p.SHA256, Document: doc, Signed: []string{}}
			for _, g := range good {
				shown.Signed = append(shown.Signed, g.Operator)
			}
			c.Proposals = append(c.Proposals, shown)
		}
		return nil
	})
}

type reviewsOut struct {
	Body struct {
		Reviews []ReviewItem `json:"reviews"`
	}
}

type caseOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         ReviewCase
}

type proposeIn struct {
	ByID
	Body struct {
		Outcome evidence.Outcome `json:"outcome" maxLength:"16" doc:"approved or rejected"`
		Reasons string           `json:"reasons" maxLength:"4000"`
	}
}

type proposedOut struct {
	Body struct {
		ID     string `json:"id"`
		SHA256 string `json:"sha256" doc:"what to sign"`
	}
}

type signIn struct {
	ByID
	Proposal string `path:"proposal" maxLength:"64"`
	Body     struct {
		JWS string `json:"jws" maxLength:"60000"`
	}
}

type signedOut struct {
	Body struct {
		Stage Stage `json:"stage" doc:"of the application now"`
	}
}

type challengeOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         approval.Challenge
}

type appealIn struct {
	ByID
	Body struct {
		Reasons string `json:"reasons" maxLength:"4000"`
	}
}

// officer is who asks, if an officer does.
func (d *Desk) officer(ctx context.Context) (ca.OperatorRecord, error) {
	return d.CA.May(ctx, web.PeerCertificate(ctx), ca.MayReview)
}

// routesReview hangs what officers do.
func (d *Desk) routesReview(s *web.Server) {
	d.routesConsole(s)
	before := func(ctx context.Context) error { _, err := d.officer(ctx); return err }
	op := func(method, path, id, summary string) web.Operation {
		return web.Operation{Method: method, Path: path, ID: id, Summary: summary, Tag: "review", Before: before}
	}
	web.Handle(s, op(http.MethodGet, "/reviews", "list-reviews", "List the applications at review (officers)"), func(ctx context.Context, _ *struct{}) (*reviewsOut, error) {
		out := &reviewsOut{}
		var err error
		out.Body.Reviews, err = d.Reviews(ctx)
		return out, err
	})
	web.Handle(s, op(http.MethodGet, "/reviews/challenge", "review-challenge", "What an approval has to say: a fresh nonce, the audience (officers)"), func(context.Context, *struct{}) (*challengeOut, error) {
		return &challengeOut{"no-store", d.approvals.Challenge()}, nil
	})
	web.Handle(s, op(http.MethodGet, "/reviews/{id}", "show-review", "Open an application at review; its history says who did (officers)"), func(ctx context.Context, in *ByID) (*caseOut, error) {
		o, err := d.officer(ctx)
		if err != nil {
			return nil, err
		}
		c, err := d.ReviewCase(ctx, in.ID, o)
		return &caseOut{"no-store", c}, err
	})
	propose := op(http.MethodPost, "/reviews/{id}/proposals", "propose-review", "Propose what to decide, with reasons; it decides nothing yet (officers)")
	propose.Status = http.StatusCreated
	web.Handle(s, propose, d.apiPropose)
	sign := op(http.MethodPost, "/reviews/{id}/proposals/{proposal}/approvals", "sign-review", "Approve a proposal by a signed statement (officers)")
	sign.MaxBody = maxStatement
	web.Handle(s, sign, d.apiSign)
}

func (d *Desk) apiPropose(ctx context.Context, in *proposeIn) (*proposedOut, error) {
	o, err := d.officer(ctx)
	if err != nil {
		return nil, err
	}
	p, err := d.Propose(ctx, in.ID, o, in.Body.Outcome, in.Body.Reasons)
	out := &proposedOut{}
	out.Body.ID, out.Body.SHA256 = p.ID, p.SHA256
	return out, err
}

func (d *Desk) apiSign(ctx context.Context, in *signIn) (*signedOut, error) {
	a, err := d.Sign(ctx, in.ID, in.Proposal, approval.Signed{Signature: []byte(in.Body.JWS)})
	out := &signedOut{}
	out.Body.Stage = a.Stage
	return out, err
}

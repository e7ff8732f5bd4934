package badge

import (
	"context"
	"errors"
	"net/http"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// routesOperators hangs what operators do with badges. Every route wants an
// operator's certificate with a right for it.
func (d *Desk) routesOperators(s *web.Server) {
	op := func(method, path, id, summary string, rights ...ca.Right) web.Operation {
		before := func(ctx context.Context) error { return d.may(ctx, rights...) }
		return web.Operation{Method: method, Path: path, ID: id, Summary: summary + " (operators)", Tag: "badge", Before: before}
	}
	const get, post = http.MethodGet, http.MethodPost
	opened := op(get, "/badges/{id}/case", "badge-case", "A badge with every decision and what it rested on", ca.MayRead, ca.MayReview)
	opened.Produces = "application/json"
	web.Handle(s, opened, d.apiCase)
	web.Handle(s, op(post, "/badges/{id}/deeds", "act-on-badge", "Suspend a badge, lift that, or revoke it for fraud", ca.MayEnd), d.apiDeed)
	web.Handle(s, op(get, "/badges/appeals", "list-badge-appeals", "The open appeals", ca.MayReview), d.apiAppeals)
	web.Handle(s, op(post, "/badges/{id}/appeal", "decide-badge-appeal", "Answer an appeal, as one who decided nothing of the badge before", ca.MayReview), d.apiAppeal)
	trial := op(post, "/badges/trial", "try-badge-rules", "What other rules would have made of the badges; it changes nothing", ca.MayRead)
	trial.MaxBody, trial.Repeatable = 2*maxRules, true
	web.Handle(s, trial, d.apiTrial)
}

// may is nil for an operator with one of the rights.
func (d *Desk) may(ctx context.Context, rights ...ca.Right) (err error) {
	for _, right := range rights {
		if _, err = d.CA.May(ctx, web.PeerCertificate(ctx), right); err == nil || !errors.Is(err, fault.Denied) {
			return err
		}
	}
	return err
}

type badgeCaseOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         []byte
}

func (d *Desk) apiCase(ctx context.Context, in *idInput) (*badgeCaseOutput, error) {
	c, err := d.Case(ctx, ID(in.ID))
	if err != nil {
		return nil, err
	}
	body, err := c.encoded()
	return &badgeCaseOutput{CacheControl: "no-store", Body: body}, err
}

type badgeDeedInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Deed    DeedKind `json:"deed" doc:"suspend, lift or revoke"`
		Ground  Ground   `json:"ground" doc:"fraud, misuse, court_order; resolved of a lift"`
		Reasons string   `json:"reasons"`
	}
}

func (d *Desk) apiDeed(ctx context.Context, in *badgeDeedInput) (*recordOutput, error) {
	b, err := d.Do(ctx, web.PeerCertificate(ctx), ID(in.ID), in.Body.Deed, in.Body.Ground, in.Body.Reasons)
	if err != nil {
		return nil, err
	}
	return d.record(ctx, b.ID)
}

// OpenAppeal is a line of the list of open appeals.
type OpenAppeal struct {
	Badge    ID        `json:"badge"`
	Domain   string    `json:"domain"`
	State    State     `json:"state"`
	Why      Why       `json:"why"`
	At       time.Time `json:"at"`
	Deadline time.Time `json:"deadline"`
}

type badgeAppealsOutput struct {
	Body struct {
		Appeals []OpenAppeal `json:"appeals"`
	}
}

func (d *Desk) apiAppeals(ctx context.Context, _ *struct{}) (*badgeAppealsOutput, error) {
	list, err := d.Appeals(ctx)
	if err != nil {
		return nil, err
	}
	out := &badgeAppealsOutput{}
	out.Body.Appeals = []OpenAppeal{}
	for _, b := range list {
		a := b.Appeal
		out.Body.Appeals = append(out.Body.Appeals, OpenAppeal{Badge: b.ID, Domain: b.Domain.ASCII, State: a.State, Why: a.Why, At: a.At, Deadline: a.Deadline})
	}
	return out, nil
}

type badgeAppealInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Outcome AppealOutcome `json:"outcome" doc:"upheld or rejected"`
		Reasons string        `json:"reasons"`
	}
}

func (d *Desk) apiAppeal(ctx context.Context, in *badgeAppealInput) (*recordOutput, error) {
	b, err := d.DecideAppeal(ctx, web.PeerCertificate(ctx), ID(in.ID), in.Body.Outcome, in.Body.Reasons)
	if err != nil {
		return nil, err
	}
	return d.record(ctx, b.ID)
}

type badgeTrialInput struct {
	Body struct {
		Rules string `json:"rules" doc:"the file"`
		After ID     `json:"after,omitempty" maxLength:"64"`
	}
}

type badgeTrialOutput struct{ Body TrialReport }

func (d *Desk) apiTrial(ctx context.Context, in *badgeTrialInput) (*badgeTrialOutput, error) {
	r, err := ParseRules([]byte(in.Body.Rules))
	if err != nil {
		return nil, errors.Join(fault.New(fault.Invalid, "badge_rules_invalid", "these are no rules of badges (%[1]v); mend the file", err), err)
	}
	t, err := d.Try(ctx, r, in.Body.After)
	return &badgeTrialOutput{t}, err
}

type badgeServiceOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         ServiceLevel
}

func (d *Desk) apiService(ctx context.Context, _ *struct{}) (*badgeServiceOutput, error) {
	l, err := d.ServiceLevel(ctx)
	return &badgeServiceOutput{CacheControl: "public, max-age=60", Body: l}, err
}

type badgeMonthsOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Method string  `json:"method"`
		Months []Month `json:"months"`
	}
}

// monthsMethod says how the months are counted.
const monthsMethod = "Changes of badges' public histories, by the month of the Solar Hijri calendar (time of Iran) in which each came to be; in_force is the sum of all changes to and from active until the end of the month. What the business itself gave back or up is in withdrawn alone."

func (d *Desk) apiMonths(ctx context.Context, _ *struct{}) (*badgeMonthsOutput, error) {
	out := &badgeMonthsOutput{CacheControl: "public, max-age=60"}
	var err error
	out.Body.Method = monthsMethod
	out.Body.Months, err = d.Months(ctx)
	return out, err
}

// routesShowing hangs what shows badges elsewhere, and who shows them falsely.
func (d *Desk) routesShowing(s *web.Server) {
	op := func(method, path, id, summary string) web.Operation {
		return web.Operation{Method: method, Path: path, ID: id, Summary: summary, Tag: "badge"}
	}
	web.Handle(s, op(http.MethodGet, "/badges/keys", "badge-keys", "The certificates that signed the codes on paper"), d.apiKeys)
	web.Handle(s, op(http.MethodGet, "/badges/fakes", "badge-fakes", "Sites known to show a badge that is another's"), d.apiFakes)
	before := func(ctx context.Context) error { return d.may(ctx, ca.MayEnd) }
	mark := op(http.MethodPost, "/badges/fakes", "mark-fake-badge", "Put a site on the public list of fakes, or take it off (operators)")
	mark.Before = before
	web.Handle(s, mark, d.apiMark)
	seen := op(http.MethodGet, "/badges/{id}/copies", "badge-copies", "Foreign sites that seem to show the badge (operators)")
	seen.Before = func(ctx context.Context) error { return d.may(ctx, ca.MayRead, ca.MayReview) }
	web.Handle(s, seen, d.apiCopies)
}

type badgeKeysOutput struct {
	Body struct {
		Keys []TokenKey `json:"keys"`
	}
}

func (d *Desk) apiKeys(ctx context.Context, _ *struct{}) (*badgeKeysOutput, error) {
	out := &badgeKeysOutput{}
	var err error
	out.Body.Keys, err = d.Keys(ctx)
	return out, err
}

type badgeFakesOutput struct {
	Body struct {
		Fakes []Fake `json:"fakes"`
	}
}

func (d *Desk) apiFakes(ctx context.Context, _ *struct{}) (*badgeFakesOutput, error) {
	out := &badgeFakesOutput{}
	var err error
	out.Body.Fakes, err = d.Fakes(ctx)
	return out, err
}

type badgeMarkInput struct {
	Body struct {
		Host  string `json:"host" maxLength:"253"`
		Badge ID     `json:"badge,omitempty" maxLength:"64" doc:"that it shows; absent: take the host off the list"`
	}
}

func (d *Desk) apiMark(ctx context.Context, in *badgeMarkInput) (*badgeFakesOutput, error) {
	var err error
	if in.Body.Badge == "" {
		err = d.UnmarkFake(ctx, web.PeerCertificate(ctx), in.Body.Host)
	} else {
		_, err = d.MarkFake(ctx, web.PeerCertificate(ctx), in.Body.Host, in.Body.Badge)
	}
	if err != nil {
		return nil, err
	}
	return d.apiFakes(ctx, nil)
}

type badgeCopiesOutput struct {
	Body struct {
		Copies []Copy `json:"copies"`
	}
}

func (d *Desk) apiCopies(ctx context.Context, in *idInput) (*badgeCopiesOutput, error) {
	out := &badgeCopiesOutput{}
	var err error
	out.Body.Copies, err = d.Copies(ctx, ID(in.ID))
	return out, err
}

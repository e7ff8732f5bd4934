package complaints

import (
	"context"
	"errors"
	"net/http"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
	"mohr/internal/web"
)

// FigureRoutes hangs the operations of figures and of publication on s.
func (d *Desk) FigureRoutes(s *web.Server) {
	op := func(method, path, id, summary string) web.Operation {
		return web.Operation{Method: method, Path: path, ID: id, Summary: summary, Tag: "complaints"}
	}
	web.Handle(s, op(http.MethodGet, "/businesses/{id}/figures", "get-figures", "Everything counted of a business, as of now or of any past day, once its record is public"), d.apiFigures)
	web.Handle(s, d.officers(op(http.MethodPost, "/businesses/{id}/orders", "report-orders", "Report how many orders a business had (officers)")), d.apiOrders)
	web.Handle(s, d.officers(op(http.MethodPost, "/invitations", "invite-businesses", "Invite businesses to publish their record: those named, or the largest by orders (officers)")), d.apiInvite)
	web.Handle(s, op(http.MethodGet, "/invitations/nonce", "invitation-nonce", "A nonce for one signed reply to an invitation"), d.apiReplyNonce)
	reply := op(http.MethodPost, "/businesses/{id}/publication/reply", "reply-to-invitation", "Consent or object to publication, by a signed statement (JWS)")
	reply.Accepts, reply.MaxBody = []string{"application/jose", "application/jose+json"}, MaxAnswer
	web.Handle(s, reply, d.apiReply)
	web.Handle(s, d.officers(op(http.MethodPost, "/businesses/{id}/publication/objection", "decide-objection", "Decide of an objection to publication (officers)")), d.apiObjection)
	web.Handle(s, d.officers(op(http.MethodPost, "/complaints/{id}/text-removal", "remove-complaint-text", "Destroy the text of a complaint, as the law demands (officers)")), d.apiRemove)
}

// Sheet is what the API tells of the figures of a business.
type Sheet struct {
	Business   ca.BusinessID `json:"business"`
	Year       Figures       `json:"year" doc:"served in the last 365 days; unanswered counts all, however old"`
	Trend      Figures       `json:"trend" doc:"served in the last 90 days"`
	Lifetime   Figures       `json:"lifetime"`
	YearOnYear Comparison    `json:"year_on_year"`
	Rating     Rating        `json:"rating" doc:"by the weights in force on that day"`
	// PerThousand is the complaints of the year for each 1,000 orders. It is in
	// no score.
	PerThousand *float64  `json:"per_thousand_orders" doc:"nothing where no orders were reported"`
	Forecast    *Forecast `json:"forecast,omitempty" doc:"for the business itself: what becomes of the pending ones"`
	Quantiles   string    `json:"quantiles"`
}

// quantiles says how they are made, beside every figure.
const quantiles = "Quantiles are nearest-rank: sorted[ceil(p n)-1]. Those with km_ and those of censored are Kaplan-Meier's: the smallest time at which at most 1-p is still open."

// Sheet returns all figures of a business as of an instant, as they are shown:
// without what few complaints do not carry.
func (d *Desk) Sheet(ctx context.Context, b ca.BusinessID, at time.Time) (Sheet, error) {
	weights, err := DefaultWeights()
	if err != nil {
		return Sheet{}, err
	}
	rows, err := d.register.RowsOf(ctx, string(b))
	if err != nil {
		return Sheet{}, err
	}
	count := func(r Rolling) Figures {
		y := NewTally(string(b), d.register.terms(Terms{At: at, Rolling: r}))
		for _, row := range rows {
			y.Add(row)
		}
		return y.Figures()
	}
	year, terms := count(Year), d.register.terms(Terms{At: at})
	s := Sheet{
		Business: b, Year: year.Shown(), Trend: count(Quarter).Shown(), Lifetime: count(0).Shown(),
		YearOnYear: YearOnYear(rows, terms), Rating: Rate(year, nil, weights.At(at)), Quantiles: quantiles,
	}
	s.PerThousand, err = d.perThousand(ctx, s, at)
	return s, err
}

// perThousand returns the complaints of the year for each 1,000 orders; nil
// where none were reported by then.
func (d *Desk) perThousand(ctx context.Context, s Sheet, at time.Time) (x *float64, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		o, ok, err := ordersAt(tx, s.Business, at)
		if x = nil; ok {
			x = figure(float64(s.Year.Scorecard.Received) * 1000 / float64(o.Orders))
		}
		return err
	})
	return x, err
}

type figuresIn struct {
	ByID
	AsOf string `query:"as_of" maxLength:"32" doc:"a date (00:00:00Z) or an RFC 3339 instant; default now"`
}

type figuresOut struct{ Body Sheet }

func (d *Desk) apiFigures(ctx context.Context, in *figuresIn) (*figuresOut, error) {
	b, err := in.business()
	if err != nil {
		return nil, err
	}
	s, err := d.sheetFor(ctx, b, in.AsOf)
	if err != nil {
		return nil, err
	}
	if err := d.forecast(ctx, &s); err != nil {
		return nil, err
	}
	return &figuresOut{Body: s}, nil
}

// sheetFor returns the figures as of an instant, "" being now, to whom they
// may be shown.
func (d *Desk) sheetFor(ctx context.Context, b ca.BusinessID, asOf string) (Sheet, error) {
	leaf := web.PeerCertificate(ctx)
	if asOf == "" {
		_, s, err := d.visibleSheet(ctx, b, leaf)
		return s, err
	}
	now := d.now()
	if _, _, err := d.public(ctx, b, now); errors.Is(err, fault.NotFound) {
		err = d.mayPeek(ctx, b, leaf)
		if err != nil {
			return Sheet{}, err
		}
	} else if err != nil {
		return Sheet{}, err
	}
	at, err := d.asOf(asOf)
	if err != nil {
		return Sheet{}, err
	}
	return d.Sheet(ctx, b, at)
}

// forecast is for the business alone: it says what is not true yet.
func (d *Desk) forecast(ctx context.Context, s *Sheet) error {
	if d.owns(ctx, s.Business, web.PeerCertificate(ctx)) != nil {
		return nil
	}
	rows, err := d.register.RowsOf(ctx, string(s.Business))
	f := Foresee(rows, d.register.terms(Terms{At: s.Year.At, Rolling: Year}))
	s.Forecast = &f
	return err
}

// asOf reads an instant of the past; "" is now.
func (d *Desk) asOf(s string) (time.Time, error) {
	now := d.now()
	if s == "" {
		return now, nil
	}
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		at, err = time.Parse(time.RFC3339, s)
	}
	if err != nil || at.After(now) {
		return at, fault.New(fault.Invalid, "figures_as_of", "figures are as of a date, 2026-01-31, or an instant, 2026-01-31T12:00:00Z, that is not ahead; write it so")
	}
	return at.UTC().Truncate(time.Second), nil
}

type ordersIn struct {
	ByID
	Body struct {
		Orders int64  `json:"orders" minimum:"1" doc:"in the 365 days before until"`
		Until  string `json:"until" maxLength:"32" doc:"a date or an instant"`
	}
}

type ordersOut struct {
	Body struct {
		Business ca.BusinessID `json:"business"`
		Orders   int64         `json:"orders"`
		Until    time.Time     `json:"until"`
	}
}

func (d *Desk) apiOrders(ctx context.Context, in *ordersIn) (*ordersOut, error) {
	b, err := in.business()
	if err != nil {
		return nil, err
	}
	until, err := d.asOf(in.Body.Until)
	if err != nil {
		return nil, err
	}
	o, err := d.ReportOrders(ctx, web.PeerCertificate(ctx), b, in.Body.Orders, until)
	out := &ordersOut{}
	out.Body.Business, out.Body.Orders, out.Body.Until = b, o.Orders, o.Until
	return out, err
}

type inviteIn struct {
	Body struct {
		Businesses []string `json:"businesses,omitempty" maxItems:"10000" doc:"those that the centre names"`
		Largest    int      `json:"largest,omitempty" maximum:"10000" doc:"or so many with the most orders"`
		DryRun     bool     `json:"dry_run,omitempty" doc:"say who would be invited, and invite nobody"`
	}
}

type inviteOut struct {
	Body struct {
		Invited []ca.BusinessID `json:"invited"`
		DryRun  bool            `json:"dry_run"`
	}
}

func (d *Desk) apiInvite(ctx context.Context, in *inviteIn) (*inviteOut, error) {
	leaf := web.PeerCertificate(ctx)
	if (in.Body.Largest > 0) == (len(in.Body.Businesses) > 0) {
		return nil, fault.New(fault.Invalid, "invitation_basis", "invite either businesses that you name or a number of the largest by orders")
	}
	out := &inviteOut{}
	out.Body.DryRun, out.Body.Invited = in.Body.DryRun, []ca.BusinessID{}
	if in.Body.Largest > 0 {
		list, err := d.InviteLargest(ctx, leaf, in.Body.Largest, in.Body.DryRun)
		out.Body.Invited = append(out.Body.Invited, list...)
		return out, err
	}
	var named []ca.BusinessID
	for _, s := range in.Body.Businesses {
		b, err := ca.ParseBusinessID(s)
		if err != nil {
			return nil, err
		}
		named = append(named, b)
	}
	list, err := d.Invite(ctx, leaf, named, in.Body.DryRun)
	out.Body.Invited = append(out.Body.Invited, list...)
	return out, err
}

func (d *Desk) apiReplyNonce(context.Context, *struct{}) (*nonceOut, error) {
	out := &nonceOut{}
	out.Body.Nonce, out.Body.Audience, out.Body.Type = d.Nonces.New(ReplyNonce), d.Audience, ReplyType
	return out, nil
}

type replyOut struct{ Body Reply }

func (d *Desk) apiReply(ctx context.Context, in *signedIn) (*replyOut, error) {
	b, err := in.business()
	if err != nil {
		return nil, err
	}
	r, err := d.ReplyToInvitation(ctx, b, in.RawBody)
	return &replyOut{Body: r}, err
}

type objectionIn struct {
	ByID
	Body struct {
		Uphold bool `json:"uphold" doc:"true: the record becomes private again; false: it may be published when the time to object is over"`
	}
}

func (d *Desk) apiObjection(ctx context.Context, in *objectionIn) (*replyOut, error) {
	b, err := in.business()
	if err != nil {
		return nil, err
	}
	r, err := d.DecideObjection(ctx, web.PeerCertificate(ctx), b, in.Body.Uphold)
	return &replyOut{Body: r}, err
}

type removeIn struct {
	ByID
	Body struct {
		Reason string `json:"reason" maxLength:"32" doc:"court_order, consumer_erasure, personal_data_of_others or unlawful_content"`
	}
}

type removeOut struct{ Body Tombstone }

func (d *Desk) apiRemove(ctx context.Context, in *removeIn) (*removeOut, error) {
	t, err := d.RemoveText(ctx, web.PeerCertificate(ctx), in.ID, in.Body.Reason)
	return &removeOut{Body: t}, err
}

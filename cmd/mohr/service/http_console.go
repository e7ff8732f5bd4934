package service

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/custody"
	"mohr/ca/incident"
	"mohr/ca/status"
	"mohr/complaints"
	"mohr/enroll"
	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/ledger"
	"mohr/internal/web"
)

// routesConsole hangs the operators' pages that are of no single room.
func (r *rooms) routesConsole() {
	r.web.Echo.GET("/console", r.consoleOverview)
	r.web.Echo.GET("/console/health", r.consoleHealth)
	r.web.Echo.GET("/console/key", r.consoleKey)
}

// overviewPage is the Data of the first page of the operators. What the
// operator may not see is nil.
type overviewPage struct {
	Operator   ca.OperatorRecord
	Reviews    *[]enroll.ReviewItem
	Complaints *[]complaints.Queued
	Appeals    *[]badge.Badge // open, of badges
	Plans      *[]incident.Plan
	Faults     *[]string
}

// Soon returns the deadline of the application that expires first.
func (p overviewPage) Soon() time.Time { return (*p.Reviews)[0].Deadline }

// Late returns how many complaints are past their time.
func (p overviewPage) Late() (n int) {
	for _, q := range *p.Complaints {
		if q.Late {
			n++
		}
	}
	return n
}

func (r *rooms) consoleOverview(c echo.Context) error {
	ctx := c.Request().Context()
	var p overviewPage
	denied := error(nil)
	see := func(right ca.Right, read func() error) error {
		o, err := r.CA.May(ctx, web.PeerCertificate(ctx), right)
		if errors.Is(err, fault.Denied) {
			denied = err
			return nil
		}
		if err != nil {
			return err
		}
		p.Operator = o
		err = read()
		if errors.Is(err, fault.Denied) { // he may, but not before somebody said who he is
			denied, err = err, nil
		}
		return err
	}
	err := errors.Join(
		see(ca.MayReview, func() error { return into(&p.Reviews)(r.enroll.Reviews(ctx)) }),
		see(ca.MayRule, func() error { return into(&p.Complaints)(r.complaints.Queue(ctx, web.PeerCertificate(ctx), "")) }),
		see(ca.MayReview, func() error { return into(&p.Appeals)(r.badge.Appeals(ctx)) }),
		see(ca.MayRead, func() error { return into(&p.Plans)(r.waitingPlans(ctx)) }),
		see(ca.MayRead, func() error { return into(&p.Faults)(r.faults(ctx), nil) }),
	)
	if err != nil {
		return err
	}
	if p.Operator.Name == "" { // with no right at all
		return denied
	}
	return web.Page(c, http.StatusOK, "console", p)
}

// consoleKey is the page on which an operator makes a key in the browser that
// signs what he does in office.
func (r *rooms) consoleKey(c echo.Context) error {
	ctx := c.Request().Context()
	var err error
	for _, right := range []ca.Right{ca.MayRead, ca.MayReview, ca.MayRule} {
		if _, err = r.CA.May(ctx, web.PeerCertificate(ctx), right); err == nil {
			return web.Page(c, http.StatusOK, "console-key", nil)
		}
	}
	return err
}

// into keeps what was read.
func into[T any](to **T) func(T, error) error {
	return func(v T, err error) error {
		if err == nil {
			*to = &v
		}
		return err
	}
}

// waitingPlans are those that can still be approved and begun.
func (r *rooms) waitingPlans(ctx context.Context) ([]incident.Plan, error) {
	list, err := r.incident.Plans(ctx, "", 0)
	now := r.Clock.Time()
	return slices.DeleteFunc(list, func(p incident.Plan) bool { return p.State != incident.Proposed || now.After(p.Document.Until) }), err
}

// faults are the keys of texts that say what is not in order now.
func (r *rooms) faults(ctx context.Context) []string {
	list := []string{}
	h, err := r.health(ctx)
	if err != nil {
		list = append(list, "console.fault.unread")
	}
	for text, wrong := range map[string]bool{
		"console.fault.store": h.Ready != nil, "console.fault.clock": h.Clock != nil, "console.fault.status": h.StatusWrong(),
		"console.fault.gateways": h.GatewaysWrong(), "console.fault.log": h.LogLate(),
	} {
		if wrong {
			list = append(list, text)
		}
	}
	slices.Sort(list)
	return list
}

// healthPage is the Data of the page of what the service stands on.
type healthPage struct {
	Ready    error // what is missing to serve
	Clock    error // why nothing may be signed by this clock
	Status   []status.IssuerHealth
	Keys     []custody.Line
	Gateways []gateway.Health
	Log      ledger.Checkpoint
	LogAt    time.Time
	Waiting  time.Time // since when the oldest deed waits for its place; zero: none does
	Now      time.Time
}

// longWait is how long a deed may wait for its place in the log, and a CRL be
// near its end, before it is a fault.
const longWait = 30 * time.Second

// LogLate reports whether deeds wait too long for their place.
func (p healthPage) LogLate() bool { return !p.Waiting.IsZero() && p.Now.Sub(p.Waiting) > longWait }

// StatusWrong reports whether a CRL is overdue or something could not be signed.
func (p healthPage) StatusWrong() bool {
	return slices.ContainsFunc(p.Status, func(h status.IssuerHealth) bool { return !p.Well(h) })
}

// Well reports whether the authority's CRLs and answers are in order.
func (p healthPage) Well(h status.IssuerHealth) bool {
	return len(h.Shards) > 0 && h.Oldest().NextUpdate.After(p.Now) && h.Signing && (h.Root || h.Answering)
}

// GatewaysWrong reports whether one is spared because it did not answer.
func (p healthPage) GatewaysWrong() bool {
	return slices.ContainsFunc(p.Gateways, func(h gateway.Health) bool { return !h.Well() })
}

// Left is how long something lasts from now on; zero for what is over.
func (p healthPage) Left(t time.Time) time.Duration {
	return max(0, t.Sub(p.Now).Truncate(time.Minute))
}

func (r *rooms) consoleHealth(c echo.Context) error {
	ctx := c.Request().Context()
	if _, err := r.CA.May(ctx, web.PeerCertificate(ctx), ca.MayRead); err != nil {
		return err
	}
	p, err := r.health(ctx)
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "console-health", p)
}

// health gathers it; an error says what could not be read.
func (r *rooms) health(ctx context.Context) (p healthPage, err error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	p = healthPage{Now: time.Now().UTC(), Ready: r.ready(ctx), Clock: r.Clock.Check(), Gateways: r.registry.health()}
	var errs [4]error
	p.Status, errs[0] = r.status.Health(ctx)
	p.Keys, errs[1] = r.Custody.List(ctx)
	p.Log, p.LogAt, errs[2] = r.Ledger.Head(ctx)
	p.Waiting, errs[3] = r.Ledger.WaitingSince(ctx)
	return p, errors.Join(errs[:]...)
}

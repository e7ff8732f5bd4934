package enroll

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/store"
	"mohr/internal/web"
)

// routesConsole hangs the officers' pages. A case is opened by a form and not
// by a link: that it was opened is recorded, which no page of another site may
// bring about.
func (d *Desk) routesConsole(s *web.Server) {
	s.Echo.GET("/console/reviews", d.consoleReviews)
	s.Echo.POST("/console/reviews/:id", d.consoleReview)
	s.Echo.POST("/console/reviews/:id/proposals", d.consolePropose)
}

func (d *Desk) consoleReviews(c echo.Context) error {
	ctx := c.Request().Context()
	leaf, now := web.PeerCertificate(ctx), d.now()
	list := []ReviewItem{}
	err := d.Store.View(ctx, func(tx store.Tx) (err error) {
		if _, err = ca.MayIn(tx, leaf, ca.MayReview, now); err != nil {
			return err
		}
		list, err = reviewsIn(tx, now)
		return err
	})
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "console-reviews", list)
}

// reviewPage is the Data of the page of one application at review.
type reviewPage struct {
	ReviewCase
	Reasons string // as they were typed
	Made    string // the proposal that was just made
	Error   *web.FormError
}

// Open are the steps that did not pass.
func (p reviewPage) Open() []evidence.Step {
	return slices.DeleteFunc(slices.Clone(p.Trace), func(s evidence.Step) bool { return s.Outcome == "pass" })
}

// Said are what a source said, by name, without what was not said.
func (reviewPage) Said(r evidence.Record) []Told { return told(r.Claims) }

func (d *Desk) consoleReview(c echo.Context) error { return d.showReview(c, reviewPage{}) }

// showReview opens the case and shows it with what came of the last form.
func (d *Desk) showReview(c echo.Context, p reviewPage) error {
	ctx := c.Request().Context()
	o, err := d.officer(ctx)
	if err != nil {
		return err
	}
	if p.ReviewCase, err = d.ReviewCase(ctx, c.Param("id"), o); err != nil {
		return err
	}
	status := http.StatusOK
	if p.Error != nil {
		status = p.Error.Status
	}
	return web.Page(c, status, "console-review", p)
}

func (d *Desk) consolePropose(c echo.Context) error {
	ctx := c.Request().Context()
	o, err := d.officer(ctx)
	if err != nil {
		return err
	}
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	p := reviewPage{Reasons: v.Get("reasons")}
	made, err := d.Propose(ctx, c.Param("id"), o, evidence.Outcome(v.Get("outcome")), p.Reasons)
	if err != nil {
		if p.Error = web.FormFault(c, err, web.Fields{"review_outcome": "outcome", "": "reasons"}); p.Error == nil {
			return err
		}
		return d.showReview(c, p)
	}
	return d.showReview(c, reviewPage{Made: made.ID})
}

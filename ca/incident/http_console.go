package incident

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/internal/i18n"
	"mohr/internal/store"
	"mohr/internal/web"
)

// routesConsole hangs the operators' pages of plans.
func (d *Desk) routesConsole(s *web.Server) {
	s.Echo.GET("/console/plans", d.consolePlans)
	s.Echo.GET("/console/plans/new", d.consoleNew)
	s.Echo.POST("/console/plans/new", d.consolePropose)
	s.Echo.GET("/console/plans/:id", d.consolePlan)
}

// shownPlans bounds the list on the page; the API has all.
const shownPlans = 100

func (d *Desk) consolePlans(c echo.Context) error {
	ctx := c.Request().Context()
	leaf, now := web.PeerCertificate(ctx), d.now()
	list := []Plan{}
	err := d.Store.View(ctx, func(tx store.Tx) error {
		list = list[:0]
		if _, err := ca.MayIn(tx, leaf, ca.MayRead, now); err != nil {
			return err
		}
		return store.Each(tx, planBucket, "", "", func(_ string, p Plan) error {
			if p.State != Draft {
				list = append(list, p)
			}
			if len(list) > 2*shownPlans {
				list = slices.Clone(list[shownPlans:])
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	slices.Reverse(list)
	return web.Page(c, http.StatusOK, "console-plans", list[:min(len(list), shownPlans)])
}

// planPage is the Data of the page of one plan.
type planPage struct {
	Shown
	Targets []string // the first
	More    bool     // there are others
	Over    bool     // it can be begun no more
}

// shownTargets bounds the targets on the page.
const shownTargets = 200

func (d *Desk) consolePlan(c echo.Context) error {
	ctx := c.Request().Context()
	leaf, now := web.PeerCertificate(ctx), d.now()
	var p planPage
	err := d.Store.View(ctx, func(tx store.Tx) (err error) {
		if _, err = ca.MayIn(tx, leaf, ca.MayRead, now); err != nil {
			return err
		}
		if p.Shown, err = showIn(tx, c.Param("id"), now); err != nil || p.Plan.Document.Kind == Roles {
			return err
		}
		p.Targets, err = targetsAfter(tx, p.Plan.Document.ID, "", shownTargets)
		return err
	})
	if err != nil {
		return err
	}
	p.More = p.Plan.Document.Targets > len(p.Targets)
	p.Over = p.Plan.State == Proposed && now.After(p.Plan.Document.Until)
	return web.Page(c, http.StatusOK, "console-plan", p)
}

// newPlanPage is the Data of the form for a plan. It keeps what was typed.
type newPlanPage struct {
	Reason   string
	Reasons  []ca.Reason
	Serials  string
	Holder   string
	Business string
	Profile  string
	Error    *web.FormError
}

func (d *Desk) consoleNew(c echo.Context) error {
	if err := d.mayPropose(c.Request().Context()); err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "console-plan-new", newPlanPage{Reasons: ca.Endings()})
}

// consolePropose makes a plan for a revocation: a dry run, which ends nothing.
func (d *Desk) consolePropose(c echo.Context) error {
	ctx := c.Request().Context()
	o, err := d.CA.May(ctx, web.PeerCertificate(ctx), RightToPropose(Revoke))
	if err != nil {
		return err
	}
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	p := newPlanPage{Reasons: ca.Endings(), Reason: v.Get("reason"), Serials: v.Get("serials"), Holder: v.Get("holder"), Business: v.Get("business"), Profile: v.Get("profile")}
	made, err := d.Propose(ctx, p.ask(), o)
	if err != nil {
		if p.Error = web.FormFault(c, err, web.Fields{"reason_unknown": "reason", "": "serials"}); p.Error == nil {
			return err
		}
		return web.Page(c, p.Error.Status, "console-plan-new", p)
	}
	return c.Redirect(http.StatusSeeOther, "/console/plans/"+url.PathEscape(made.Document.ID))
}

// ask is what the form asks for; Propose judges it.
func (p newPlanPage) ask() Ask {
	trim := func(s string) string { return strings.TrimSpace(i18n.FoldDigits(s)) }
	return Ask{
		Kind: Revoke, Reason: ca.Reason(p.Reason), Holder: ca.HolderID(trim(p.Holder)), Business: ca.BusinessID(trim(p.Business)), Profile: trim(p.Profile),
		Serials: strings.FieldsFunc(i18n.FoldDigits(p.Serials), func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == '،' }),
	}
}

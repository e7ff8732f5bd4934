package badge

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/internal/web"
)

// routesConsole hangs the operators' pages of badges.
func (d *Desk) routesConsole(s *web.Server) {
	s.Echo.GET("/console/badges", d.consoleBadges)
	s.Echo.GET("/console/badges/:id", d.consoleBadge)
	s.Echo.POST("/console/badges/:id", d.consolePostDeed)
}

// consoleBadgesPage is the Data of the list of open appeals, with a search.
type consoleBadgesPage struct {
	Appeals []Badge
	Asked   string
	Found   []Record
}

func (d *Desk) consoleBadges(c echo.Context) (err error) {
	ctx := c.Request().Context()
	if err := d.may(ctx, ca.MayReview, ca.MayRead); err != nil {
		return err
	}
	p := consoleBadgesPage{Asked: strings.TrimSpace(c.QueryParam("q"))}
	if p.Appeals, err = d.Appeals(ctx); err != nil {
		return err
	}
	if strings.HasPrefix(p.Asked, "b-") {
		return c.Redirect(http.StatusSeeOther, "/console/badges/"+url.PathEscape(p.Asked))
	}
	if p.Asked != "" {
		if p.Found, err = d.Find(ctx, p.Asked); err != nil {
			return err
		}
	}
	return web.Page(c, http.StatusOK, "console-badges", p)
}

// consoleBadgePage is the Data of the page of a badge: the case, a form for
// what can be done to it, and once that is filled in what is signed.
type consoleBadgePage struct {
	Case
	Deed  SignedDeed
	Ready bool
	Sign  web.ToSign
	Taken bool
	Error *web.FormError
}

// Deeds are what can be done to the badge in its state.
func (p consoleBadgePage) Deeds() (list []DeedKind) {
	if p.Record.Appeal != nil && p.Record.Appeal.Outcome == "" {
		list = append(list, DeedKind(Upheld), DeedKind(Rejected))
	}
	switch p.Record.State {
	case Active:
		list = append(list, Suspend, Revoke)
	case Suspended:
		list = append(list, Lift, Suspend, Revoke)
	}
	return list
}

// Grounds are those of deeds; an answer to an appeal has none.
func (consoleBadgePage) Grounds() []Ground { return []Ground{Misuse, CourtOrder, Fraud, Resolved} }

func (d *Desk) consoleBadge(c echo.Context) error {
	return d.showCase(c, consoleBadgePage{Taken: c.QueryParam("taken") != ""}, nil)
}

// showCase shows the page, with what is wrong with the form if err is the
// operator's to mend.
func (d *Desk) showCase(c echo.Context, p consoleBadgePage, err error) error {
	if err != nil {
		if p.Error = web.FormFault(c, err, web.Fields{"badge_deed_ground": "ground", "badge_reasons_missing": "reasons"}); p.Error == nil {
			return err
		}
	}
	ctx := c.Request().Context()
	if err := d.may(ctx, ca.MayReview, ca.MayRead); err != nil {
		return err
	}
	if p.Case, err = d.Case(ctx, ID(c.Param("id"))); err != nil {
		return err
	}
	status := http.StatusOK
	if p.Error != nil {
		status = p.Error.Status
	}
	return web.Page(c, status, "console-badge", p)
}

func readDeed(id string, v url.Values) SignedDeed {
	s := SignedDeed{Badge: ID(id), Deed: DeedKind(v.Get("deed")), Ground: Ground(v.Get("ground"))}
	s.Reasons = strings.TrimSpace(strings.ReplaceAll(v.Get("reasons"), "\r\n", "\n"))
	if s.Deed.answers() {
		s.Ground = ""
	}
	s.Changes, _ = strconv.Atoi(v.Get("changes")) // what is none stands for no badge
	s.Deeds, _ = strconv.Atoi(v.Get("deeds"))
	return s
}

// fields are the deed again, for the form with its signature.
func (s SignedDeed) fields() []web.Hidden {
	return []web.Hidden{
		{Name: "deed", Value: string(s.Deed)}, {Name: "ground", Value: string(s.Ground)}, {Name: "reasons", Value: s.Reasons},
		{Name: "changes", Value: strconv.Itoa(s.Changes)}, {Name: "deeds", Value: strconv.Itoa(s.Deeds)},
	}
}

// consolePostDeed prepares what is signed, or takes it in once it is.
func (d *Desk) consolePostDeed(c echo.Context) error {
	ctx := c.Request().Context()
	if err := d.may(ctx, ca.MayReview, ca.MayEnd); err != nil {
		return err
	}
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	p := consoleBadgePage{Deed: readDeed(c.Param("id"), v)}
	if statement := v.Get("statement"); statement != "" {
		if err := d.DoSigned(ctx, p.Deed, approval.Signed{Signature: []byte(statement)}); err != nil {
			return d.showCase(c, p, err)
		}
		return c.Redirect(http.StatusSeeOther, "/console/badges/"+url.PathEscape(c.Param("id"))+"?taken=1")
	}
	leaf := web.PeerCertificate(ctx)
	if p.Deed, err = d.PrepareDeed(ctx, leaf, p.Deed); err != nil {
		return d.showCase(c, p, err)
	}
	m, err := p.Deed.matter()
	if err != nil {
		return err
	}
	p.Ready = true
	if p.Sign, err = d.approvals.Offer(m, leaf, "/console/badges/"+url.PathEscape(c.Param("id")), p.Deed.fields()); err != nil {
		return err
	}
	return d.showCase(c, p, nil)
}

package merchant

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"mohr/badge"
	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// Path is where the desk is.
const Path = "/my/shop"

// SignedIn gives a page who is signed in, and asks who is not to sign in.
type SignedIn func(page func(echo.Context, Visitor) error) echo.HandlerFunc

// Routes hangs the pages on s. Without a session only a calendar is shown, to
// who knows its address.
func (d *Desk) Routes(s *web.Server, signedIn SignedIn) {
	of := func(page func(echo.Context, Visitor, place) error) echo.HandlerFunc { return signedIn(d.of(page)) }
	e, shop := s.Echo, Path+"/:business"
	e.GET(Path, signedIn(d.pageChoose))
	e.GET(shop, of(d.pageOverview))
	e.POST(shop+"/calendar", of(d.postCalendar))
	e.GET(shop+"/badges/new", of(d.pageRequest))
	e.POST(shop+"/badges", of(d.postRequest))
	e.POST(shop+"/badges/letter", of(d.postLetter))
	e.GET(shop+"/badges/:id", of(d.pageBadge))
	e.GET(shop+"/badges/:id/request.pdf", of(d.getLetter))
	e.POST(shop+"/badges/:id", of(d.postCheck))
	e.GET(shop+"/complaints", of(d.pageComplaints))
	e.GET(shop+"/complaints/:id", of(d.pageComplaint))
	e.POST(shop+"/complaints/:id", of(d.postAnswer))
	e.GET(shop+"/complaints/:id/pictures/:number", of(d.getPicture))
	e.GET(shop+"/record", of(d.pageRecord))
	e.POST(shop+"/record", of(d.postReply))
	e.GET(shop+"/notices", of(d.pageNotices))
	e.POST(shop+"/notices", of(d.postNotices))
	e.POST(shop+"/notices/test", of(d.postTry))
	e.GET("/calendar/:name", d.getCalendar)
}

// of gives a page the business in the path, if the visitor acts for it.
func (d *Desk) of(page func(echo.Context, Visitor, place) error) func(echo.Context, Visitor) error {
	return func(c echo.Context, v Visitor) error {
		b := ca.BusinessID(c.Param("business"))
		r, err := d.rights(c.Request().Context(), v, b)
		if err != nil {
			return err
		}
		return page(c, v, place{Business: b, Rights: r, Path: deskPath(b), Server: d.Audience, Now: d.now()})
	}
}

func (d *Desk) pageChoose(c echo.Context, v Visitor) error {
	list, err := d.businesses(c.Request().Context(), v)
	if err != nil {
		return err
	}
	if len(list) == 1 {
		return c.Redirect(http.StatusSeeOther, deskPath(list[0]))
	}
	return web.Page(c, http.StatusOK, "merchant", choosePage{list})
}

func (d *Desk) pageOverview(c echo.Context, v Visitor, at place) error {
	return d.showOverview(c, v, at, "")
}

func (d *Desk) showOverview(c echo.Context, v Visitor, at place, feed string) error {
	p, err := d.overview(c.Request().Context(), v, at)
	if err != nil {
		return err
	}
	p.Feed = feed
	return web.Page(c, http.StatusOK, "merchant-overview", p)
}

// overview gathers what the first page of the desk shows.
func (d *Desk) overview(ctx context.Context, v Visitor, at place) (p overviewPage, err error) {
	p.place = at
	if at.Rights.Complaints {
		owed, err := d.Complaints.OwedOf(ctx, at.Business)
		if err != nil {
			return p, err
		}
		p.Owed, p.Late = len(owed), late(owed)
	}
	if at.Rights.Badges {
		if p.Badges, err = d.Badges.OfBusiness(ctx, at.Business); err != nil {
			return p, err
		}
	}
	days, err := d.days(ctx, at.Business, at.Rights)
	if err != nil {
		return p, err
	}
	for _, day := range days {
		if day.near(at.Now) {
			p.Near = append(p.Near, day)
		}
	}
	p.FeedSince, err = d.feedSince(ctx, v, at.Business)
	return p, err
}

// postCalendar makes a new address, which the page shows this once, or ends it.
func (d *Desk) postCalendar(c echo.Context, v Visitor, at place) error {
	f, err := web.Form(c)
	if err != nil {
		return err
	}
	if since, err := d.feedSince(c.Request().Context(), v, at.Business); err != nil {
		return err
	} else if !since.IsZero() && !web.Sure(f) { // calendars that read the old one stop
		return web.Ask(c, web.Question{Text: "merchant.sure.calendar", Action: at.Path + "/calendar", Fields: f, Back: at.Path})
	}
	if f.Get("do") == "end" {
		if err := d.EndFeed(c.Request().Context(), v, at.Business); err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, at.Path)
	}
	secret, err := d.NewFeed(c.Request().Context(), v, at.Business)
	if err != nil {
		return err
	}
	return d.showOverview(c, v, at, d.feedURL(secret, web.Lang(c.Request().Context())))
}

// getCalendar answers a calendar program, which has no session.
func (d *Desk) getCalendar(c echo.Context) error {
	secret, ok := strings.CutSuffix(c.Param("name"), ".ics")
	if !ok {
		return errNoFeed()
	}
	ctx := c.Request().Context()
	f, r, err := d.open(ctx, secret)
	if err != nil {
		return err
	}
	days, err := d.days(ctx, f.Business, r)
	if err != nil {
		return err
	}
	portal, err := url.Parse(d.Audience)
	if err != nil {
		return err
	}
	words := func(day Day) string {
		return strings.TrimSpace(web.Text(c, "merchant.day."+day.What) + " " + day.Of)
	}
	c.Response().Header().Set("Cache-Control", "private, max-age=900")
	c.Response().Header().Set("Referrer-Policy", "no-referrer")
	return c.Blob(http.StatusOK, "text/calendar; charset=utf-8", ics(d.Audience, portal.Hostname(), web.Text(c, "merchant.calendar_name"), days, d.now(), words))
}

func needBadges(at place) error {
	if !at.Rights.Badges {
		return errNotYours()
	}
	return nil
}

func needComplaints(at place) error {
	if !at.Rights.Complaints {
		return errNotYours()
	}
	return nil
}

// ownBadge is a badge of the business; NotFound for another's.
func (d *Desk) ownBadge(ctx context.Context, at place, id string) (badge.Record, error) {
	if err := needBadges(at); err != nil {
		return badge.Record{}, err
	}
	r, err := d.Badges.Show(ctx, badge.ID(id))
	if err == nil && r.Business != at.Business {
		err = fault.New(fault.NotFound, "merchant_badge_unknown", "this business has no such badge; look at the list of your desk")
	}
	return r, err
}

package merchant

import (
	"encoding/base64"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
	"mohr/internal/web"
)

func (d *Desk) pageBadge(c echo.Context, _ Visitor, at place) error {
	return d.showBadge(c, at, nil)
}

func (d *Desk) showBadge(c echo.Context, at place, told *web.FormError) error {
	ctx := c.Request().Context()
	r, err := d.ownBadge(ctx, at, c.Param("id"))
	if err != nil {
		return err
	}
	p := badgePage{place: at, Record: r, Renewal: r.ValidTo.Add(-d.Badges.Rules.RenewWithin)}
	if _, err := d.Badges.PDF(ctx, r.ID); err == nil {
		p.Letter = at.Path + "/badges/" + string(r.ID) + "/request.pdf"
	} else if !errors.Is(err, fault.NotFound) {
		return err
	}
	dues, err := d.Badges.Dues(ctx, r.ID)
	if err != nil {
		return err
	}
	for _, due := range dues {
		p.Days = append(p.Days, Day{due.What, due.Of, due.At, deskPath(at.Business, "badges", string(r.ID))})
	}
	status := http.StatusOK
	if p.Error = told; told != nil {
		status = told.Status
	}
	return web.Page(c, status, "merchant-badge", p)
}

// postCheck has the facts checked now, as after the proof was put there.
func (d *Desk) postCheck(c echo.Context, _ Visitor, at place) error {
	r, err := d.ownBadge(c.Request().Context(), at, c.Param("id"))
	if err != nil {
		return err
	}
	if _, err := d.Badges.CheckOnDemand(c.Request().Context(), r.ID); err != nil {
		if told := web.FormFault(c, err); told != nil {
			return d.showBadge(c, at, told)
		}
		return err
	}
	return c.Redirect(http.StatusSeeOther, at.Path+"/badges/"+string(r.ID))
}

// pageRequest is the form of a request, and once it is filled in the page that
// has it signed.
func (d *Desk) pageRequest(c echo.Context, _ Visitor, at place) error {
	if err := needBadges(at); err != nil {
		return err
	}
	q := c.QueryParams()
	p := requestPage{place: at, Wish: readWish(q)}
	if p.Wish.Domain == "" || q.Get("edit") != "" {
		return web.Page(c, http.StatusOK, "merchant-request", p)
	}
	if err := p.Wish.check(); err != nil {
		if p.Error = web.FormFault(c, err, web.Fields{"": "domain"}); p.Error == nil {
			return err
		}
		return web.Page(c, p.Error.Status, "merchant-request", p)
	}
	return d.showReady(c, p)
}

func (d *Desk) showReady(c echo.Context, p requestPage) (err error) {
	p.Ready = true
	if p.More, err = p.Wish.more(p.Business); err != nil {
		return err
	}
	status := http.StatusOK
	if p.Error != nil {
		status = p.Error.Status
	}
	return web.Page(c, status, "merchant-request", p)
}

// postLetter makes the request as a PDF in two halves: what the key has to sign
// and, with the value that it made, the signed file. Nothing is kept of it.
func (d *Desk) postLetter(c echo.Context, v Visitor, at place) error {
	if err := needBadges(at); err != nil {
		return err
	}
	f, err := web.Form(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	s, err := d.letter(ctx, v, f.Get("serial"), []byte(f.Get("payload")))
	if err != nil {
		return err
	}
	if f.Get("value") == "" {
		return c.JSON(http.StatusOK, map[string][]byte{"input": s.Input()})
	}
	value, err := base64.StdEncoding.DecodeString(f.Get("value"))
	if err != nil {
		value = nil // which no key made
	}
	signed, err := s.Finish(ctx, value)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string][]byte{"pdf": signed})
}

// getLetter is the request of a badge that was signed as a PDF, as it was received.
func (d *Desk) getLetter(c echo.Context, _ Visitor, at place) error {
	ctx := c.Request().Context()
	r, err := d.ownBadge(ctx, at, c.Param("id"))
	if err != nil {
		return err
	}
	signed, err := d.Badges.PDF(ctx, r.ID)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Content-Disposition", `attachment; filename="badge-request.pdf"`)
	return c.Blob(http.StatusOK, "application/pdf", signed)
}

// postRequest takes a signed request in, as the API does. Who signed it, and
// what for, is for the badge room to judge.
func (d *Desk) postRequest(c echo.Context, _ Visitor, at place) error {
	if err := needBadges(at); err != nil {
		return err
	}
	f, err := web.Form(c)
	if err != nil {
		return err
	}
	letter, err := signedRequest(f)
	if err != nil {
		return err
	}
	b, err := d.Badges.Request(c.Request().Context(), letter)
	if err == nil {
		return c.Redirect(http.StatusSeeOther, at.Path+"/badges/"+string(b.ID))
	}
	p := requestPage{place: at, Wish: readWish(f)}
	if p.Error = web.FormFault(c, err); p.Error == nil || p.Wish.check() != nil {
		return err
	}
	return d.showReady(c, p)
}

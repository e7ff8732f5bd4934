package merchant

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/internal/web"
)

// pageNotices says where the business is told, and prepares what is to be
// signed for another address, or for none.
func (d *Desk) pageNotices(c echo.Context, v Visitor, at place) error {
	q := c.QueryParams()
	p := noticesPage{place: at}
	if q.Get("do") == "" {
		return d.showNotices(c, v, p)
	}
	var err error
	p.Wish, err = readNotices(q)
	if err == nil && p.Ends() && q.Get("do") != "end" {
		err = errNoAddress()
	}
	if err != nil {
		p.Wish.URL, p.Wish.Mobile = q.Get("url"), q.Get("mobile")
		return d.refuseNotices(c, v, p, err)
	}
	p.Ready = true
	return d.showNotices(c, v, p)
}

// refuseNotices shows the page again with what is wrong.
func (d *Desk) refuseNotices(c echo.Context, v Visitor, p noticesPage, err error) error {
	if p.Error = web.FormFault(c, err, web.Fields{"complaint_notices_address": "url", "mobile_invalid": "mobile"}); p.Error == nil {
		return err
	}
	return d.showNotices(c, v, p)
}

func (d *Desk) showNotices(c echo.Context, v Visitor, p noticesPage) (err error) {
	if err := needComplaints(p.place); err != nil {
		return err
	}
	ctx := c.Request().Context()
	if p.Now, err = d.told(ctx, p.Business); err != nil {
		return err
	}
	if p.Ready {
		if p.Elsewhere, err = d.noticesToSign(ctx, v, p); err != nil {
			return err
		}
	}
	status := http.StatusOK
	if p.Error != nil {
		status = p.Error.Status
	}
	return web.Page(c, status, "merchant-notices", p)
}

// postNotices takes the signed statement in, as the API does, and shows the
// secret of a new webhook this once.
func (d *Desk) postNotices(c echo.Context, v Visitor, at place) error {
	if err := needComplaints(at); err != nil {
		return err
	}
	f, err := web.Form(c)
	if err != nil {
		return err
	}
	n, err := d.Complaints.SetNotices(c.Request().Context(), at.Business, []byte(f.Get("statement")))
	p := noticesPage{place: at, Taken: err == nil, Secret: n.Secret}
	if err != nil {
		wish, wrong := readNotices(f)
		p.Wish, p.Ready = wish, wrong == nil
		return d.refuseNotices(c, v, p, err)
	}
	return d.showNotices(c, v, p)
}

// postTry sends a message to the webhook and shows what became of it.
func (d *Desk) postTry(c echo.Context, v Visitor, at place) error {
	if err := needComplaints(at); err != nil {
		return err
	}
	ctx, p := c.Request().Context(), noticesPage{place: at}
	if err := d.tries.Pass(ctx); err != nil {
		return d.refuseNotices(c, v, p, err)
	}
	done, err := d.Teller.Try(ctx, at.Business)
	if err != nil {
		return d.refuseNotices(c, v, p, err)
	}
	p.Tried = &done
	return d.showNotices(c, v, p)
}

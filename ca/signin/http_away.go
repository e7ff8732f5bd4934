package signin

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/internal/web"
)

// getCertificate sends the browser to the listener that asks for its
// certificate. Like the way to the eID provider it changes nothing, so a link
// may do it: a form that ends at another address is not sent by browsers that
// are told so by our Content-Security-Policy.
func (d *Desk) getCertificate(c echo.Context) error {
	cookie, err := newErrand(c.QueryParam("to"), "")
	if err != nil {
		return err
	}
	address, err := d.toCertificate(markOf(cookie))
	if err != nil {
		return d.refuse(c, c.QueryParam("to"), err)
	}
	c.SetCookie(cookie)
	return c.Redirect(http.StatusSeeOther, address)
}

// getShow is on the listener that asks for certificates.
func (d *Desk) getShow(c echo.Context) error {
	ctx := c.Request().Context()
	if err := d.Gate.Pass(ctx); err != nil {
		return err
	}
	address, err := d.takeCertificate(ctx, web.PeerCertificate(ctx), c.QueryParam("begin"))
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, address)
}

func (d *Desk) getShown(c echo.Context) error {
	ctx := c.Request().Context()
	h, e, err := d.certificateShown(ctx, c.Request(), c.QueryParam("serial"), c.QueryParam("ticket"))
	c.SetCookie(errandDone())
	if err != nil {
		return d.refuse(c, e.To, err)
	}
	return d.enter(c, h, e.To)
}

// getLogin sends the browser to the eID provider, to sign in or, with a
// purpose, to confirm that.
func (d *Desk) getLogin(c echo.Context) error {
	if p := Purpose(c.QueryParam("purpose")); p != "" {
		return d.Page(func(c echo.Context, who Who) error { return d.getConfirmLogin(c, who, p) })(c)
	}
	if err := d.goLogin(c, c.QueryParam("to"), ""); err != nil {
		return d.refuse(c, c.QueryParam("to"), err)
	}
	return nil
}

// getConfirmLogin does so for a purpose, if the link was made by our own page
// that asks for it, in this session: what another site links to confirms nothing.
func (d *Desk) getConfirmLogin(c echo.Context, who Who, p Purpose) error {
	to := c.QueryParam("to")
	err := d.fromConfirm(who, p, c.QueryParam("nonce"))
	if err == nil {
		err = d.goLogin(c, to, p)
	}
	if err != nil {
		return d.refuseConfirm(c, p, to, err)
	}
	return nil
}

// goLogin gives the browser its errand and sends it to the provider.
func (d *Desk) goLogin(c echo.Context, to string, p Purpose) error {
	cookie, err := newErrand(to, p)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	address, err := d.toLogin(ctx, markOf(cookie), web.Lang(ctx))
	if err != nil {
		return err
	}
	c.SetCookie(cookie)
	return c.Redirect(http.StatusSeeOther, address)
}

// getLoggedIn takes the browser back from the eID provider. The page that
// follows has neither code nor state in its address.
func (d *Desk) getLoggedIn(c echo.Context) error {
	ctx := c.Request().Context()
	if err := d.Gate.Pass(ctx); err != nil {
		return d.refuse(c, Home, err)
	}
	h, e, err := d.loggedIn(ctx, c.Request())
	c.SetCookie(errandDone())
	switch {
	case err != nil && e.Purpose != "":
		return d.refuseConfirm(c, e.Purpose, e.To, err)
	case err != nil:
		return d.refuse(c, e.To, err)
	case e.Purpose != "":
		return d.enterConfirm(c, e.Purpose, e.To, h)
	}
	return d.enter(c, h, e.To)
}

package csc

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"mohr/ca/held"
	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// authorisePath is where clients send browsers; what waits for its holder has a
// page below it.
const authorisePath = Base + "/oauth2/authorize"

// Routes hangs the API on s, and the page on which holders authorise.
func (d *Desk) Routes(s *web.Server) {
	e := s.Echo
	e.GET(authorisePath, d.getAuthorise)
	e.GET(authorisePath+"/:id", d.SignIn.Page(d.pageAuthorise))
	e.POST(authorisePath+"/:id/options", d.postOptions)
	e.POST(authorisePath+"/:id", d.postAuthorise)
	e.POST(Base+"/oauth2/token", d.answer(d.postToken))
	e.POST(Base+"/oauth2/revoke", d.answer(d.postRevoke))
	e.POST(Base+"/info", d.answer(d.postAbout))
	e.POST(Base+"/credentials/list", d.answer(api(d.list)))
	e.POST(Base+"/credentials/info", d.answer(api(d.info)))
	e.POST(Base+"/credentials/authorize", d.answer(byBrowser))
	e.POST(Base+"/signatures/signHash", d.answer(api(d.signHash)))
}

// getAuthorise reads a client's request and gives it a page, whose short
// address outlives a sign-in. A client that is not known, or an address that is
// not its own, is answered with a page of ours: the browser goes nowhere.
func (d *Desk) getAuthorise(c echo.Context) error {
	ctx := c.Request().Context()
	if err := d.Gate.Pass(ctx); err != nil {
		return err
	}
	r, err := d.readRequest(c.Request().URL.RawQuery)
	if err != nil && r.Redirect == "" {
		return err
	}
	if err != nil {
		w := inWire(err)
		return c.Redirect(http.StatusSeeOther, r.back(d.Portal, url.Values{"error": {w.Error}, "error_description": {w.Description}}))
	}
	// Anyone may ask, and each request is kept for a while.
	if err := d.Asks.Pass(ctx); err != nil {
		return err
	}
	id := rand.Text()
	if err := d.keep(ctx, id, r); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, authorisePath+"/"+id)
}

func (d *Desk) pageAuthorise(c echo.Context, who signin.Who) error {
	ctx := c.Request().Context()
	p, err := d.show(ctx, who, c.Param("id"), web.Lang(ctx))
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "csc-authorise", p)
}

// may returns who is signed in, if their network does not ask too often, and
// what the page's script sent.
func (d *Desk) may(c echo.Context) (who signin.Who, p held.Proof, err error) {
	ctx := c.Request().Context()
	if err := d.Gate.Pass(ctx); err != nil {
		return who, p, err
	}
	if who, err = d.SignIn.Who(ctx, c.Request()); err != nil {
		return who, p, err
	}
	p, err = receive[held.Proof](c)
	return who, p, err
}

func (d *Desk) postOptions(c echo.Context) error {
	who, _, err := d.may(c)
	if err != nil {
		return err
	}
	o, err := d.challenge(c.Request().Context(), who, c.Param("id"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, o)
}

func (d *Desk) postAuthorise(c echo.Context) error {
	who, proof, err := d.may(c)
	if err != nil {
		return err
	}
	to, err := d.grant(c.Request().Context(), who, c.Param("id"), proof)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"to": to})
}

// form reads what a client posts to the token endpoint, and who it is.
func (d *Desk) form(c echo.Context) (Client, url.Values, error) {
	v, err := web.Form(c)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		err = fault.New(fault.Invalid, "csc_form", "the form is too large; send the parameters of docs/csc.md alone")
	}
	if err != nil {
		return Client{}, nil, err
	}
	if err := once(v); err != nil {
		return Client{}, nil, err
	}
	user, pass, basic := c.Request().BasicAuth()
	s, err := readSecret(user, pass, basic, v)
	if err != nil {
		return Client{}, nil, err
	}
	client, err := d.client(s)
	return client, v, err
}

func (d *Desk) postToken(c echo.Context) (any, error) {
	client, v, err := d.form(c)
	if err != nil {
		return nil, err
	}
	return d.exchange(c.Request().Context(), client, v)
}

func (d *Desk) postRevoke(c echo.Context) (any, error) {
	client, v, err := d.form(c)
	if err != nil {
		return nil, err
	}
	if v.Get("token") == "" {
		return nil, errParameter("token")
	}
	return nil, d.revoke(c.Request().Context(), client, v.Get("token"))
}

// byBrowser tells who asks for a SAD without the holder's browser where to get one.
func byBrowser(echo.Context) (any, error) {
	return nil, fault.New(fault.Invalid, "csc_by_browser", "credentials here have the mode oauth2code: send the holder's browser to oauth2/authorize with scope=credential, and its code to oauth2/token")
}

// postAbout needs to know nothing of who asks, and reads nothing.
func (d *Desk) postAbout(echo.Context) (any, error) { return d.about(), nil }

// errMedia is of what scripts and clients send.
func errMedia() error {
	return fault.New(fault.Invalid, "csc_media", "send one JSON object as application/json, with no other members than those of docs/csc.md")
}

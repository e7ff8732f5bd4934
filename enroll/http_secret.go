package enroll

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/internal/web"
)

// routesSecretPages hangs the page on which an applicant makes the one-time
// secret for other software.
func (d *Desk) routesSecretPages(e *echo.Echo) {
	e.GET("/enroll/:id/secret", d.pageSecret)
	e.POST("/enroll/:id/secret/code", d.postSecretCode)
	e.POST("/enroll/:id/secret", d.postSecret)
}

// secretPage is the Data of that page. Made is shown once, in the answer to the
// form: it is in no address, and no page shows it again.
type secretPage struct {
	ID, Profile string
	Portal      string
	Clients     []Protocol
	Sent        bool // the code is on its way
	Protocol    Protocol
	Made        *OneTime
	Error       *web.FormError
}

// clients are the protocols by which a key of the profile can be handed in.
func (d *Desk) clients(profile string) []Protocol {
	return slices.DeleteFunc(slices.Clone(d.Clients), func(p Protocol) bool { return p == SCEP && profile != ca.NaturalAuth })
}

// secretOf is the page as it begins, for who holds the application's token.
func (d *Desk) secretOf(c echo.Context) (p secretPage, token string, err error) {
	id, token, err := session(c)
	if err != nil {
		return p, "", err
	}
	a, err := d.open(c.Request().Context(), id, token)
	if err != nil {
		return p, "", err
	}
	return secretPage{ID: id, Profile: a.Profile, Portal: d.Audience, Clients: d.clients(a.Profile)}, token, d.takesSecret(a)
}

// showSecret renders the page with what err says is wrong, nil for nothing.
func showSecret(c echo.Context, p secretPage, err error) error {
	status := http.StatusOK
	if err != nil {
		if p.Error = web.FormFault(c, err, web.Fields{"secret_protocol": "protocol-est", "": "code"}); p.Error == nil {
			return err
		}
		status = p.Error.Status
	}
	return web.Page(c, status, "enroll-secret", p)
}

func (d *Desk) pageSecret(c echo.Context) error {
	p, _, err := d.secretOf(c)
	if p.ID == "" {
		return err
	}
	return showSecret(c, p, err)
}

func (d *Desk) postSecretCode(c echo.Context) error {
	p, token, err := d.secretOf(c)
	if p.ID == "" {
		return err
	}
	if err == nil {
		err = d.AskSecret(c.Request().Context(), p.ID, token)
	}
	p.Sent = err == nil
	return showSecret(c, p, err)
}

func (d *Desk) postSecret(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	p, token, err := d.secretOf(c)
	if p.ID == "" {
		return err
	}
	p.Sent, p.Protocol = true, Protocol(v.Get("protocol"))
	if err == nil {
		var made OneTime
		if made, err = d.MakeSecret(c.Request().Context(), p.ID, token, p.Protocol, v.Get("code")); err == nil {
			p.Made = &made
		}
	}
	return showSecret(c, p, err)
}

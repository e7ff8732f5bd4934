package signin

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
	"mohr/internal/web"
)

// AskConfirm sends the browser to the page that asks for a fresh proof for p,
// and from there on to back, a path of this portal.
func (d *Desk) AskConfirm(c echo.Context, p Purpose, back string) error {
	return c.Redirect(http.StatusSeeOther, confirmPath+"?"+url.Values{"purpose": {string(p)}, "to": {Local(back)}}.Encode())
}

// confirmView is the Data of the page that asks for a fresh proof.
type confirmView struct {
	Audience, To  string
	Purpose       Purpose
	Kind, Subject string
	Nonce         string // for a statement
	LoginNonce    string // for the link to the eID provider
	Certificate   string // serial of the one signed in with; ""
	EID, Passkey  bool   // offered
	Error         *web.FormError
}

func (d *Desk) pageConfirm(c echo.Context) error {
	return d.showConfirm(c, Purpose(c.QueryParam("purpose")), c.QueryParam("to"), nil)
}

func (d *Desk) showConfirm(c echo.Context, p Purpose, to string, told *web.FormError) error {
	return d.Page(func(c echo.Context, who Who) error {
		v := confirmView{Audience: d.Audience, To: Local(to), Purpose: p, Certificate: who.Certificate, Error: told}
		var err error
		if v.Kind, v.Subject, err = p.split(); err != nil {
			return err
		}
		if !web.HasText(c, "signin.purpose."+v.Kind) {
			return fault.New(fault.NotFound, "confirm_unknown", "there is no such thing to confirm; go back and begin again")
		}
		list, err := d.Passkeys(c.Request().Context(), who)
		if err != nil {
			return err
		}
		v.Passkey = len(list) > 0 && p != NewPasskey
		v.EID = d.EID != nil && who.Business == "" && who.Operator == ""
		v.Nonce, v.LoginNonce = d.Nonces.New(who.confirmNonce(p)), d.Nonces.New(who.loginNonce(p))
		status := http.StatusOK
		if told != nil {
			status = told.Status
		}
		return web.Page(c, status, "signin-confirm", v)
	})(c)
}

// refuseConfirm shows the page again, with what was wrong.
func (d *Desk) refuseConfirm(c echo.Context, p Purpose, to string, err error) error {
	if told := web.FormFault(c, err, pasted(c)); told != nil {
		return d.showConfirm(c, p, to, told)
	}
	return err
}

// enterConfirm keeps the proof and goes on.
func (d *Desk) enterConfirm(c echo.Context, p Purpose, to string, h heard) error {
	ctx := c.Request().Context()
	who, err := d.Who(ctx, c.Request())
	if err != nil {
		return d.refuseConfirm(c, p, to, err)
	}
	cookie, err := d.confirm(ctx, who, p, h)
	if err != nil {
		return d.refuseConfirm(c, p, to, err)
	}
	c.SetCookie(cookie)
	return c.Redirect(http.StatusSeeOther, Local(to))
}

func (d *Desk) postConfirm(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	ctx, p, to := c.Request().Context(), Purpose(v.Get("purpose")), v.Get("to")
	if err := d.Gate.Pass(ctx); err != nil {
		return d.refuseConfirm(c, p, to, err)
	}
	who, err := d.Who(ctx, c.Request())
	if err != nil {
		return err
	}
	h, err := d.hearConfirm(ctx, who, []byte(v.Get("statement")), p)
	if err != nil {
		return d.refuseConfirm(c, p, to, err)
	}
	return d.enterConfirm(c, p, to, h)
}

// getConfirmNonce gives a fresh nonce to a page that has been open for long.
func (d *Desk) getConfirmNonce(c echo.Context) error {
	who, err := d.Who(c.Request().Context(), c.Request())
	if err != nil {
		return err
	}
	p := Purpose(c.QueryParam("purpose"))
	if _, _, err := p.split(); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, SignInChallenge{ConfirmType, d.Audience, d.Nonces.New(who.confirmNonce(p))})
}

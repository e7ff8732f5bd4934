package enroll

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/internal/web"
)

// resumePage is the Data of the page that goes on with an application begun
// in another browser.
type resumePage struct {
	ID    string
	Step  string // "ask" or "code"
	Error *web.FormError
}

func (d *Desk) postResume(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	p := resumePage{ID: c.Param("id"), Step: "code"}
	if err := d.AskResume(c.Request().Context(), p.ID, v.Get("national_code"), v.Get("birth_date")); err != nil {
		p.Step = "ask"
		return showResume(c, p, err)
	}
	return web.Page(c, http.StatusOK, "enroll-resume", p)
}

func (d *Desk) postResumeCode(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	p := resumePage{ID: c.Param("id"), Step: "code"}
	a, token, err := d.ResumeElsewhere(c.Request().Context(), p.ID, v.Get("code"))
	if err != nil {
		return showResume(c, p, err)
	}
	c.SetCookie(tokenCookie(a, token))
	return c.Redirect(http.StatusSeeOther, "/enroll/"+a.ID)
}

func showResume(c echo.Context, p resumePage, err error) error {
	fields := web.Fields{"birth_date_invalid": "birth_date", "birth_date_future": "birth_date", "": "national_code"}
	if p.Step == "code" {
		fields = web.Fields{"": "code"}
	}
	if p.Error = web.FormFault(c, err, fields); p.Error == nil {
		return err
	}
	return web.Page(c, p.Error.Status, "enroll-resume", p)
}

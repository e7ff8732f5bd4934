package enroll

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/internal/web"
)

// lockPage is the Data of the page that locks certificates in one's name.
type lockPage struct {
	LockForm
	ID    string
	Done  *ca.Lock
	Named []Named // in the name of who has just locked
	// Listed says that Named was looked up.
	Listed bool
	Error  *web.FormError
}

func (d *Desk) pageLock(c echo.Context) error {
	return web.Page(c, http.StatusOK, "enroll-lock", lockPage{})
}

func (d *Desk) postLock(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	p := lockPage{LockForm: LockForm{
		NationalCode: v.Get("national_code"), Mobile: v.Get("mobile"), Lift: v.Get("lift") == "yes", Locale: web.Lang(c.Request().Context()),
	}}
	id, token, err := d.AskLock(c.Request().Context(), p.LockForm)
	if err != nil {
		return showLock(c, p, err)
	}
	c.SetCookie(tokenCookie(Application{ID: id}, token))
	p.ID = id
	return web.Page(c, http.StatusOK, "enroll-lock", p)
}

func (d *Desk) postLockCode(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	id, token, err := session(c)
	if err != nil {
		return err
	}
	l, err := d.ProveLock(c.Request().Context(), id, token, v.Get("code"))
	if err != nil {
		return showLock(c, lockPage{LockForm: LockForm{Lift: v.Get("lift") == "yes"}, ID: id}, err)
	}
	p := lockPage{ID: id, Done: &l, Listed: l.Lifts.IsZero() && !l.Since.IsZero()}
	if p.Listed {
		if p.Named, err = d.InMyName(c.Request().Context(), id, token); err != nil {
			return err
		}
	}
	return web.Page(c, http.StatusOK, "enroll-lock", p)
}

func (d *Desk) postDisown(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	id, token, err := session(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if len(v["serial"]) > 0 && !web.Sure(v) {
		return web.Ask(c, web.Question{Text: "enroll.sure.disown", About: v["serial"], Action: c.Request().URL.Path, Fields: v, Back: "/enroll/lock"})
	}
	named, err := d.Disown(ctx, id, token, v["serial"])
	p := lockPage{ID: id, Done: &ca.Lock{Since: d.now()}, Named: named, Listed: true}
	if err == nil {
		return web.Page(c, http.StatusOK, "enroll-lock", p)
	}
	if p.Named, _ = d.InMyName(ctx, id, token); p.Named == nil {
		p.Done, p.ID = nil, "" // the time for it is over: begin again
	}
	return showLock(c, p, err)
}

// showLock renders the page again with what went wrong.
func showLock(c echo.Context, p lockPage, err error) error {
	fields := web.Fields{"national_code_invalid": "national_code", "mobile_invalid": "mobile", "lock_phone_foreign": "mobile", "lock_sim_young": "mobile", "": "code"}
	if len(p.Named) > 0 {
		fields[""] = "s-" + p.Named[0].Serial
	}
	if p.Error = web.FormFault(c, err, fields); p.Error == nil {
		return err
	}
	return web.Page(c, p.Error.Status, "enroll-lock", p)
}

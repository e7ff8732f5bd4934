package enroll

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/store"
	"mohr/internal/web"
)

// mineDesk is the part of the pages at /my that shows what is held of a person.
type mineDesk struct {
	*Desk
	in *signin.Desk
}

// RoutesMine hangs the pages for people who signed in on s.
func (d *Desk) RoutesMine(s *web.Server, in *signin.Desk) {
	m, e := mineDesk{d, in}, s.Echo
	e.GET("/my/data", in.Page(m.pageData))
	e.GET("/my/data/:id", in.Page(m.pageExport))
	e.GET("/my/data/:id/export.json", in.Page(m.getExport))
	e.GET("/my/data/:id/erase", in.Page(m.pageErase))
	e.POST("/my/data/:id/erase", in.Page(m.postErase))
	e.GET("/my/lock", in.Page(m.pageLock))
	e.POST("/my/lock", in.Page(m.postLock))
}

func (m mineDesk) pageData(c echo.Context, who signin.Who) error {
	kept, err := m.KeptOf(c.Request().Context(), who)
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "enroll-mine", kept)
}

// confirmed asks for the proof where err says that it is missing.
func (m mineDesk) confirmed(c echo.Context, err error, p signin.Purpose, back string) error {
	if fault.Code(err) == "confirm_needed" {
		return m.in.AskConfirm(c, p, back)
	}
	return err
}

func (m mineDesk) pageExport(c echo.Context, who signin.Who) error {
	id := c.Param("id")
	e, err := m.ExportMine(c.Request().Context(), m.in, who, id)
	if err != nil {
		return m.confirmed(c, err, seePurpose(id), "/my/data/"+id)
	}
	return web.Page(c, http.StatusOK, "enroll-export", exportPage{e, "/my/data"})
}

func (m mineDesk) getExport(c echo.Context, who signin.Who) error {
	id := c.Param("id")
	e, err := m.ExportMine(c.Request().Context(), m.in, who, id)
	if err != nil {
		return m.confirmed(c, err, seePurpose(id), "/my/data/"+id)
	}
	c.Response().Header().Set("Content-Disposition", `attachment; filename="export.json"`)
	return c.JSON(http.StatusOK, e)
}

// pageErase asks for the proof, then once more, then the form erases.
func (m mineDesk) pageErase(c echo.Context, who signin.Who) error {
	id := c.Param("id")
	ctx, page := c.Request().Context(), "/my/data/"+id+"/erase"
	if _, err := m.theirs(ctx, who, id); err != nil {
		return err
	}
	if _, err := m.in.Confirmed(ctx, who, erasePurpose(id)); err != nil {
		return m.confirmed(c, err, erasePurpose(id), page)
	}
	return web.Ask(c, web.Question{Text: "enroll.sure.erase", About: []string{id}, Action: page, Back: "/my/data"})
}

func (m mineDesk) postErase(c echo.Context, who signin.Who) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	if !web.Sure(v) {
		return m.pageErase(c, who)
	}
	if err := m.EraseMine(c.Request().Context(), m.in, who, c.Param("id")); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/my/data")
}

// myLockPage is the Data of the page that shows the lock.
type myLockPage struct {
	Lock  ca.Lock
	Holds bool
	Error *web.FormError
}

func (m mineDesk) pageLock(c echo.Context, who signin.Who) error { return m.showLock(c, who, nil) }

func (m mineDesk) showLock(c echo.Context, who signin.Who, told *web.FormError) error {
	if err := asThemselves(who); err != nil {
		return err
	}
	p, status := myLockPage{Error: told}, http.StatusOK
	err := m.Store.View(c.Request().Context(), func(tx store.Tx) (err error) {
		p.Lock, err = ca.LockOf(tx, who.Holder)
		return err
	})
	if err != nil {
		return err
	}
	if told != nil {
		status = told.Status
	}
	p.Holds = p.Lock.Holds(m.now())
	return web.Page(c, status, "enroll-mylock", p)
}

// postLock sends the code with which the person locks or lifts; the page of
// locks takes it.
func (m mineDesk) postLock(c echo.Context, who signin.Who) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	if err := asThemselves(who); err != nil {
		return err
	}
	lift := v.Get("lift") == "yes"
	if !web.Sure(v) {
		text := map[bool]string{true: "enroll.sure.lift", false: "enroll.sure.lock"}[lift]
		return web.Ask(c, web.Question{Text: text, Action: "/my/lock", Fields: v, Back: "/my/lock"})
	}
	ctx := c.Request().Context()
	id, token, err := m.AskLockMine(ctx, who, lift, web.Lang(ctx))
	if err != nil {
		if told := web.FormFault(c, err); told != nil {
			return m.showLock(c, who, told)
		}
		return err
	}
	c.SetCookie(tokenCookie(Application{ID: id}, token))
	return web.Page(c, http.StatusOK, "enroll-lock", lockPage{LockForm: LockForm{Lift: lift}, ID: id})
}

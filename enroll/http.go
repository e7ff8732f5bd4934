package enroll

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// Routes hangs the API and the pages on s.
func (d *Desk) Routes(s *web.Server) {
	d.routesAPI(s)
	e := s.Echo
	e.GET("/enroll", d.pageStart)
	e.POST("/enroll", d.postStart)
	e.GET("/enroll/revoke", d.pageRevoke)
	e.POST("/enroll/revoke", d.postRevoke)
	e.GET("/enroll/lock", d.pageLock)
	e.POST("/enroll/lock", d.postLock)
	e.POST("/enroll/lock/:id", d.postLockCode)
	e.POST("/enroll/lock/:id/disown", d.postDisown)
	e.GET(LoginPath, d.getLoggedIn)
	e.GET("/enroll/:id", d.pageApplication)
	e.GET("/enroll/:id/eid", d.getLogin)
	e.POST("/enroll/:id/resume", d.postResume)
	e.POST("/enroll/:id/resume/code", d.postResumeCode)
	e.GET("/enroll/:id/export", d.pageExport)
	e.GET("/enroll/:id/progress", d.getProgress)
	e.GET("/enroll/:id/certificate.pem", d.pageCertificate)
	e.GET("/enroll/:id/bundle.json", d.pageBundle)
	e.POST("/enroll/:id/consent", d.postStep("accepted", func(ctx context.Context, c echo.Context, id, token string) error {
		f := ConsentForm{Accepted: c.FormValue("accepted") == "yes", TermsVersion: c.FormValue("terms_version")}
		_, err := d.Consent(ctx, id, token, f)
		return err
	}))
	e.POST("/enroll/:id/send", d.postStep("", func(ctx context.Context, _ echo.Context, id, token string) error {
		_, err := d.SendCode(ctx, id, token)
		return err
	}))
	e.POST("/enroll/:id/code", d.postStep("code", func(ctx context.Context, c echo.Context, id, token string) error {
		_, err := d.ProveCode(ctx, id, token, c.FormValue("code"))
		return err
	}))
	e.POST("/enroll/:id/face", d.postStep("session", func(ctx context.Context, c echo.Context, id, token string) error {
		_, err := d.MatchFace(ctx, id, token, c.FormValue("session"))
		return err
	}))
	e.POST("/enroll/:id/earlier", d.postStep("serial", func(ctx context.Context, c echo.Context, id, token string) error {
		_, err := d.UseEarlier(ctx, id, token, c.FormValue("serial"), c.FormValue("revocation_code"))
		return err
	}))
	e.POST("/enroll/:id/video", d.postStep("", func(ctx context.Context, _ echo.Context, id, token string) error {
		_, err := d.BeginVisit(ctx, id, token, evidence.DocumentVideo)
		return err
	}))
	e.POST("/enroll/:id/refresh", d.postStep("", func(ctx context.Context, _ echo.Context, id, token string) error {
		_, err := d.Refresh(ctx, id, token)
		return err
	}))
	e.POST("/enroll/:id/cancel", d.postStep("", func(ctx context.Context, _ echo.Context, id, token string) error {
		_, err := d.Cancel(ctx, id, token)
		return err
	}))
	e.POST("/enroll/:id/appeal", d.postStep("reasons", func(ctx context.Context, c echo.Context, id, token string) error {
		_, err := d.Appeal(ctx, id, token, c.FormValue("reasons"))
		return err
	}))
	e.POST("/enroll/:id/csr", d.postStep("csr", func(ctx context.Context, c echo.Context, id, token string) error {
		request, err := requestOf(c)
		if err == nil {
			_, err = d.Submit(ctx, id, token, request)
		}
		return err
	}))
}

// startPage is the Data of the page that opens an application.
type startPage struct {
	Form
	Error *web.FormError
}

// startFields are the fields of that page that faults speak of.
var startFields = web.Fields{
	"national_code_invalid": "national_code", "birth_date_invalid": "birth_date", "birth_date_future": "birth_date", "mobile_invalid": "mobile",
	"names_latin_invalid": "names_latin", "legal_id_invalid": "legal_id", "legal_id_misplaced": "legal_id", "application_profile": "natural",
}

func (d *Desk) pageStart(c echo.Context) error {
	return web.Page(c, http.StatusOK, "enroll-start", startPage{Form: Form{Profile: ca.NaturalSign}})
}

func (d *Desk) postStart(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	f := Form{Profile: v.Get("profile"), Locale: web.Lang(c.Request().Context()), Person: Person{
		NationalCode: v.Get("national_code"), BirthDate: v.Get("birth_date"), Mobile: v.Get("mobile"),
		NamesLatin: v.Get("names_latin"), LegalID: v.Get("legal_id"),
	}}
	a, token, err := d.Create(c.Request().Context(), f)
	if err != nil {
		if told := web.FormFault(c, err, startFields); told != nil {
			return web.Page(c, told.Status, "enroll-start", startPage{f, told})
		}
		return err
	}
	c.SetCookie(tokenCookie(a, token))
	return c.Redirect(http.StatusSeeOther, "/enroll/"+a.ID)
}

// cookieName names the cookie of one application: the __Host- prefix forbids
// a path, so the name carries the scope.
func cookieName(id string) string { return "__Host-mohr-" + id }

// tokenCookie holds the application's token in the browser. It outlives the
// deadline, so that the certificate can be fetched; the browser ends it with
// its session.
func tokenCookie(a Application, token string) *http.Cookie {
	return &http.Cookie{Name: cookieName(a.ID), Value: token, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// session returns the application's id and the token that the browser holds.
func session(c echo.Context) (id, token string, err error) {
	id = c.Param("id")
	cookie, err := c.Cookie(cookieName(id))
	if err != nil {
		return id, "", fault.New(fault.Denied, "application_other_browser", "this application was begun in another browser; continue there, or start a new one")
	}
	return id, cookie.Value, nil
}

// applicationPage is the Data of the page of one application.
type applicationPage struct {
	State
	Next       Need
	Steps      []Milestone
	Revocation string // code, while it is handed out
	Error      *web.FormError
}

// pageApplication shows, beside the application, why a login did not count:
// by a code, so that nothing else can be put on the page.
func (d *Desk) pageApplication(c echo.Context) error {
	if err := loginFault(c.QueryParam("eid")); err != nil {
		return d.showApplication(c, web.FormFault(c, err))
	}
	return d.showApplication(c, nil)
}

// showApplication renders the page, with what went wrong in the last step.
func (d *Desk) showApplication(c echo.Context, told *web.FormError) error {
	id, token, err := session(c)
	if err != nil {
		return web.Page(c, http.StatusForbidden, "enroll-resume", resumePage{ID: id, Step: "ask"})
	}
	ctx, status := c.Request().Context(), http.StatusOK
	a, err := d.open(ctx, id, token)
	if err != nil {
		return err
	}
	p := applicationPage{Error: told}
	if p.State, err = d.Show(ctx, a); err != nil {
		return err
	}
	if len(p.Needs) > 0 {
		p.Next = p.Needs[0]
	}
	p.Steps = p.milestones()
	p.Needs = append(p.Needs, p.Ways...) // each is a step to choose
	if a.Stage == Issued {
		i, err := d.Delivered(ctx, id, token)
		if err != nil {
			return err
		}
		p.Revocation = i.Revocation
	}
	if told != nil {
		status = told.Status
	}
	return web.Page(c, status, "enroll-application", p)
}

// postStep is a handler that takes one step and shows the page again. The field
// is the one of the step's form that its faults are about, "" if it has none.
func (d *Desk) postStep(field string, step func(ctx context.Context, c echo.Context, id, token string) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		id, token, err := session(c)
		if err != nil {
			return err
		}
		if err := step(c.Request().Context(), c, id, token); err != nil {
			if told := web.FormFault(c, err, web.Fields{"": field}); told != nil {
				return d.showApplication(c, told)
			}
			return err
		}
		return c.Redirect(http.StatusSeeOther, "/enroll/"+id)
	}
}

// requestOf returns the certification request of the form: the file, else
// the text.
func requestOf(c echo.Context) ([]byte, error) {
	tooLarge := fault.New(fault.Invalid, "csr_form_unreadable", "the certification request could not be read; send one file or text of at most %[1]d octets", maxCSR)
	h, err := c.FormFile("file")
	if err != nil || h.Size == 0 {
		text := c.FormValue("csr")
		if text == "" || len(text) > maxCSR {
			return nil, tooLarge
		}
		return []byte(text), nil
	}
	if h.Size > maxCSR {
		return nil, tooLarge
	}
	f, err := h.Open()
	if err != nil {
		return nil, fmt.Errorf("open uploaded request: %w", err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxCSR))
}

func (d *Desk) pageCertificate(c echo.Context) error {
	id, token, err := session(c)
	if err != nil {
		return err
	}
	i, err := d.Delivered(c.Request().Context(), id, token)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Content-Disposition", `attachment; filename="certificate.pem"`)
	return c.Blob(http.StatusOK, "application/pem-certificate-chain", i.Chain)
}

func (d *Desk) pageBundle(c echo.Context) error {
	id, token, err := session(c)
	if err != nil {
		return err
	}
	b, err := d.Bundle(c.Request().Context(), id, token)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Content-Disposition", `attachment; filename="bundle.json"`)
	return c.Blob(http.StatusOK, "application/json", b)
}

// revokePage is the Data of the page that revokes by code.
type revokePage struct {
	Serial  string
	Reasons []ca.Reason
	Done    *ca.Revoked
	Error   *web.FormError
}

func (d *Desk) pageRevoke(c echo.Context) error {
	return web.Page(c, http.StatusOK, "enroll-revoke", revokePage{Reasons: holderReasons()})
}

func (d *Desk) postRevoke(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	p := revokePage{Serial: v.Get("serial"), Reasons: holderReasons()}
	cert, err := d.RevokeByCode(c.Request().Context(), p.Serial, v.Get("code"), ca.Reason(v.Get("reason")))
	if err != nil {
		if p.Error = web.FormFault(c, err, web.Fields{"serial_malformed": "serial", "revocation_reason_refused": "reason", "": "code"}); p.Error != nil {
			return web.Page(c, p.Error.Status, "enroll-revoke", p)
		}
		return err
	}
	p.Serial, p.Done = cert.Serial, cert.Revoked
	return web.Page(c, http.StatusOK, "enroll-revoke", p)
}

// pageExport is the export as one would read it.
func (d *Desk) pageExport(c echo.Context) error {
	id, token, err := session(c)
	if err != nil {
		return err
	}
	e, err := d.Export(c.Request().Context(), id, token)
	if err != nil {
		if told := web.FormFault(c, err); told != nil {
			return d.showApplication(c, told)
		}
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return web.Page(c, http.StatusOK, "enroll-export", e)
}

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

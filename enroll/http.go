package enroll

import (
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
	d.routesSteps(e)
}

// startPage is the Data of the page that opens an application.
type startPage struct {
	Form
	SignIn bool // the policy has certificates for signing in
	Held   bool // the service offers to hold the key
	Error  *web.FormError
}

func (d *Desk) newStart(f Form, told *web.FormError) startPage {
	_, signIn := d.Policy.Rules(ca.NaturalAuth)
	return startPage{f, signIn, d.offersHeld(ca.NaturalSign), told}
}

// startFields are the fields of that page that faults speak of.
var startFields = web.Fields{
	"national_code_invalid": "national_code", "birth_date_invalid": "birth_date", "birth_date_future": "birth_date", "mobile_invalid": "mobile",
	"names_latin_invalid": "names_latin", "legal_id_invalid": "legal_id", "legal_id_misplaced": "legal_id", "application_profile": "natural", "key_home_unoffered": "home-software",
}

func (d *Desk) pageStart(c echo.Context) error {
	return web.Page(c, http.StatusOK, "enroll-start", d.newStart(Form{Profile: ca.NaturalSign, Home: evidence.KeyHome(c.QueryParam("home"))}, nil))
}

func (d *Desk) postStart(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	f := Form{Profile: v.Get("profile"), Home: evidence.KeyHome(v.Get("home")), Locale: web.Lang(c.Request().Context()), Person: Person{
		NationalCode: v.Get("national_code"), BirthDate: v.Get("birth_date"), Mobile: v.Get("mobile"),
		NamesLatin: v.Get("names_latin"), LegalID: v.Get("legal_id"),
	}}
	a, token, err := d.Create(c.Request().Context(), f)
	if err != nil {
		if told := web.FormFault(c, err, startFields); told != nil {
			return web.Page(c, told.Status, "enroll-start", d.newStart(f, told))
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
	Waits      []string // for whom, in the reader's words
	Homes      []string // where the key may live: each has its entry on the page
	Portal     string
	Revocation string // code, while it is handed out
	Held       *heldChoice
	Error      *web.FormError
}

// Erasable reports whether the page offers to erase the application.
func (p applicationPage) Erasable() bool { return p.Stage.erasable() }

// homesShown are the homes that the page offers for the key of an application:
// the browser, software or a device of the applicant's own, another client; or
// the service's HSM alone, if the application is for a key there.
func (d *Desk) homesShown(a Application) []string {
	if a.Home == evidence.HSM {
		return []string{"held"}
	}
	homes := []string{"browser", "own"}
	if len(d.clients(a.Profile)) > 0 {
		homes = append(homes, "client")
	}
	return homes
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
	p.Steps, p.Waits, p.Homes, p.Portal = p.milestones(), d.waits(c, p.State), d.homesShown(a), d.Audience
	if p.Held, err = d.heldChoice(c, a); err != nil {
		return err
	}
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

package signin

import (
	"context"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
	"mohr/internal/session"
	"mohr/internal/store"
	"mohr/internal/web"
)

// Paths that other rooms link to.
const (
	Path        = "/signin"
	OutPath     = "/signin/out"
	DevicesPath = "/my/devices"
	confirmPath = "/signin/confirm"
)

// Routes hangs this room's pages and operations on s.
func (d *Desk) Routes(s *web.Server) {
	e := s.Echo
	e.GET(Path, d.pageSignIn)
	e.POST("/signin/statement", d.postStatement)
	e.POST(OutPath, d.postOut)
	e.GET(certificatePath, d.getCertificate)
	e.GET(showPath, d.getShow)
	e.GET(shownPath, d.getShown)
	e.GET("/signin/eid", d.getLogin)
	e.GET(LoginPath, d.getLoggedIn)
	e.POST("/signin/passkey/options", d.postPasskeyOptions)
	e.POST("/signin/passkey", d.postPasskey)
	e.GET(confirmPath, d.pageConfirm)
	e.POST("/signin/confirm/statement", d.postConfirm)
	e.GET("/signin/confirm/nonce", d.getConfirmNonce)
	e.POST("/signin/confirm/passkey/options", d.postConfirmOptions)
	e.POST("/signin/confirm/passkey", d.postConfirmPasskey)
	e.GET(DevicesPath, d.pageDevices)
	e.POST("/my/devices/end", d.postEnd)
	e.GET("/my/passkeys/new", d.pageNewPasskey)
	e.POST("/my/passkeys/options", d.postNewOptions)
	e.POST("/my/passkeys", d.postNewPasskey)
	e.POST("/my/passkeys/remove", d.postRemovePasskey)
	web.Handle(s, web.Operation{Method: http.MethodGet, Path: "/signin/nonce", ID: "signin-nonce", Tag: "signin",
		Summary: "What a statement that signs in has to say: a fresh nonce, the audience"}, d.getNonce)
}

// SignInChallenge is what a statement has to say beside the holder's own part.
type SignInChallenge struct {
	Type     string `json:"type" doc:"type of the statement, and typ of the JWS"`
	Audience string `json:"aud" doc:"whom the statement is for"`
	Nonce    string `json:"nonce" doc:"good once, for ten minutes"`
}

type nonceOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         SignInChallenge
}

func (d *Desk) getNonce(context.Context, *struct{}) (*nonceOutput, error) {
	return &nonceOutput{CacheControl: "no-store", Body: SignInChallenge{StatementType, d.Audience, d.Nonces.New(NoncePurpose)}}, nil
}

// Ask sends the browser to the page that signs in, and from there back to the
// page it wanted; what it wanted to send is not sent again.
func (d *Desk) Ask(c echo.Context) error {
	to := Home
	if c.Request().Method == http.MethodGet {
		to = Local(c.Request().URL.RequestURI())
	}
	return c.Redirect(http.StatusSeeOther, Path+"?"+url.Values{"to": {to}}.Encode())
}

// Page gives h who is signed in; who is not is asked to sign in first.
func (d *Desk) Page(h func(echo.Context, Who) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		who, err := d.Who(c.Request().Context(), c.Request())
		if fault.Code(err) == "session_none" {
			return d.Ask(c)
		}
		if err != nil {
			return err
		}
		return h(c, who)
	}
}

// signInPage is the Data of the page that signs in.
type signInPage struct {
	Audience, To string
	EID, TLS     bool // offered
	Error        *web.FormError
}

func (d *Desk) pageSignIn(c echo.Context) error { return d.showSignIn(c, c.QueryParam("to"), nil) }

func (d *Desk) showSignIn(c echo.Context, to string, told *web.FormError) error {
	status := http.StatusOK
	if told != nil {
		status = told.Status
	}
	return web.Page(c, status, "signin", signInPage{d.Audience, Local(to), d.EID != nil, d.MTLS != "", told})
}

// pasted are the fields of the forms into which a statement is pasted: faults of
// other ways to sign in are about none.
func pasted(c echo.Context) web.Fields {
	if c.Request().PostForm.Has("statement") {
		return web.Fields{"": "statement"}
	}
	return nil
}

// refuse shows the page that signs in again, with what was wrong.
func (d *Desk) refuse(c echo.Context, to string, err error) error {
	if told := web.FormFault(c, err, pasted(c)); told != nil {
		return d.showSignIn(c, to, told)
	}
	return err
}

func (d *Desk) postStatement(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if err := d.Gate.Pass(ctx); err != nil {
		return d.refuse(c, v.Get("to"), err)
	}
	h, err := d.hear(ctx, []byte(v.Get("statement")))
	if err != nil {
		return d.refuse(c, v.Get("to"), err)
	}
	return d.enter(c, h, v.Get("to"))
}

// enter signs in and goes where the browser wanted to go.
func (d *Desk) enter(c echo.Context, h heard, to string) error {
	cookie, err := d.begin(c.Request().Context(), c.Request(), h.signed, h.use)
	if err != nil {
		return d.refuse(c, to, err)
	}
	c.SetCookie(cookie)
	return c.Redirect(http.StatusSeeOther, Local(to))
}

// postOut signs out here, or everywhere. Who is not signed in is out already.
func (d *Desk) postOut(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	who, err := d.Who(ctx, c.Request())
	switch {
	case fault.Code(err) == "session_none":
		err = nil
	case err == nil && v.Get("everywhere") == "yes":
		err = d.Store.Update(ctx, func(tx store.Tx) error {
			return d.signOutEverywhere(tx, signed{Holder: who.Holder, Operator: who.Operator})
		})
	case err == nil:
		err = d.sessions.End(ctx, who.subject(), who.session)
	}
	if err != nil {
		return err
	}
	c.SetCookie(session.Gone())
	c.Response().Header().Set("Clear-Site-Data", `"cache"`)
	return c.Redirect(http.StatusSeeOther, "/")
}

package complaints

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// Routes hangs the API and the pages on s.
func (d *Desk) Routes(s *web.Server) {
	d.routesAPI(s)
	d.routesAnswerPage(s)
	d.routesConsole(s)
	d.routesWriting(s)
	s.Echo.GET("/complaints", d.pageLookup)
	s.Echo.GET("/complaints/qr/:leaf", d.showQR)
	s.Echo.GET("/complaints/:id", d.pageToken)
	s.Echo.POST("/complaints/:id", d.postFollow)
	s.Echo.GET("/businesses", d.pageBusinesses)
	s.Echo.GET("/businesses/:id", d.pageRecord)
}

// confirmPage is the Data of the page that asks for the code.
type confirmPage struct {
	ID, Token, Contact string
	Error              *web.FormError
}

// pageLookup leads from a number to the page of a complaint. The number is no
// secret; the code is typed there, into a form that is posted.
func (d *Desk) pageLookup(c echo.Context) error {
	if id := strings.TrimSpace(c.QueryParam("id")); id != "" {
		return c.Redirect(http.StatusSeeOther, "/complaints/"+url.PathEscape(id))
	}
	return web.Page(c, http.StatusOK, "complaints-follow", followPage{})
}

// followPage is the Data of the page of one complaint: a form for the code
// until Complaints are there, one for each business.
type followPage struct {
	ID         string
	Token      string
	Complaints []Complaint
	Pictures   []Shown
	Error      *web.FormError
}

// CanAdd reports whether another picture is taken.
func (p followPage) CanAdd() bool {
	return len(p.Complaints) > 0 && p.Complaints[0].TextRemoved == "" && len(p.Pictures) < MaxPictures
}

// Lines splits a text for the page, without empty lines.
func (p followPage) Lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

// Step is the name in forms of what the consumer may say.
func (followPage) Step(k Kind) string {
	for name, kind := range steps() {
		if kind == k {
			return name
		}
	}
	return ""
}

// Why reports whether the step needs reasons.
func (followPage) Why(k Kind) bool { return k.needsWords() }

func (d *Desk) pageToken(c echo.Context) error {
	return web.Page(c, http.StatusOK, "complaints-follow", followPage{ID: c.Param("id")})
}

// postFollow shows the complaint to who has its code, after doing what the
// button said.
func (d *Desk) postFollow(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	p := followPage{ID: c.Param("id"), Token: strings.TrimSpace(v.Get("token"))}
	switch do := v.Get("do"); do {
	case "confirm", "resend":
		return d.postConfirm(c, p, do, v)
	case "picture":
		if err = d.sendPicture(c, p.ID, v.Get("number"), holder(p.Token)); err == nil {
			return nil
		}
	case "receipt":
		if err = d.sendReceipt(c, p, ca.BusinessID(v.Get("business"))); err == nil {
			return nil
		}
	default:
		k, ask := steps()[do], false
		if ask = k.final() && !web.Sure(v); ask {
			do = ""
		}
		if err = d.follow(c.Request().Context(), &p, do, v); ask && err == nil {
			return askSure(c, p, k, v)
		}
	}
	if fault.Code(err) == codeUnconfirmed {
		if err := d.goOn(c, p.ID, p.Token); !errors.Is(err, fault.NotFound) {
			return err
		}
		return web.Page(c, http.StatusOK, "complaints-confirm", confirmPage{ID: p.ID, Token: p.Token})
	}
	if err != nil {
		if p.Error = web.FormFault(c, err, followFields(v)); p.Error == nil {
			return err
		}
		// What failed is said above the complaint, which only its token opens.
		if d.follow(c.Request().Context(), &p, "", nil) != nil {
			p.Token = ""
		}
		return web.Page(c, p.Error.Status, "complaints-follow", p)
	}
	return web.Page(c, http.StatusOK, "complaints-follow", p)
}

// followFields are the fields of the forms on the page of a complaint that
// faults speak of: its code, and the words for the step that was asked for.
func followFields(v url.Values) web.Fields {
	why := "why_" + v.Get("business") + "_" + string(steps()[v.Get("do")])
	return web.Fields{codeTokenWrong: "token", "complaint_reasons": why, "complaint_text_invalid": why}
}

// askSure asks once more before what a consumer cannot take back.
func askSure(c echo.Context, p followPage, k Kind, v url.Values) error {
	page := "/complaints/" + url.PathEscape(p.ID)
	return web.Ask(c, web.Question{Text: "complaints.sure." + string(k), About: []string{p.ID}, Action: page, Fields: v, Back: page, Keep: url.Values{"token": {p.Token}}})
}

// sendReceipt sends the receipt.json as a file.
func (d *Desk) sendReceipt(c echo.Context, p followPage, b ca.BusinessID) error {
	f, err := d.ReceiptFile(c.Request().Context(), p.ID, p.Token, b)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Content-Disposition", `attachment; filename="receipt.json"`)
	h.Set("Cache-Control", "no-store")
	return c.JSON(http.StatusOK, f)
}

// showQR shows the address of a leaf's proof in the public log. It is made of
// the request alone, and nothing in it is a secret.
func (d *Desk) showQR(c echo.Context) error {
	png, err := d.qr(c.Param("leaf"))
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "public, max-age=86400, immutable")
	return c.Blob(http.StatusOK, "image/png", png)
}

// follow does the step, "" being none, and reads the complaint.
func (d *Desk) follow(ctx context.Context, p *followPage, do string, v url.Values) (err error) {
	if do != "" {
		// An unknown step has no kind; React says so.
		r := Reaction{Business: ca.BusinessID(v.Get("business")), Kind: steps()[do], Text: v.Get("why")}
		if _, err := d.React(ctx, p.ID, p.Token, r); err != nil {
			return err
		}
	}
	if p.Complaints, err = d.FollowAll(ctx, p.ID, p.Token); err != nil {
		return err
	}
	p.Pictures, err = d.pictures(ctx, p.ID, holder(p.Token))
	return err
}

// postConfirm files a draft with its code, or sends another code.
func (d *Desk) postConfirm(c echo.Context, p followPage, do string, v url.Values) error {
	ctx, again := c.Request().Context(), confirmPage{ID: p.ID, Token: p.Token, Contact: v.Get("contact")}
	var t Ticket
	var err error
	if do == "resend" {
		err = d.ResendCode(ctx, p.ID, p.Token)
	} else {
		t, err = d.Confirm(ctx, p.ID, p.Token, v.Get("code"))
	}
	if err != nil {
		if again.Error = web.FormFault(c, err, web.Fields{"": "code"}); again.Error == nil {
			return err
		}
		return web.Page(c, again.Error.Status, "complaints-confirm", again)
	}
	if do == "resend" {
		return web.Page(c, http.StatusOK, "complaints-confirm", again)
	}
	return web.Page(c, http.StatusCreated, "complaints-filed", t)
}

// businessesPage is the Data of the page that asks for a business.
type businessesPage struct {
	ID    string
	Error *web.FormError
}

func (d *Desk) pageBusinesses(c echo.Context) error {
	p := businessesPage{ID: c.QueryParam("id")}
	if p.ID == "" {
		return web.Page(c, http.StatusOK, "complaints-businesses", p)
	}
	b, err := ca.ParseBusinessID(strings.TrimSpace(p.ID))
	if err != nil {
		if p.Error = web.FormFault(c, err, web.Fields{"": "id"}); p.Error == nil {
			return err
		}
		return web.Page(c, p.Error.Status, "complaints-businesses", p)
	}
	return c.Redirect(http.StatusSeeOther, "/businesses/"+url.PathEscape(string(b)))
}

func (d *Desk) pageRecord(c echo.Context) error {
	b, err := ca.ParseBusinessID(c.Param("id"))
	if err != nil {
		return errNotPublic() // a page of nobody, not a form to mend
	}
	ctx := c.Request().Context()
	r, s, err := d.visibleSheet(ctx, b, web.PeerCertificate(ctx))
	if err != nil {
		return err
	}
	if !r.Published {
		return web.Page(c, http.StatusOK, "complaints-record", recordPage{r, s})
	}
	return web.KeptPage(c, http.StatusOK, "complaints-record", recordPage{r, s})
}

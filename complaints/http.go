package complaints

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/web"
)

// Routes hangs the API and the pages on s.
func (d *Desk) Routes(s *web.Server) {
	d.routesAPI(s)
	s.Echo.GET("/complaints/new", d.pageNew)
	s.Echo.POST("/complaints/new", d.postNew)
	s.Echo.GET("/complaints", d.pageLookup)
	s.Echo.GET("/complaints/:id", d.pageToken)
	s.Echo.POST("/complaints/:id", d.postFollow)
	s.Echo.GET("/businesses", d.pageBusinesses)
	s.Echo.GET("/businesses/:id", d.pageRecord)
}

// newPage is the Data of the form that files a complaint. It keeps what was
// typed, as it was typed.
type newPage struct {
	Filing
	Amount     string
	Categories []Category
	Error      *web.FormError
}

func (d *Desk) pageNew(c echo.Context) error {
	p := newPage{Filing: Filing{Key: NewKey(), Business: c.QueryParam("business")}, Categories: Categories()}
	return web.Page(c, http.StatusOK, "complaints-new", p)
}

func (d *Desk) postNew(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	p := readForm(v)
	t, err := d.File(c.Request().Context(), p.Filing)
	if err != nil {
		if fault.Code(err) == "complaint_business_unknown" { // keep what was typed
			err = errBusinessUnknown(fault.Invalid)
		}
		if p.Error = web.FormFault(c, err); p.Error == nil {
			return err
		}
		if code := fault.Code(err); code == "complaint_key_invalid" || code == "complaint_key_reused" {
			p.Key = NewKey()
		}
		return web.Page(c, p.Error.Status, "complaints-new", p)
	}
	return web.Page(c, http.StatusCreated, "complaints-filed", t)
}

// readForm reads the form as it is; File judges it. An amount that is no
// number is an impossible one.
func readForm(v url.Values) newPage {
	p := newPage{Amount: v.Get("amount"), Categories: Categories(), Filing: Filing{
		Key: v.Get("key"), Business: v.Get("business"), Category: Category(v.Get("category")), Text: v.Get("text"),
		Purchase: Purchase{Order: v.Get("order"), Day: v.Get("day"), Rials: -1},
		Contact:  Contact{Mobile: v.Get("mobile"), Email: v.Get("email")},
	}}
	digits := strings.NewReplacer(",", "", "٬", "", " ", "").Replace(i18n.FoldDigits(p.Amount))
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		p.Purchase.Rials = n
	}
	return p
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
// until Complaint is there.
type followPage struct {
	ID        string
	Token     string
	Complaint *Complaint
	Error     *web.FormError
}

// Lines splits a text for the page, without empty lines.
func (p followPage) Lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

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
	p, ctx := followPage{ID: c.Param("id"), Token: strings.TrimSpace(v.Get("token"))}, c.Request().Context()
	do := map[string]func() (Complaint, error){
		"":         func() (Complaint, error) { return d.Follow(ctx, p.ID, p.Token) },
		"withdraw": func() (Complaint, error) { return d.Withdraw(ctx, p.ID, p.Token) },
		"dispute":  func() (Complaint, error) { return d.Dispute(ctx, p.ID, p.Token) },
	}[v.Get("do")]
	if do == nil {
		return fault.New(fault.Invalid, "complaint_step_unknown", "there is no such step; go back to the complaint and use its buttons")
	}
	done, err := do()
	if err != nil {
		if p.Error = web.FormFault(c, err); p.Error == nil {
			return err
		}
		p.Token = ""
		return web.Page(c, p.Error.Status, "complaints-follow", p)
	}
	p.Complaint = &done
	return web.Page(c, http.StatusOK, "complaints-follow", p)
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
		if p.Error = web.FormFault(c, err); p.Error == nil {
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
	r, err := d.Visible(ctx, b, web.PeerCertificate(ctx))
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "complaints-record", recordPage{Record: r})
}

package complaints

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/complaints/picture"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// Paths of writing a complaint, one page a step.
const (
	writingRoute         = "/complaints/drafts/:id/:step"
	writingPicturesRoute = "/complaints/drafts/:id/pictures"
)

func (d *Desk) routesWriting(s *web.Server) {
	d.writers = web.NewGate(1, 20)
	s.TakeUpTo(writingPicturesRoute, picture.MaxOctets+pictureFrame)
	s.Echo.GET("/complaints/new", d.pageNew)
	s.Echo.POST("/complaints/new", d.postNew)
	s.Echo.GET(writingRoute, d.pageWriting)
	s.Echo.POST(writingRoute, d.postWriting)
	s.Echo.POST(writingPicturesRoute, d.postWaiting)
	s.Echo.POST(writingPicturesRoute+"/remove", d.postDropWaiting)
	s.Echo.GET(writingPicturesRoute+"/:number", d.getWaiting)
}

// writingPage is the Data of the pages of writing a complaint. What was typed
// and is refused is shown again as it was typed.
type writingPage struct {
	Written
	Step     step
	Token    string // of who writes
	Preset   string // business that the link to the first page named
	Amount   string
	Question string // what was searched for, and what was found for it
	Means    []Candidate
	Asked    bool
	Pictures []Shown
	Sent     bool // another code was, just now
	Error    *web.FormError
}

// Categories are the kinds of matters, for the form.
func (writingPage) Categories() []Category { return Categories() }

// Mark is one of the steps above the page.
type Mark struct {
	Step step
	Mark string // "done", "now" or ""
	Open bool   // it can be gone to
}

// Marks are the steps above the page.
func (p writingPage) Marks() (list []Mark) {
	now := slices.Index(writingSteps(), p.Step)
	for i, s := range writingSteps() {
		m := Mark{Step: s, Open: p.ID != "" && i != now && p.open(s)}
		if i == now {
			m.Mark = "now"
		} else if i < now {
			m.Mark = "done"
		}
		list = append(list, m)
	}
	return list
}

// Before is the step before this one, "" for the first.
func (p writingPage) Before() step {
	if i := slices.Index(writingSteps(), p.Step); i > 0 {
		return writingSteps()[i-1]
	}
	return ""
}

// Lines splits a text for the page, without empty lines.
func (writingPage) Lines(text string) []string { return followPage{}.Lines(text) }

// CanName reports whether one more business can be named.
func (p writingPage) CanName() bool { return len(p.Businesses) <= maxAlso }

// CanAdd reports whether another picture is taken.
func (p writingPage) CanAdd() bool { return len(p.Pictures) < MaxPictures }

// Several reports whether the businesses are more than one.
func (p writingPage) Several() bool { return len(p.Businesses) > 1 }

// writingCookie holds the code of what is being written in the browser, until
// the browser ends or it is filed.
func writingCookie(id, token string) *http.Cookie {
	return &http.Cookie{Name: "__Host-mohr-" + id, Value: token, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

func writingPath(id string, s step) string {
	return "/complaints/drafts/" + url.PathEscape(id) + "/" + string(s)
}

// goTo sends the browser to a step, so that going back shows a page and sends
// nothing again.
func goTo(c echo.Context, id string, s step) error {
	return c.Redirect(http.StatusSeeOther, writingPath(id, s))
}

// writingFields are the fields of the steps' forms that faults speak of.
func writingFields() web.Fields {
	return web.Fields{
		"legal_id_invalid": "q", "complaint_business_unknown": "q", "complaint_too_many_businesses": "q", "complaint_business_none": "q", "complaint_category_unknown": "category",
		"complaint_order_invalid": "order", "complaint_day_invalid": "day", "complaint_amount_invalid": "amount", "complaint_text_invalid": "text",
		"mobile_invalid": "mobile", "complaint_mobile_needed": "mobile", "complaint_contact_invalid": "mobile",
	}
}

// show shows the page, with what is wrong with what was sent if err is the
// reader's to mend.
func (p writingPage) show(c echo.Context, err error) error {
	status := http.StatusOK
	if err != nil {
		if fault.Code(err) == "complaint_business_unknown" { // a field to mend
			err = errBusinessUnknown(fault.Invalid)
		}
		if p.Error = web.FormFault(c, err, writingFields()); p.Error == nil {
			return err
		}
		status = p.Error.Status
	}
	return web.Page(c, status, "complaints-new", p)
}

func (d *Desk) pageNew(c echo.Context) error {
	return writingPage{Written: Written{Key: NewKey()}, Step: stepMatter, Preset: c.QueryParam("business")}.show(c, nil)
}

// postNew keeps the first answer, and the business that the link named if
// there is such a one.
func (d *Desk) postNew(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	p := writingPage{Written: Written{Key: v.Get("key"), Lang: web.Lang(ctx), Category: Category(v.Get("category"))}, Step: stepMatter, Preset: v.Get("business")}
	if err := d.writers.Pass(ctx); err != nil {
		return p.show(c, err)
	}
	w := p.Written
	if b, err := ca.ParseBusinessID(strings.TrimSpace(p.Preset)); err == nil && d.exists(ctx, b) == nil {
		w.Businesses = []Candidate{{Business: b, Name: d.nameOf(ctx, b)}}
	}
	id, token, err := d.beginWriting(ctx, w)
	if err != nil {
		if code := fault.Code(err); code == "complaint_key_invalid" || code == "complaint_key_reused" {
			p.Key = NewKey()
		}
		return p.show(c, err)
	}
	c.SetCookie(writingCookie(id, token))
	return goTo(c, id, stepBusiness)
}

// nameOf is the name under which a business can be found, "" if it cannot.
func (d *Desk) nameOf(ctx context.Context, b ca.BusinessID) string {
	if d.Find == nil {
		return ""
	}
	list, err := d.Find(ctx, string(b))
	if err != nil {
		return ""
	}
	for _, f := range list {
		if f.Business == b {
			return f.Name
		}
	}
	return ""
}

// held opens what the browser writes. shown is true when the page that asks
// for the code was shown, or where it led: another browser is given it there.
func (d *Desk) held(c echo.Context) (p writingPage, shown bool, err error) {
	id := c.Param("id")
	cookie, missing := c.Cookie(writingCookie(id, "").Name)
	if missing != nil {
		return p, true, web.Page(c, http.StatusOK, "complaints-follow", followPage{ID: id})
	}
	ctx := c.Request().Context()
	p.Token = cookie.Value
	if p.Written, err = d.written(ctx, id, p.Token); err != nil {
		if _, filed := d.filed(ctx, id, p.Token); filed == nil {
			return p, true, web.Page(c, http.StatusOK, "complaints-follow", followPage{ID: id})
		}
		return p, false, err
	}
	if p.Purchase.Rials > 0 {
		p.Amount = strconv.FormatInt(p.Purchase.Rials, 10)
	}
	p.Pictures, err = d.waitingFor(ctx, id, p.Token)
	return p, false, err
}

func (d *Desk) pageWriting(c echo.Context) error {
	p, shown, err := d.held(c)
	if shown || err != nil {
		return err
	}
	p.Step = step(c.Param("step"))
	if !slices.Contains(writingSteps(), p.Step) {
		return echo.ErrNotFound
	}
	if !p.open(p.Step) {
		return goTo(c, p.ID, p.Lacks())
	}
	if p.Step == stepBusiness {
		if p.Question = strings.TrimSpace(c.QueryParam("q")); p.Question != "" {
			p.Asked = true
			p.Means, err = d.means(c.Request().Context(), p.Question)
		}
	}
	return p.show(c, err)
}

// postWaiting adds a picture to what is being written.
func (d *Desk) postWaiting(c echo.Context) error {
	ctx := c.Request().Context()
	if err := d.uploads.Pass(ctx); err != nil {
		return err
	}
	p, shown, err := d.held(c)
	if shown || err != nil {
		return err
	}
	p.Step = stepPictures
	_, file, err := uploaded(c)
	if err == nil {
		var clean picture.Picture
		if clean, err = picture.Clean(file); err == nil {
			err = d.addWaiting(ctx, p.ID, p.Token, clean)
		}
	}
	if err != nil {
		return p.show(c, err)
	}
	return goTo(c, p.ID, stepPictures)
}

// getWaiting shows a picture of what is being written to the browser that
// writes it.
func (d *Desk) getWaiting(c echo.Context) error {
	id := c.Param("id")
	cookie, err := c.Cookie(writingCookie(id, "").Name)
	if err != nil {
		return errPictureUnknown()
	}
	n, err := strconv.Atoi(c.Param("number"))
	if err != nil {
		return errPictureUnknown()
	}
	s, octets, err := d.waitingPicture(c.Request().Context(), id, cookie.Value, n)
	if err != nil {
		return err
	}
	return s.Send(c, octets)
}

func (d *Desk) postDropWaiting(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	p, shown, err := d.held(c)
	if shown || err != nil {
		return err
	}
	n, err := strconv.Atoi(v.Get("number"))
	if err == nil {
		err = d.dropWaiting(c.Request().Context(), p.ID, p.Token, n)
	} else {
		err = errPictureForm()
	}
	if p.Step = stepPictures; err != nil {
		return p.show(c, err)
	}
	return goTo(c, p.ID, stepPictures)
}

// goOn leads who opened a complaint that is being written, with its code, to
// the step that is next; NotFound if it is none of those.
func (d *Desk) goOn(c echo.Context, id, token string) error {
	w, err := d.written(c.Request().Context(), id, token)
	if err != nil {
		return err
	}
	c.SetCookie(writingCookie(id, token))
	return goTo(c, id, w.Lacks())
}

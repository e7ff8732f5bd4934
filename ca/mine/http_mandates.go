package mine

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"mohr/ca/evidence"
	"mohr/ca/mandate"
	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// routesMandates hangs the pages of who acts for an organisation. A page shows
// and prepares; a statement signed by a key does.
func (d *Desk) routesMandates(e *echo.Echo) {
	e.GET("/my/mandates", d.SignIn.Page(d.pageMandates))
	e.GET("/my/mandates/of", d.SignIn.Page(d.pageMandatesOf))
	e.GET("/my/mandates/new", d.SignIn.Page(d.pageMandateNew))
	e.POST("/my/mandates/new", d.SignIn.Page(d.postMandateNew))
	e.GET("/my/mandates/:id/join", d.SignIn.Page(d.pageMandateJoin))
	e.GET("/my/mandates/:id/end", d.SignIn.Page(d.pageMandateEnd))
	e.POST("/my/mandates", d.SignIn.Page(d.postMandate))
}

// mandatesPage is the Data of the pages that list mandates.
type mandatesPage struct {
	Business string // of who signed in for one; "" else
	mandate.Shown
	Error *web.FormError
}

// Live reports whether the mandate can be ended.
func (mandatesPage) Live(l mandate.Listing) bool {
	return slices.Contains([]mandate.State{mandate.Proposed, mandate.Granted, mandate.Coming}, l.State)
}

func (d *Desk) pageMandates(c echo.Context, who signin.Who) error {
	if who.Holder == "" {
		return errNoPerson()
	}
	list, err := d.Mandates.Own(c.Request().Context(), seer(who))
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "mine-mandates", mandatesPage{Business: string(who.Business), Shown: mandate.Shown{Mandates: list}})
}

// shownMandates asks for the proof where it is missing; done: it has answered.
func (d *Desk) shownMandates(c echo.Context, who signin.Who, legalID string) (shown mandate.Shown, done bool, err error) {
	id, err := evidence.ParseLegalID(legalID)
	if err != nil {
		return shown, false, err
	}
	shown, err = d.MandatesOf(c.Request().Context(), who, id)
	if fault.Code(err) != "confirm_needed" {
		return shown, false, err
	}
	return shown, true, d.SignIn.AskConfirm(c, mandatesPurpose(id), c.Request().URL.RequestURI())
}

func (d *Desk) pageMandatesOf(c echo.Context, who signin.Who) error {
	shown, done, err := d.shownMandates(c, who, c.QueryParam("legal_id"))
	if done {
		return err
	}
	if err != nil {
		if told := web.FormFault(c, err, web.Fields{"": "legal_id"}); told != nil {
			return web.Page(c, told.Status, "mine-mandates", mandatesPage{Business: string(who.Business), Error: told})
		}
		return err
	}
	return web.Page(c, http.StatusOK, "mine-mandates-of", mandatesPage{Shown: shown})
}

// newMandatePage is the Data of the page with the form of a new mandate.
type newMandatePage struct {
	mandateForm
	All   []mandate.Scope
	Lives []int
	Error *web.FormError
}

// Has reports whether the form has the scope.
func (p newMandatePage) Has(s mandate.Scope) bool { return slices.Contains(p.Scopes, s) }

func (d *Desk) pageMandateNew(c echo.Context, who signin.Who) error {
	shown, done, err := d.shownMandates(c, who, c.QueryParam("legal_id"))
	if done || err != nil {
		return err
	}
	f := mandateForm{LegalID: shown.LegalID, Under: shown.Under, Days: "365"}
	return web.Page(c, http.StatusOK, "mine-mandate-new", newMandatePage{mandateForm: f, All: mandate.Scopes(), Lives: lives})
}

// postMandateNew shows what is to be signed: nothing of it is in an address.
func (d *Desk) postMandateNew(c echo.Context, _ signin.Who) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	f := mandateForm{LegalID: v.Get("legal_id"), NationalCode: v.Get("national_code"), Title: v.Get("title"), Delegate: v.Get("delegate") == "yes", Under: mandate.ID(v.Get("under")), Days: v.Get("days")}
	for _, s := range v["scope"] {
		f.Scopes = append(f.Scopes, mandate.Scope(s))
	}
	t, err := d.terms(f)
	if err != nil {
		if told := web.FormFault(c, err, web.Fields{"national_code_invalid": "national_code", "mine_mandate_days": "days", "": "title"}); told != nil {
			return web.Page(c, told.Status, "mine-mandate-new", newMandatePage{f, mandate.Scopes(), lives, told})
		}
		return err
	}
	return d.showTerms(c, t, "")
}

// signPage is the Data of the page on which a mandate is signed, or its end.
type signPage struct {
	toSign
	Terms   *mandate.GrantTerms // of a mandate to be given
	Ending  *mandate.Ending     // of one to be ended
	Reason  mandate.Reason      // of the end
	LegalID string
}

func (d *Desk) showTerms(c echo.Context, t mandate.GrantTerms, joins mandate.ID) error {
	s, err := d.signTerms(t, joins)
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "mine-mandate-sign", signPage{toSign: s, Terms: &t, LegalID: t.LegalID})
}

// pageMandateJoin shows what another has signed, to who signs jointly.
func (d *Desk) pageMandateJoin(c echo.Context, who signin.Who) error {
	shown, done, err := d.shownMandates(c, who, c.QueryParam("legal_id"))
	if done || err != nil {
		return err
	}
	id := mandate.ID(c.Param("id"))
	i := slices.IndexFunc(shown.Mandates, func(l mandate.Listing) bool { return l.ID == id && l.State == mandate.Proposed })
	if i < 0 {
		return fault.New(fault.NotFound, "mine_mandate_settled", "no such mandate waits for a signature; look at the list")
	}
	return d.showTerms(c, shown.Mandates[i].Terms, id)
}

// endPage is the Data of the page that asks what a revocation takes along.
type endPage struct {
	ID      mandate.ID
	LegalID string
	Reasons []mandate.Reason
	Error   *web.FormError
}

// pageMandateEnd asks how a mandate is to end, then shows what ends with it:
// that is what is signed.
func (d *Desk) pageMandateEnd(c echo.Context, who signin.Who) error {
	p := endPage{ID: mandate.ID(c.Param("id")), LegalID: c.QueryParam("legal_id"), Reasons: mandate.Reasons()}
	reason := mandate.Reason(c.QueryParam("reason"))
	if !slices.Contains(p.Reasons, reason) {
		return web.Page(c, http.StatusOK, "mine-mandate-end", p)
	}
	if who.Holder == "" {
		return errNoPerson()
	}
	choice := mandate.Choice{Mandate: p.ID, Given: c.QueryParam("given") == "yes", Certificates: c.QueryParam("certificates") == "yes"}
	plan, err := d.Mandates.PlanShown(c.Request().Context(), seer(who), choice)
	if err != nil {
		if p.Error = web.FormFault(c, err); p.Error != nil {
			return web.Page(c, p.Error.Status, "mine-mandate-end", p)
		}
		return err
	}
	s, err := d.signEnding(plan, reason)
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "mine-mandate-sign", signPage{toSign: s, Ending: &plan, Reason: reason, LegalID: p.LegalID})
}

// toldPage is the Data of the page that says what became of a statement.
type toldPage struct {
	mandate.Mandate
	State   mandate.State
	LegalID string
	Error   *web.FormError
}

// postMandate takes what was signed: the signature, and not the session, says
// who does it.
func (d *Desk) postMandate(c echo.Context, _ signin.Who) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	p := toldPage{LegalID: v.Get("legal_id")}
	p.Mandate, err = d.deed(c.Request().Context(), v.Get("type"), []byte(v.Get("statement")))
	if err != nil {
		if p.Error = web.FormFault(c, err); p.Error == nil {
			return err
		}
		return web.Page(c, p.Error.Status, "mine-mandate-told", p)
	}
	p.State = p.Mandate.At(d.now())
	return web.Page(c, http.StatusOK, "mine-mandate-told", p)
}

// listAt is the address of the list of an organisation.
func listAt(legalID string) string {
	return "/my/mandates/of?" + url.Values{"legal_id": {legalID}}.Encode()
}

// List is the address that the page leads back to.
func (p signPage) List() string { return listAt(p.LegalID) }

// List is the address that the page leads back to.
func (p toldPage) List() string { return listAt(p.LegalID) }

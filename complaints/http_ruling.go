package complaints

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// rulingPage is the Data of the page on which an officer rules: a form, and
// once it is filled in what he signs.
type rulingPage struct {
	Case   Case
	Ruling Ruling
	Ready  bool
	After  Complaint // what it would become
	Sign   web.ToSign
	Error  *web.FormError
}

// Reasons are those that the kind can have.
func (p rulingPage) Reasons() []string { return Reasons(p.Ruling.Kind) }

// Outcomes are those of a decision.
func (rulingPage) Outcomes() []Outcome { return []Outcome{ForConsumer, ForBoth, ForBusiness} }

// Decides reports whether an outcome is said.
func (p rulingPage) Decides() bool {
	return p.Ruling.Kind == KindDecided || p.Ruling.Kind == KindAppealGranted && p.Case.Outcome != ""
}

// Refers reports whether another complaint is named.
func (p rulingPage) Refers() bool {
	return p.Ruling.Kind == KindDuplicate || p.Ruling.Kind == KindMerged
}

// Moves reports whether another business is named.
func (p rulingPage) Moves() bool { return p.Ruling.Kind == KindMoved }

// Lines splits a text for the page.
func (rulingPage) Lines(text string) []string { return followPage{}.Lines(text) }

// path is the page's own address.
func (p rulingPage) path() string {
	return "/console/complaints/" + url.PathEscape(p.Case.ID) + "/ruling"
}

// Query leads back to the form.
func (p rulingPage) Query() string {
	return url.Values{"business": {string(p.Case.Business)}, "kind": {string(p.Ruling.Kind)}}.Encode()
}

func readRuling(v url.Values) Ruling {
	get := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	return Ruling{
		Business: ca.BusinessID(get("business")), Kind: Kind(get("kind")), Reason: get("reason"), Outcome: Outcome(get("outcome")),
		Of: get("of"), To: ca.BusinessID(get("to")), Text: strings.ReplaceAll(get("text"), "\r\n", "\n"),
	}
}

// fields are the ruling again, for the form with its signature.
func (r SignedRuling) fields() []web.Hidden {
	return []web.Hidden{
		{Name: "business", Value: string(r.Business)}, {Name: "kind", Value: string(r.Kind)}, {Name: "reason", Value: r.Reason}, {Name: "outcome", Value: string(r.Outcome)},
		{Name: "of", Value: r.Of}, {Name: "to", Value: string(r.To)}, {Name: "text", Value: r.Text}, {Name: "events", Value: strconv.Itoa(r.Events)},
	}
}

// rulingFields are the fields of the form that faults speak of.
func rulingFields() web.Fields {
	return web.Fields{
		"complaint_aside_reason": "reason", "complaint_ruling_other": "of", "complaint_other_unfit": "of", "complaint_ruling_words": "text", "complaint_text_invalid": "text",
		"complaint_outcome": "outcome", "complaint_business_unknown": "to", "legal_id_invalid": "to",
	}
}

func (d *Desk) consoleRuling(c echo.Context) error {
	return d.showRuling(c, rulingPage{Ruling: readRuling(c.QueryParams())}, nil)
}

// showRuling shows the form, with what is wrong with it if err is the
// officer's to mend.
func (d *Desk) showRuling(c echo.Context, p rulingPage, err error) error {
	if err != nil {
		if p.Error = web.FormFault(c, err, rulingFields()); p.Error == nil {
			return err
		}
	}
	ctx := c.Request().Context()
	if p.Case, err = d.Case(ctx, web.PeerCertificate(ctx), c.Param("id"), p.Ruling.Business); err != nil {
		return err
	}
	if Reasons(p.Ruling.Kind) == nil {
		return fault.New(fault.NotFound, "complaint_ruling_unknown", "an officer cannot do this to a complaint; see the kinds of rulings")
	}
	status := http.StatusOK
	if p.Error != nil {
		status = p.Error.Status
	}
	return web.Page(c, status, "console-ruling", p)
}

// consolePostRuling prepares what is signed, or takes it in once it is.
func (d *Desk) consolePostRuling(c echo.Context) error {
	ctx := c.Request().Context()
	leaf := web.PeerCertificate(ctx)
	if err := d.officer(ctx, leaf); err != nil {
		return err
	}
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	p := rulingPage{Ruling: readRuling(v)}
	if v.Get("statement") == "" {
		return d.readyRuling(c, p, leaf)
	}
	events, _ := strconv.Atoi(v.Get("events")) // nothing is signed for none
	err = d.RuleSigned(ctx, SignedRuling{Complaint: c.Param("id"), Events: events, Ruling: p.Ruling}, approval.Signed{Signature: []byte(v.Get("statement"))})
	if err != nil {
		return d.showRuling(c, p, err)
	}
	return c.Redirect(http.StatusSeeOther, "/console/complaints/"+url.PathEscape(c.Param("id"))+"?business="+url.QueryEscape(string(p.Ruling.Business)))
}

// readyRuling shows what is signed and what would become of the complaint.
func (d *Desk) readyRuling(c echo.Context, p rulingPage, leaf *x509.Certificate) error {
	ctx := c.Request().Context()
	r, after, err := d.PrepareRuling(ctx, leaf, c.Param("id"), p.Ruling)
	if err != nil {
		return d.showRuling(c, p, err)
	}
	m, err := r.matter()
	if err != nil {
		return err
	}
	p.Ready, p.After, p.Ruling = true, after, r.Ruling
	p.Case.Complaint = Complaint{ID: r.Complaint}
	if p.Sign, err = d.approvals.Offer(m, leaf, p.path(), r.fields()); err != nil {
		return err
	}
	return d.showRuling(c, p, nil)
}

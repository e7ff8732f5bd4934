package merchant

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/complaints"
	"mohr/internal/i18n"
	"mohr/internal/web"
)

// choosePage lets somebody who acts for several choose.
type choosePage struct{ Businesses []ca.BusinessID }

// IsSole reports whether it is the visitor as a sole trader.
func (choosePage) IsSole(b ca.BusinessID) bool { return sole(b) }

// place is what every page of a business's desk knows.
type place struct {
	Business ca.BusinessID
	Rights   Rights
	Path     string // of the desk
	Server   string // as commands name it
	Now      time.Time
	Error    *web.FormError
}

// Sole reports whether the business is a sole trader.
func (p place) Sole() bool { return sole(p.Business) }

// Left is how long it is until then.
func (p place) Left(t time.Time) time.Duration { return t.Sub(p.Now) }

// Ago is how long ago that was.
func (p place) Ago(t time.Time) time.Duration { return p.Now.Sub(t) }

// Soon reports whether it is less than a day until then.
func (p place) Soon(t time.Time) bool { return p.Left(t) < 24*time.Hour }

// Lines are the paragraphs of what somebody wrote.
func (place) Lines(text string) []string { return strings.Split(text, "\n") }

// Ahead reports whether that is yet to come.
func (p place) Ahead(t time.Time) bool { return t.After(p.Now) }

// Near reports whether the page warns of the day.
func (p place) Near(day Day) bool { return day.near(p.Now) }

// Next is where what the day asks for is done.
func (p place) Next(day Day) string {
	switch day.What {
	case badge.DueCertificate:
		return "/renew"
	case badge.DueEnds, badge.DueAppeal:
		return day.Path + "#more"
	case badge.DueProof:
		return day.Path + "#proof"
	case badge.DueLicence, badge.DueSite, badge.DueRevoked:
		return day.Path + "#checks"
	}
	return day.Path
}

type overviewPage struct {
	place
	Badges    []badge.Record
	Owed      int
	Late      int
	Near      []Day
	FeedSince time.Time
	Feed      string // a new address, shown once
}

type badgePage struct {
	place
	Record  badge.Record
	Days    []Day
	Renewal time.Time // from when it can be renewed
	Letter  string    // address of the request, if it was signed as a PDF
}

// Checkable reports whether a check now could change anything.
func (p badgePage) Checkable() bool { return p.Record.State.Open() || p.renewing() }

func (p badgePage) renewing() bool {
	return p.Record.Renewal != nil && p.Record.Renewal.Challenge != nil
}

// Proof is what is to be put under the domain; nil for nothing.
func (p badgePage) Proof() *badge.Challenge {
	if p.renewing() {
		return p.Record.Renewal.Challenge
	}
	return p.Record.Challenge
}

// Deeds are what can be asked of the badge now.
func (p badgePage) Deeds() (list []badge.Action) {
	lives := p.Record.State == badge.Active || p.Record.State == badge.Suspended
	if lives && !p.Now.Before(p.Renewal) {
		list = append(list, badge.ActionRenewal)
	}
	if !p.Record.AppealUntil.IsZero() {
		list = append(list, badge.ActionAppeal)
	}
	if p.Record.State.Open() || lives {
		list = append(list, badge.ActionWithdrawal)
	}
	return list
}

// Prepare is the address of the page that prepares the deed.
func (p badgePage) Prepare(a badge.Action) string {
	v := url.Values{"action": {string(a)}, "domain": {p.Record.Domain.ASCII}, "edit": {"1"}}
	if len(p.Record.Licences) > 0 {
		v.Set("licence", p.Record.Licences[0].Type)
	}
	return p.Path + "/badges/new?" + v.Encode()
}

// Embed is a way to show the badge: as it looks now, and what a shop puts on
// its page for it.
type Embed struct {
	What          string // text "merchant.embed." and this
	Preview       string // address of a picture
	Width, Height int    // zero: as it is
	Code          string // "": the picture itself
}

// Embeds are the ways to show the badge, each with its preview, for a reader
// of that language.
func (p badgePage) Embeds(reader string) []Embed {
	at := "/badge/" + string(p.Record.ID)
	frame := fmt.Sprintf(`<iframe src="%s/frame" width="276" height="128"></iframe>`, p.Record.Page)
	list := []Embed{{"frame", at + ".svg?lang=" + reader, 260, 112, frame}}
	for _, lang := range []string{i18n.Persian, i18n.English} {
		query := "?lang=" + lang
		code := fmt.Sprintf(`<a href="%s%s"><img src="%s%s" width="260" height="112" alt=""></a>`, p.Record.Page, query, p.Record.Image, query)
		list = append(list, Embed{lang, at + ".svg" + query, 260, 112, code})
	}
	return append(list, Embed{What: "qr", Preview: at + ".qr.png"})
}

type requestPage struct {
	place
	Wish  wish
	Ready bool // it can be signed
	More  string
}

// Query are the fields, for a link back to the form.
func (p requestPage) Query() string { return p.Wish.values().Encode() }

// field is a hidden one.
type field struct{ Name, Value string }

// Fields are those that come back with the statement: where it is refused the
// same page is shown again.
func (p requestPage) Fields() (list []field) {
	for name, v := range p.Wish.values() {
		list = append(list, field{name, v[0]})
	}
	return list
}

// Command signs and sends the same.
func (p requestPage) Command() string { return p.Wish.command(p.Server, p.Business) }

// maxShown bounds the complaints on one page.
const maxShown = 100

type complaintsPage struct {
	place
	Owed []complaints.Owed
	More int // that are not on the page
}

type complaintPage struct {
	place
	Complaint complaints.Complaint
	Next      time.Time // end of the window that runs; zero: none
	Last      time.Time
	Pictures  []complaints.Shown
	Taken     bool // a statement was taken just now
}

// Signed is what an answer says beside its claims and what is typed.
func (p complaintPage) Signed() (string, error) {
	out, err := json.Marshal(map[string]string{"complaint": p.Complaint.ID})
	return string(out), err
}

type recordPage struct {
	place
	complaints.Own
	Consents bool // it is asked once more whether it may be published
	Taken    bool
}

// figuresView is a record with the view that shows it.
type figuresView struct {
	View   web.View
	Record complaints.Record
}

// Figures is for the part of the page that shows figures.
func (recordPage) Figures(v web.View, r complaints.Record) figuresView { return figuresView{v, r} }

// Asked reports whether a reply can be signed here.
func (p recordPage) Asked() bool { return p.Invitation != nil }

// MayObject reports whether the time to object is not over.
func (p recordPage) MayObject() bool { return p.Invitation != nil && !p.Now.After(p.Invitation.Until) }

// Reasons are those that a business can object for.
func (recordPage) Reasons() []string { return complaints.ObjectionReasons() }

// Signed is what a reply says beside its claims and what is chosen.
func (p recordPage) Signed(reply string) (string, error) {
	out, err := json.Marshal(map[string]string{"business": string(p.Business), "reply": reply})
	return string(out), err
}

// Command signs and sends a reply.
func (p recordPage) Command() string {
	return "mohr complaints reply " + string(p.Business) + " --server " + p.Server + " \\\n  --key holder.key --cert holder.pem --consent   # --object figures_wrong"
}

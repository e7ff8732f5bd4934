package badge

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/i18n"
	"mohr/internal/store"
	"mohr/internal/web"
)

// Record is what the public may know of a badge: in the API, and on its page.
type Record struct {
	ID          ID                   `json:"id"`
	State       State                `json:"state" enum:"checking,waiting,refused,active,suspended,revoked,expired"`
	Why         Why                  `json:"why,omitempty"`
	Business    ca.BusinessID        `json:"business"`
	LegalName   string               `json:"legal_name,omitempty"`
	Domain      Domain               `json:"domain"`
	Licences    []GrantedLicence     `json:"licences,omitempty"`
	Level       int                  `json:"level"`
	Environment evidence.Environment `json:"environment"`
	ReceivedAt  time.Time            `json:"received_at"`
	DecidedAt   time.Time            `json:"decided_at,omitzero"`
	CheckedAt   time.Time            `json:"checked_at,omitzero"`
	ValidFrom   time.Time            `json:"valid_from,omitzero"`
	ValidTo     time.Time            `json:"valid_to,omitzero"`
	Rules       string               `json:"rules,omitempty"`
	WaitingFor  []Party              `json:"waiting_for,omitempty"`
	Findings    []Finding            `json:"findings,omitempty"`
	Challenge   *Challenge           `json:"challenge,omitempty"` // while the request is open
	History     []Change             `json:"history"`
	Complaints  *Headline            `json:"complaints,omitempty"` // once the business's record is public
	RevokesAt   time.Time            `json:"revokes_at,omitzero" doc:"of a suspended badge: when it is revoked if nothing is mended"`
	AppealUntil time.Time            `json:"appeal_until,omitzero" doc:"until when the business can appeal against the state"`
	Appeal      *PublicAppeal        `json:"appeal,omitempty"`
	Renewal     *PublicRenewal       `json:"renewal,omitempty"`
	Waited      Waited               `json:"waited" doc:"seconds that the request waited until it was last checked, and for whom"`
	Page        string               `json:"page"`
	Image       string               `json:"image"`
	Credential  string               `json:"credential,omitempty"` // while the badge is active
}

// PublicAppeal is what the public may know of an appeal.
type PublicAppeal struct {
	At       time.Time     `json:"at"`
	Deadline time.Time     `json:"deadline"`
	Outcome  AppealOutcome `json:"outcome,omitempty"`
	Late     bool          `json:"late,omitempty"`
}

// PublicRenewal is what the public may know of a renewal under way or refused.
type PublicRenewal struct {
	ReceivedAt time.Time  `json:"received_at"`
	Challenge  *Challenge `json:"challenge,omitempty"`
	WaitingFor []Party    `json:"waiting_for,omitempty"`
	Findings   []Finding  `json:"findings,omitempty"`
	Refused    Why        `json:"refused,omitempty"`
}

// Sole reports whether the business is a sole trader, known by an opaque id.
func (r Record) Sole() bool { return isSole(r.Business) }

// Granted reports whether the badge was ever granted.
func (r Record) Granted() bool { return !r.ValidFrom.IsZero() }

// Live reports whether the badge counts now.
func (r Record) Live() bool { return r.State == Active }

// Show returns the public record of a badge as it stands now. A complaint
// record that cannot be read is left out: the badge's own facts stand.
func (d *Desk) Show(ctx context.Context, id ID) (Record, error) {
	var r Record
	err := d.Store.View(ctx, func(tx store.Tx) error {
		b, err := LoadBadge(tx, id)
		if err != nil {
			return err
		}
		b, since, err := b.stands(tx, d.now())
		if err != nil {
			return err
		}
		r = d.public(b)
		if r.History, err = history(tx, id); err == nil && !since.IsZero() {
			r.History = append(r.History, Change{At: since, State: b.State, Why: b.Why})
		}
		return err
	})
	if err != nil {
		return r, err
	}
	r.Complaints = d.headline(ctx, r)
	return r, nil
}

// public is the badge without what is not for the public.
func (d *Desk) public(b Badge) Record {
	page := d.Audience + "/badge/" + string(b.ID)
	r := Record{
		ID: b.ID, State: b.State, Why: b.Why, Business: b.Business, LegalName: b.LegalName, Domain: b.Domain,
		Licences: b.shown(), Level: b.Level, Environment: b.Environment, ReceivedAt: b.ReceivedAt, DecidedAt: b.DecidedAt,
		CheckedAt: b.CheckedAt, ValidFrom: b.ValidFrom, ValidTo: b.ValidTo, Rules: b.Rules,
		WaitingFor: b.WaitingFor, Findings: b.Findings, Page: page, Image: page + ".svg",
	}
	if b.State.Open() {
		r.Challenge = &b.Challenge
	}
	d.publicLife(&r, b)
	if b.State == Active {
		r.Credential = page + ".jwt"
	}
	return r
}

// shown are the licences; records of before there were several have one.
func (b Badge) shown() []GrantedLicence {
	if len(b.Licences) == 0 && b.Licence != nil {
		return []GrantedLicence{*b.Licence}
	}
	return b.Licences
}

// publicLife fills in what the badge's life has brought.
func (d *Desk) publicLife(r *Record, b Badge) {
	now := d.now()
	r.Waited = b.Waited
	r.RevokesAt = b.revokesAt(d.Rules)
	if a := b.Appeal; a != nil {
		r.Appeal = &PublicAppeal{At: a.At, Deadline: a.Deadline, Outcome: a.Outcome, Late: a.open() && now.After(a.Deadline)}
	}
	if b.appealable(d.Rules, now) == nil {
		r.AppealUntil = b.StateAt.Add(d.Rules.AppealWithin)
	}
	if n := b.Renewal; n != nil {
		r.Renewal = &PublicRenewal{ReceivedAt: n.ReceivedAt, WaitingFor: n.WaitingFor, Findings: n.Findings, Refused: n.Refused}
		if n.open() {
			r.Renewal.Challenge = &n.Challenge
		}
	}
}

// hint says where a reader seems to come from. It is the Referer's word, no
// proof of anything.
type hint string

const (
	hintNone  hint = "none"  // no Referer
	hintOurs  hint = "ours"  // a page of ours: the record, or the frame that browsers guard
	hintSame  hint = "same"  // the registered domain
	hintOther hint = "other" // another one: perhaps a copied badge
)

const maxReferer = 2 << 10

func (d *Desk) hint(domain Domain, referer string) hint {
	if referer == "" || len(referer) > maxReferer {
		return hintNone
	}
	u, err := url.Parse(referer)
	if err != nil || u.Host == "" {
		return hintNone
	}
	if strings.EqualFold(u.Host, d.portal) {
		return hintOurs
	}
	if domain.Is(u.Host) {
		return hintSame
	}
	return hintOther
}

// recordPage is what the record's page shows.
type recordPage struct {
	Record
	Hint hint
}

// Elsewhere reports whether the reader seems to come from another domain.
func (p recordPage) Elsewhere() bool { return p.Hint == hintOther }

// lookupPage is what the page for finding a badge shows.
type lookupPage struct {
	Asked string // as typed
	Error *web.FormError
	Found []Record
	Fake  *Fake // the domain is known to show another's badge
}

// servicePage is what the page of the service shows.
type servicePage struct {
	ServiceLevel
	Months []Month
}

// Name writes a month with its year.
func (p servicePage) Name(v web.View, m Month) string {
	year, month, _ := strings.Cut(m.Month, "-")
	n, err := strconv.Atoi(month)
	if err != nil || n < 1 || n > 12 {
		return v.N(m.Month)
	}
	return i18n.MonthName(v.Lang, n) + " " + v.N(year)
}

// tokenPage is what the page of a code on paper shows.
type tokenPage struct {
	Token  Token
	Record Record
	Fault  bool // the code does not hold
}

// OfDomain returns the badges that were ever granted for the domain, the live
// ones first; none is no error. A name that is no domain is Invalid.
func (d *Desk) OfDomain(ctx context.Context, name string) ([]Record, error) {
	domain, err := ParseDomain(strings.ToLower(strings.TrimSpace(name)))
	if err != nil {
		return nil, err
	}
	var live, rest []Record
	err = d.Store.View(ctx, func(tx store.Tx) error {
		return eachOfDomain(tx, domain.ASCII, d.now(), func(b Badge) error {
			switch {
			case b.ValidFrom.IsZero():
			case b.State == Active:
				live = append(live, d.public(b))
			default:
				rest = append(rest, d.public(b))
			}
			return nil
		})
	})
	return append(live, rest...), err
}

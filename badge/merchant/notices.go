package merchant

import (
	"context"
	"encoding/json"
	"net/url"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/complaints"
	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/store"
	"mohr/internal/web"
)

// noticesPage is the Data of the page of where the business is told.
type noticesPage struct {
	place
	Now       complaints.Notices // without the secret
	Wish      complaints.Notices // what is to be signed
	Ready     bool               // it can be
	Elsewhere web.ToSign
	Secret    string // of a new webhook, shown once
	Taken     bool
	Tried     *complaints.Tried
}

// Ends reports whether the business would be told no more.
func (p noticesPage) Ends() bool { return p.Wish.URL == "" && p.Wish.Mobile == "" }

// Signed is what the statement says beside its claims.
func (p noticesPage) Signed() (string, error) {
	m := map[string]string{"business": string(p.Business)}
	if p.Wish.URL != "" {
		m["url"] = p.Wish.URL
	}
	if p.Wish.Mobile != "" {
		m["mobile"] = p.Wish.Mobile
	}
	out, err := json.Marshal(m)
	return string(out), err
}

// readNotices reads the fields of the form, and checks them.
func readNotices(v url.Values) (complaints.Notices, error) {
	return complaints.NoticesStatement{URL: v.Get("url"), Mobile: i18n.FoldDigits(v.Get("mobile"))}.Notices()
}

func errNoAddress() error {
	return fault.New(fault.Invalid, "complaint_notices_address", "name one way to be told: an https address of a webhook, or a mobile number; or none to be told no more")
}

// told is where the business is told now, for the page.
func (d *Desk) told(ctx context.Context, b ca.BusinessID) (complaints.Notices, error) {
	n, err := d.Teller.Address(ctx, b)
	n.Secret = "" // it was shown when it was made
	return n, err
}

// noticesToSign is the statement for who signs it elsewhere; none for who did
// not come with a certificate.
func (d *Desk) noticesToSign(ctx context.Context, v Visitor, p noticesPage) (s web.ToSign, err error) {
	if v.Certificate == "" {
		return s, nil
	}
	var leaf ca.Certificate
	err = d.Store.View(ctx, func(tx store.Tx) error {
		leaf, err = standing(tx, v.Certificate, p.place.Now)
		return err
	})
	if err != nil {
		return s, err
	}
	says := complaints.NoticesStatement{
		Claims:   signature.DraftClaims(complaints.NoticesType, d.Audience, d.Nonces.New(complaints.NoticesNonce), leaf.DER, p.place.Now),
		Business: string(p.Business), URL: p.Wish.URL, Mobile: p.Wish.Mobile,
	}
	s.Document, err = json.Marshal(says)
	s.Action, s.Fields = p.Path+"/notices", p.Fields()
	return s, err
}

// Fields come back with the statement: where it is refused the same page is
// shown again.
func (p noticesPage) Fields() []web.Hidden {
	return []web.Hidden{{Name: "url", Value: p.Wish.URL}, {Name: "mobile", Value: p.Wish.Mobile}}
}

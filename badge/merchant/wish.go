package merchant

import (
	"crypto/rand"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"mohr/badge"
	"mohr/ca"
	"mohr/internal/fault"
)

// wish is a request for a badge as the merchant fills it in.
type wish struct {
	Action                                             badge.Action
	Domain, Licence, Number, Contact, Reasons, Request string
}

// Grants reports whether a badge is asked for, and not given back or argued for.
func (w wish) Grants() bool {
	return w.Action == badge.ActionGrant || w.Action == badge.ActionRenewal
}

// readWish reads the fields of a form.
func readWish(v url.Values) wish {
	get := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	w := wish{badge.Action(get("action")), strings.ToLower(get("domain")), get("licence"), get("number"), get("contact"), get("reasons"), get("request")}
	if w.Action == "" {
		w.Action = badge.ActionGrant
	}
	if w.Request == "" {
		w.Request = "desk-" + rand.Text() // the same in every try of one page
	}
	return w
}

// check says what a request could not be made of. All else is the badge room's
// to judge, once it is signed.
func (w wish) check() error {
	if !slices.Contains([]badge.Action{badge.ActionGrant, badge.ActionRenewal, badge.ActionWithdrawal, badge.ActionAppeal}, w.Action) {
		return fault.New(fault.Invalid, "merchant_action", "there is no such thing to ask for; go back to your desk and begin again")
	}
	_, err := badge.ParseDomain(w.Domain)
	return err
}

// more is what the statement says beside its claims, as JSON.
func (w wish) more(b ca.BusinessID) (string, error) {
	m := map[string]any{"request": w.Request, "domain": w.Domain, "action": w.Action}
	if !sole(b) {
		m["legal_id"] = b
	}
	if w.Grants() {
		m["licence"] = badge.Licence{Type: w.Licence, Number: w.Number}
		if w.Contact != "" {
			m["contact"] = w.Contact
		}
	}
	if w.Action == badge.ActionAppeal {
		m["reasons"] = w.Reasons
	}
	out, err := json.Marshal(m)
	return string(out), err
}

// values are the fields again, for the page that signs.
func (w wish) values() url.Values {
	v := url.Values{"action": {string(w.Action)}, "domain": {w.Domain}, "request": {w.Request}}
	for name, value := range map[string]string{"licence": w.Licence, "number": w.Number, "contact": w.Contact, "reasons": w.Reasons} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

// command signs and sends the same.
func (w wish) command(server string, b ca.BusinessID) string {
	words := []string{"mohr badge request --server " + server, "--key holder.key --cert holder.pem", "--domain " + quoted(w.Domain)}
	if !sole(b) {
		words = append(words, "--legal-id "+quoted(string(b)))
	}
	if w.Grants() {
		licence := w.Licence
		if w.Number != "" {
			licence += ":" + w.Number
		}
		words = append(words, "--licence "+quoted(licence))
		if w.Contact != "" {
			words = append(words, "--contact "+quoted(w.Contact))
		}
	}
	switch w.Action {
	case badge.ActionRenewal:
		words = append(words, "--renew")
	case badge.ActionWithdrawal:
		words = append(words, "--withdraw")
	case badge.ActionAppeal:
		words = append(words, "--appeal "+quoted(w.Reasons))
	}
	return strings.Join(words, " \\\n  ")
}

// quoted is a word for a shell. What somebody typed into the form, or was sent
// to type, stays one word.
func quoted(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:", r))
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// sole reports whether the business is a sole trader, known by an opaque id.
func sole(b ca.BusinessID) bool { return strings.HasPrefix(string(b), "s-") }

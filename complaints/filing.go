package complaints

import (
	"encoding/hex"
	"errors"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/i18n"
)

const (
	minText  = 10                     // letters and digits of a complaint
	maxText  = 4000                   // runes of a complaint or an answer
	maxOrder = 64                     // runes of an order number
	maxRials = 10_000_000_000_000_000 // an amount
	maxEmail = 254                    // octets (RFC 5321 section 4.5.3.1.3)
	maxAge   = 10                     // years since the purchase
	maxAlso  = 4                      // businesses beside the first
)

// Filing is a complaint as the consumer makes it.
type Filing struct {
	Key      string   // chosen by the form: the same key twice is the same complaint; see NewKey
	Business string   // legal id, or the opaque id of a sole trader
	Also     []string // further businesses, at most four: each has a clock of its own
	Category Category // of the closed list
	Purchase Purchase
	Text     string // at least 10 letters, at most 4,000 characters
	Contact  Contact
}

// Purchase names what was bought. It is not proved by this.
type Purchase struct {
	Order string `json:"order" doc:"order number"`
	Day   string `json:"day" doc:"YYYY-MM-DD; a year before 1700 is read as Solar Hijri"`
	Rials int64  `json:"amount" doc:"in rials, at least 1"`
}

// Contact is where the consumer can be reached: one of the two is enough. The
// business never sees it.
type Contact struct {
	Mobile string `json:"mobile,omitempty" doc:"Iranian mobile number"`
	Email  string `json:"email,omitempty"`
}

// check returns the private part of the filing in its one form, and brings
// the business id into its own. All that is wrong is said at
// once; every refusal is Invalid.
func (in *Filing) check(now time.Time) (p private, err error) {
	if _, err := parseKey(in.Key); err != nil {
		return p, err
	}
	var whom, also, about, bought, text, contact error
	business, whom := ca.ParseBusinessID(strings.TrimSpace(in.Business))
	if whom == nil {
		in.Business = string(business)
		also = fault.At("also", in.checkAlso())
	}
	if !in.Category.Known() {
		about = errCategoryUnknown()
	}
	p.Purchase, bought = in.Purchase.check(now)
	p.Text, text = checkText(in.Text, minText)
	p.Contact, contact = in.Contact.check()
	return p, errors.Join(whom, also, about, bought, text, contact)
}

// parseKey reads the key of a filing.
func parseKey(s string) ([]byte, error) {
	key, err := hex.DecodeString(s)
	if err != nil || len(key) != 16 {
		return nil, fault.New(fault.Invalid, "complaint_key_invalid", "the form has no key of its own; open it anew")
	}
	return key, nil
}

func errCategoryUnknown() error {
	return fault.New(fault.Invalid, "complaint_category_unknown", "choose what the complaint is about from the list")
}

func errTooManyBusinesses() error {
	return fault.New(fault.Invalid, "complaint_too_many_businesses", "one complaint names at most %[1]d businesses; file another for the rest", 1+maxAlso)
}

// checkAlso brings the further businesses into their one form, each once.
func (in *Filing) checkAlso() error {
	all := []string{in.Business}
	for _, s := range in.Also {
		if strings.TrimSpace(s) == "" {
			continue // a field left empty in a form
		}
		b, err := ca.ParseBusinessID(strings.TrimSpace(s))
		if err != nil {
			return err
		}
		if !slices.Contains(all, string(b)) {
			all = append(all, string(b))
		}
	}
	if len(all) > 1+maxAlso {
		return errTooManyBusinesses()
	}
	in.Also = all[1:]
	return nil
}

// businesses returns all that the filing is against.
func (in *Filing) businesses() []string { return append([]string{in.Business}, in.Also...) }

func (b Purchase) check(now time.Time) (Purchase, error) {
	var order, when, amount error
	b.Order = strings.TrimSpace(i18n.FoldDigits(b.Order))
	if n := utf8.RuneCountInString(b.Order); visible(b.Order) == 0 || n > maxOrder || !plain(b.Order, false) {
		order = fault.New(fault.Invalid, "complaint_order_invalid", "give the order number as the shop wrote it, at most %[1]d characters", maxOrder)
	}
	day, ok := i18n.ParseDay(b.Day)
	// A day ahead of UTC it may be tomorrow already where the purchase was.
	if !ok || day.After(now.AddDate(0, 0, 1)) || day.Before(now.AddDate(-maxAge, 0, 0)) {
		when = fault.New(fault.Invalid, "complaint_day_invalid", "give the day of the purchase as year-month-day, within the last %[1]d years", maxAge)
	}
	b.Day = day.Format(time.DateOnly)
	if b.Rials < 1 || b.Rials > maxRials {
		amount = fault.New(fault.Invalid, "complaint_amount_invalid", "give the amount in rials, in digits, at least 1")
	}
	return b, errors.Join(order, when, amount)
}

// checkText returns a text without space around it; it has at least least
// letters and digits, and at most maxText characters of plain text.
func checkText(s string, least int) (string, error) {
	s = strings.ReplaceAll(strings.TrimSpace(s), "\r\n", "\n")
	if n := utf8.RuneCountInString(s); !utf8.ValidString(s) || visible(s) < least || n > maxText || !plain(s, true) {
		return "", fault.New(fault.Invalid, "complaint_text_invalid", "write plain text with at least %[1]d letters and at most %[2]d characters", least, maxText)
	}
	return s, nil
}

// visible counts the letters and digits of s that show. Fillers are letters
// to Unicode and nothing to the eye.
func visible(s string) (n int) {
	for _, r := range s {
		filler := r == '\u115F' || r == '\u1160' || r == '\u3164' || r == '\uFFA0' // of Hangul
		if (unicode.IsLetter(r) || unicode.IsDigit(r)) && !filler {
			n++
		}
	}
	return n
}

// plain reports whether s has no control characters but line breaks, where
// they are allowed, and none that turn the direction of what follows.
func plain(s string, lines bool) bool {
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t':
			if !lines {
				return false
			}
		case unicode.IsControl(r), r == utf8.RuneError,
			r >= '\u202A' && r <= '\u202E', r >= '\u2066' && r <= '\u2069':
			return false
		}
	}
	return true
}

func (c Contact) check() (Contact, error) {
	c.Mobile, c.Email = strings.TrimSpace(c.Mobile), strings.TrimSpace(c.Email)
	bad := fault.New(fault.Invalid, "complaint_contact_invalid", "give a mobile number or an e-mail address at which you can be reached")
	if c.Mobile == "" && c.Email == "" {
		return c, bad
	}
	if c.Mobile != "" {
		mobile, err := evidence.ParseMobile(c.Mobile)
		if err != nil {
			return c, err
		}
		c.Mobile = mobile
	}
	if c.Email != "" {
		// Stricter than RFC 5322: the bare address, without a name or comments.
		a, err := mail.ParseAddress(c.Email)
		if err != nil || a.Address != c.Email || len(c.Email) > maxEmail {
			return c, fault.At("email", bad)
		}
	}
	return c, nil
}

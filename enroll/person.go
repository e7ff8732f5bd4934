package enroll

import (
	"errors"
	"strings"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/i18n"
)

// latinMax bounds a name in Latin letters: ub-common-name of RFC 5280,
// appendix A.1.
const latinMax = 64

// normalised checks what the applicant says, as far as that shows nothing of
// what the registers hold, and brings it to one form. All that is wrong is said at once.
func (p Person) normalised(now time.Time) (Person, error) {
	var code, birth, mobile, latin, legal error
	p.NationalCode, code = evidence.ParseNationalCode(p.NationalCode)
	if p.BirthDate, birth = evidence.ParseBirthDate(gregorian(p.BirthDate)); birth == nil && p.BirthDate > now.Format(time.DateOnly) {
		birth = fault.New(fault.Invalid, "birth_date_future", "the date of birth lies in the future; check it")
	}
	p.Mobile, mobile = evidence.ParseMobile(p.Mobile)
	p.NamesLatin = strings.Join(strings.Fields(p.NamesLatin), " ")
	if !isLatinName(p.NamesLatin) {
		latin = fault.New(fault.Invalid, "names_latin_invalid", "write the name in plain Latin letters, at most %[1]v of them, or leave it out", latinMax)
	}
	if p.LegalID != "" {
		p.LegalID, legal = evidence.ParseLegalID(p.LegalID)
	}
	return p, errors.Join(code, birth, mobile, latin, legal)
}

// isLatinName reports whether s is empty or of Latin letters, single spaces,
// hyphens and apostrophes.
func isLatinName(s string) bool {
	if len(s) > latinMax {
		return false
	}
	letter := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
	for i := range len(s) {
		joint := strings.IndexByte(" -'", s[i]) >= 0 && i > 0 && letter(s[i-1]) && i+1 < len(s)
		if !letter(s[i]) && !joint {
			return false
		}
	}
	return true
}

// gregorian turns a Solar Hijri date, known by its year, into the Gregorian
// one: it is what stands on an Iranian card. Anything else stays as it is.
func gregorian(s string) string {
	s = strings.ReplaceAll(evidence.FoldDigits(strings.TrimSpace(s)), "/", "-")
	y, m, d, ok := dateParts(s)
	if !ok || y < 1300 || y > 1500 {
		return s
	}
	t, ok := i18n.FromJalali(y, m, d)
	if !ok {
		return s
	}
	return t.Format(time.DateOnly)
}

// dateParts reads YYYY-M-D, with or without leading zeros.
func dateParts(s string) (y, m, d int, ok bool) {
	parts := strings.Split(s, "-")
	if len(parts) != 3 || len(parts[0]) != 4 {
		return 0, 0, 0, false
	}
	var n [3]int
	for i, p := range parts {
		if len(p) == 0 || len(p) > 4 {
			return 0, 0, 0, false
		}
		for j := range len(p) {
			if p[j] < '0' || p[j] > '9' {
				return 0, 0, 0, false
			}
			n[i] = 10*n[i] + int(p[j]-'0')
		}
	}
	return n[0], n[1], n[2], true
}

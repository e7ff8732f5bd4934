package evidence

import (
	"strings"
	"time"

	"mohr/internal/fault"
	"mohr/internal/i18n"
)

// FoldDigits turns the Persian digits U+06F0 to U+06F9 and the Arabic ones
// U+0660 to U+0669 into ASCII and leaves all else alone: digits of other
// scripts stay foreign, and whoever parses the result refuses them.
func FoldDigits(s string) string { return i18n.FoldDigits(s) }

// digits returns the values of s, which must be n ASCII digits.
func digits(s string, n int) ([]int, bool) {
	if len(s) != n {
		return nil, false
	}
	d := make([]int, n)
	for i := range n {
		if s[i] < '0' || s[i] > '9' {
			return nil, false
		}
		d[i] = int(s[i] - '0')
	}
	return d, true
}

// ParseNationalCode returns the ten ASCII digits of an Iranian national code.
// The tenth checks the others: with r the sum of d_i*(10-i), i = 0 to 8,
// modulo 11, it is r if r < 2, else 11-r. Ten equal digits are refused though
// their checksum holds.
func ParseNationalCode(s string) (string, error) {
	s = FoldDigits(strings.TrimSpace(s))
	d, ok := digits(s, 10)
	if !ok || strings.Count(s, s[:1]) == len(s) {
		return "", errNationalCode()
	}
	sum := 0
	for i := range 9 {
		sum += d[i] * (10 - i)
	}
	check := sum % 11
	if check >= 2 {
		check = 11 - check
	}
	if d[9] != check {
		return "", errNationalCode()
	}
	return s, nil
}

func errNationalCode() error {
	return fault.New(fault.Invalid, "national_code_invalid", "the national code is not valid; it has ten digits, the last of which checks the others: compare it with the card")
}

// ParseLegalID returns the eleven ASCII digits of an Iranian legal id. With D
// the tenth digit plus 2, the sum of (D+d_i)*c_i over the first ten digits,
// modulo 11 (10 counts as 0), is the eleventh; c repeats 29, 27, 23, 19, 17.
// Eleven equal digits are refused.
func ParseLegalID(s string) (string, error) {
	s = FoldDigits(strings.TrimSpace(s))
	d, ok := digits(s, 11)
	if !ok || strings.Count(s, s[:1]) == len(s) {
		return "", errLegalID()
	}
	weights := [...]int{29, 27, 23, 19, 17}
	sum := 0
	for i := range 10 {
		sum += (d[9] + 2 + d[i]) * weights[i%len(weights)]
	}
	if sum%11%10 != d[10] {
		return "", errLegalID()
	}
	return s, nil
}

func errLegalID() error {
	return fault.New(fault.Invalid, "legal_id_invalid", "the legal id is not valid; it has eleven digits, the last of which checks the others: compare it with the company's papers")
}

// ParseMobile returns an Iranian mobile number as +989XXXXXXXXX. It reads
// 09..., 9..., 989..., +989... and 00989..., with spaces or hyphens between
// the digits.
func ParseMobile(s string) (string, error) {
	if len(s) > 64 {
		return "", errMobile()
	}
	s = strings.NewReplacer(" ", "", "-", "").Replace(FoldDigits(strings.TrimSpace(s)))
	for _, prefix := range []string{"+98", "0098", "98", "0"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			s = rest
			break
		}
	}
	if _, ok := digits(s, 10); !ok || s[0] != '9' {
		return "", errMobile()
	}
	return "+98" + s, nil
}

func errMobile() error {
	return fault.New(fault.Invalid, "mobile_invalid", "the mobile number is not valid; write it as 09 and nine more digits")
}

// ParseBirthDate returns a date of the Gregorian calendar as YYYY-MM-DD; the
// year is 1850 or later.
func ParseBirthDate(s string) (string, error) {
	s = FoldDigits(strings.TrimSpace(s))
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1850 {
		return "", fault.New(fault.Invalid, "birth_date_invalid", "the date of birth is not valid; write year, month and day, as 1990-05-14")
	}
	return s, nil
}

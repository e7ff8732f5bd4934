package i18n

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
)

// Digits writes the digits 0-9 of s as readers of lang write them.
func Digits(lang, s string) string {
	if lang != Persian {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r - '0' + '۰'
		}
		return r
	}, s)
}

// FoldDigits turns Persian (U+06F0-06F9) and Arabic-Indic (U+0660-0669)
// digits into ASCII and leaves every other character alone: other scripts'
// digits are not what a keyboard here produces, and so are refused later.
func FoldDigits(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '۰' && r <= '۹':
			return r - '۰' + '0'
		case r >= '٠' && r <= '٩':
			return r - '٠' + '0'
		}
		return r
	}, s)
}

// Number writes a number, or the digits in a string, as readers of lang do.
// A float's decimal point becomes U+066B in Persian.
func Number(lang string, n any) string {
	if lang != Persian {
		return fmt.Sprint(n)
	}
	return persian(n, fmt.Sprint(n))
}

// persian turns the Latin writing s of the number n into the Persian one.
func persian(n any, s string) string {
	if k := reflect.ValueOf(n).Kind(); k == reflect.Float64 || k == reflect.Float32 {
		s = strings.Replace(s, ".", "٫", 1)
	}
	return Digits(Persian, s)
}

// Percent writes a share of 1 with one decimal: "95.2%", "۹۵٫۲٪".
func Percent(lang string, share float64) string {
	s := fmt.Sprintf("%.1f", 100*share)
	if lang != Persian {
		return s + "%"
	}
	return persian(share, s) + "٪"
}

// localize prepares an argument of a text for fmt.
func localize(lang string, a any) any {
	switch v := a.(type) {
	case time.Time:
		return Date(lang, v)
	case time.Duration:
		return Words(lang, v)
	}
	if lang != Persian {
		return a
	}
	switch reflect.ValueOf(a).Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64:
		return persianNumber{a}
	}
	return a
}

// persianNumber formats its value by whatever verb and flags the text has,
// and then writes the digits in Persian.
type persianNumber struct{ value any }

// Format implements fmt.Formatter.
func (n persianNumber) Format(f fmt.State, verb rune) {
	io.WriteString(f, persian(n.value, fmt.Sprintf(fmt.FormatString(f, verb), n.value)))
}

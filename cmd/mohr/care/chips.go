package care

import (
	"context"
	"time"

	"mohr/enroll/chip"
)

// crlSoon is how long before its end a CRL of passports should be replaced.
const crlSoon = 3 * 24 * time.Hour

// chips looks at whose passports are believed: without a current CRL of its
// authority no document is.
func (p Patient) chips(context.Context) []Line {
	if p.Chips == nil {
		return nil
	}
	entries, err := p.Chips()
	if err != nil {
		return line("chips", Fail, "%v; mohr chip trust says why", err)
	}
	trusted, refused, ending := map[string]int{}, 0, 0
	for _, e := range entries {
		switch {
		case e.Refused != "":
			refused++
		case e.Kind == chip.KindCRL && e.Until.Before(p.Now().Add(crlSoon)):
			ending++
			fallthrough
		default:
			trusted[e.Kind]++
		}
	}
	switch {
	case ending > 0:
		return line("chips", Warn, "%d of %d CRLs of passports are over or end within days: fetch newer ones, or documents are not believed", ending, trusted[chip.KindCRL])
	case refused > 0:
		return line("chips", Warn, "%d authorities and %d CRLs are trusted, %d files are refused; mohr chip trust says why", trusted[chip.KindAuthority], trusted[chip.KindCRL], refused)
	}
	return line("chips", OK, "%d authorities and %d CRLs are trusted", trusted[chip.KindAuthority], trusted[chip.KindCRL])
}

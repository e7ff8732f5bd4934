package badge

import (
	"context"
	"encoding/xml"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/store"
)

// image is what a badge's picture says.
type image struct {
	state     State // live; "" means there is no such badge
	unsure    bool  // the record could not be read
	elsewhere bool  // the picture was asked for from another domain's page
	unseen    bool  // nothing says from where
	domain    Domain
	name      string
	validTo   time.Time
	level     int
	simulated bool
}

// imageOf looks the badge up as it stands now. It has no error: whatever
// happens, there is a true thing to say.
func (d *Desk) imageOf(ctx context.Context, id ID, referer string) (m image) {
	b, err := d.standing(ctx, id)
	switch {
	case errors.Is(err, fault.NotFound), errors.Is(err, store.ErrNotFound):
		return image{}
	case err != nil:
		d.Log.Error("read badge for its image", "error", err)
		return image{unsure: true}
	case b.ValidFrom.IsZero(): // never granted: not the public's business
		return image{}
	}
	from := d.hint(b.Domain, referer)
	return image{
		state: b.State, elsewhere: from == hintOther, unseen: from == hintNone, domain: b.Domain, name: b.LegalName,
		validTo: b.ValidTo, level: b.Level, simulated: b.Environment != evidence.Production,
	}
}

// standing returns the badge as it stands now. It is looked up once a second
// where nothing is written meanwhile, and each time on a store that other nodes
// write to; the decoding of records that have not changed is spared there.
func (d *Desk) standing(ctx context.Context, id ID) (Badge, error) {
	now := d.now()
	return d.stood.Get(id, now, func() (Badge, error) { return d.standingAt(ctx, id, now) })
}

func (d *Desk) standingAt(ctx context.Context, id ID, now time.Time) (b Badge, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		if b, err = d.badges.Load(tx, badgeBucket, string(id)); err != nil || b.State != Active && b.State != Suspended {
			return err
		}
		line, _, err := lineBy(func(serial string) (ca.Certificate, error) { return ca.ReadCertificate(d.certificates, tx, serial) }, b.Certificate, now)
		b, _ = b.under(line, now)
		return err
	})
	return b, err
}

// drawn is a picture in one language.
type drawn struct {
	image
	lang string
}

// draw returns the picture, drawn once for all who are shown the same.
func (d *Desk) draw(m image, lang string) []byte {
	if svg, ok := d.drawings.Get(drawn{m, lang}); ok {
		return svg
	}
	svg := m.svg(d.texts, lang)
	d.drawings.Put(drawn{m, lang}, svg)
	return svg
}

// The picture's size in pixels, the same whatever it says.
const (
	imageWidth  = 260
	imageHeight = 112
)

// colours of what the picture says.
const (
	colourGood    = "#0b6b3a"
	colourWaiting = "#8a5a00"
	colourBad     = "#b00020"
	colourNeutral = "#555555"
)

// neutral is a badge in force where nothing says on whose page it stands: a
// picture that is copied together with "no Referer" must not say "valid".
func (m image) neutral() bool { return m.unseen && m.state == Active && !m.unsure }

func (m image) colour() string {
	switch {
	case m.unsure || m.state == "" || m.neutral():
		return colourNeutral
	case m.elsewhere || m.state == Revoked:
		return colourBad
	case m.state == Active:
		return colourGood
	}
	return colourWaiting
}

// heading and status are the first and the last line, in lang.
func (m image) words(texts *i18n.Catalog, lang string) (heading, status string) {
	switch {
	case m.unsure:
		return texts.Text(lang, "badge_image_title"), texts.Text(lang, "badge_image_unsure")
	case m.state == "":
		return texts.Text(lang, "badge_image_title"), texts.Text(lang, "badge_image_none")
	case m.elsewhere:
		return texts.Text(lang, "badge_image_belongs"), texts.Text(lang, "badge_image_compare")
	case m.neutral():
		heading, status = texts.Text(lang, "badge_image_title"), texts.Text(lang, "badge_image_compare")
	case m.state == Active:
		heading, status = texts.Text(lang, "badge_image_title"), texts.Text(lang, "badge_image_valid", m.validTo)
	default:
		heading, status = texts.Text(lang, "badge_image_title"), texts.Text(lang, "badge_state_"+string(m.state))
	}
	if m.simulated {
		heading += " (" + texts.Text(lang, "badge_image_test") + ")"
	}
	return heading, status
}

// SVG draws the picture: static, without script, style sheet or link, every
// text escaped and cut to fit.
func (m image) svg(texts *i18n.Catalog, lang string) []byte {
	heading, status := m.words(texts, lang)
	title := strings.TrimRight(strings.Join([]string{heading, m.domain.ASCII, m.name, status}, " · "), " ·")
	var b strings.Builder
	b.Grow(2 << 10)
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" width="` + strconv.Itoa(imageWidth) + `" height="` + strconv.Itoa(imageHeight) +
		`" viewBox="0 0 ` + strconv.Itoa(imageWidth) + ` ` + strconv.Itoa(imageHeight) + `" role="img" aria-labelledby="t" lang="` + lang + `">`)
	b.WriteString(`<title id="t">` + escape(clean(title, 400)) + `</title>`)
	b.WriteString(`<rect x="1" y="1" width="258" height="110" rx="10" fill="#ffffff" stroke="` + m.colour() + `" stroke-width="2"/>`)
	line := func(y, size int, weight, fill, dir, s string) {
		if s == "" {
			return
		}
		x := 14
		if dir == "rtl" {
			x = imageWidth - 14
		}
		b.WriteString(`<text x="` + strconv.Itoa(x) + `" y="` + strconv.Itoa(y) + `" font-family="Vazirmatn,Tahoma,sans-serif" font-size="` + strconv.Itoa(size) +
			`" font-weight="` + weight + `" fill="` + fill + `" direction="` + dir + `" text-anchor="start">` + escape(s) + `</text>`)
	}
	dir := "ltr"
	if lang == i18n.Persian {
		dir = "rtl"
	}
	line(24, 13, "600", m.colour(), dir, clean(heading, 40))
	name := domainLine(m.domain.ASCII)
	size, y := domainSize(name), 48
	if m.neutral() {
		size, y = max(size, min(size*3/2, domainWidth/max(1, len([]rune(name))))), 52
	}
	line(y, size, "700", "#111111", "ltr", name)
	if m.domain.IDN() {
		line(y+17, 12, "400", "#333333", "ltr", domainLine(clean(m.domain.Unicode, 253)))
	}
	line(82, 12, "400", "#333333", dir, clean(m.name, 36))
	line(100, 12, "600", m.colour(), dir, strings.TrimSpace(strings.Repeat("★", m.stars())+" "+status))
	b.WriteString(`</svg>`)
	return []byte(b.String())
}

func (m image) stars() int {
	if m.state != Active || m.elsewhere || m.unsure || m.unseen {
		return 0
	}
	return m.level
}

// domainWidth is the width for a domain times what its letters are higher
// than wide, in pixels.
const domainWidth = 370

// domainLine cuts a long name on the left: its end says whose it is.
func domainLine(s string) string {
	const most = 38
	if r := []rune(s); len(r) > most {
		return "…" + string(r[len(r)-most:])
	}
	return s
}

func domainSize(s string) int {
	switch n := len([]rune(s)); {
	case n <= 18:
		return 20
	case n <= 26:
		return 15
	}
	return 11
}

// clean cuts s to n characters and drops what does not print: control and
// format characters could turn a text's direction. The zero-width non-joiner
// stays, Persian needs it.
func clean(s string, n int) string {
	var b strings.Builder
	count := 0
	for _, r := range s {
		if r != '\u200c' && !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			continue
		}
		if count == n {
			return b.String() + "…"
		}
		b.WriteRune(r)
		count++
	}
	return b.String()
}

// escape makes s fit for element content and attributes.
func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // a strings.Builder never fails
	return b.String()
}

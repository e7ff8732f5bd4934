package main

import (
	"regexp"
	"slices"
	"testing"

	"mohr/internal/browser"
)

// looks are the ways in which every page is looked at.
var looks = []browser.Look{
	{Lang: "en"},
	{Lang: "fa"},
	{Lang: "fa", Phone: true},
	{Lang: "en", Narrow: true, NoScript: true},
	{Lang: "fa", Dark: true},
}

// readers are the looks in which pages are read through, both languages, both
// sizes, light and dark, with and without scripts.
var readers = []browser.Look{{Lang: "fa"}, {Lang: "en", Narrow: true, NoScript: true}, {Lang: "fa", Phone: true, Dark: true}, {Lang: "en", Dark: true}}

// others are what is left of languages, sizes and scripts beside looks like
// readers: a journey goes through them too, and axe need not say all again.
var others = []browser.Look{
	{Lang: "fa", NoScript: true, Quick: true}, {Lang: "fa", Narrow: true, NoScript: true, Quick: true},
	{Lang: "en", NoScript: true, Quick: true}, {Lang: "en", Phone: true, Quick: true},
}

// Bounds of a page without the font.
const (
	mostOctets   = 100_000
	mostRequests = 8
)

// publicPages can be opened without anything else before.
var publicPages = []string{
	"/", "/enroll", "/enroll/lock", "/enroll/revoke", "/renew", "/badge", "/badge/request", "/badge?domain=nowhere.example",
	"/complaints", "/complaints/new", "/complaints/c-00000000000000000000000000000000/answer", "/repository/", "/signin", "/no/such/page",
	"/repository/practice-en", "/repository/terms-fa", "/repository/pds-fa/1", "/complaints/c-00000000000000000000000000000000", "/enroll/a-00000000000000000000000000000000",
	"/statistics", "/open", "/log/entries", "/log/entries?id=7", "/log/entries?id=none", "/validate", "/certificates", "/certificates?serial=1234", "/certificates?serial=x",
}

func TestEveryPublicPageInABrowser(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	chromium := browser.Shared(t)
	for _, l := range append(slices.Clone(looks), others...) {
		t.Run(l.String(), func(t *testing.T) {
			tab := chromium.Tab(t, l)
			for _, path := range publicPages {
				tab.Go(s.Config.Portal + path)
				holdPage(t, tab, path)
			}
		})
	}
}

// latinDigits are digits between Persian letters. What stands in Latin on
// purpose, codes and addresses, is marked as such and left out.
var latinDigits = regexp.MustCompile(`[0-9]`)

// standards are what is written in Latin everywhere: words that begin with a
// Latin letter, as SHA-256, terms_sha256 and renewal.p7s, RFC 3339, PKCS #10 and EN 319 411-1;
// and the arc of object identifiers for examples.
var standards = regexp.MustCompile(`\b(RFC|PKCS) #?\d+|\bEN \d{3} \d{3}(-\d+)?|\b2\.999\b|\b[A-Za-z][A-Za-z0-9_./-]*`)

// holdPage holds the page that is shown against what every page promises.
func holdPage(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	sight := tab.See()
	visited.note(sight)
	for _, v := range sight.Violations {
		t.Errorf("%s: axe finds %s", name, v)
	}
	for _, f := range tab.Faults() {
		t.Errorf("%s: %s", name, f)
	}
	if loaded, octets := tab.Weight(); len(loaded) > mostRequests || octets > mostOctets {
		t.Errorf("%s: %d requests and %d octets, at most %d and %d: %q", name, len(loaded), octets, mostRequests, mostOctets, loaded)
	}
	if len(sight.Untold) > 0 {
		t.Errorf("%s: %q", name, sight.Untold)
	}
	if sight.Wider {
		t.Errorf("%s: the page is wider than the window", name)
	}
	if dir := map[string]string{"en": "ltr", "fa": "rtl"}[tab.Lang]; sight.Lang != tab.Lang || sight.Dir != dir || sight.Title == "" {
		t.Errorf("%s: language %q, direction %q, title %q", name, sight.Lang, sight.Dir, sight.Title)
	}
	if tab.Lang == "fa" {
		if text := standards.ReplaceAllString(sight.Prose, ""); latinDigits.MatchString(text) {
			t.Errorf("%s: Latin digits in a Persian page: %q", name, around(text))
		}
	}
}

// around is what stands around the first Latin digit.
func around(text string) string {
	at := latinDigits.FindStringIndex(text)[0]
	return text[max(0, at-40):min(len(text), at+40)]
}

package main

import (
	"fmt"
	"regexp"
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

// Bounds of a page without the font.
const (
	mostOctets   = 100_000
	mostRequests = 8
)

// publicPages can be opened without anything else before.
var publicPages = []string{
	"/", "/enroll", "/enroll/lock", "/enroll/revoke", "/renew", "/badge", "/badge/request", "/badge?domain=nowhere.example",
	"/complaints", "/complaints/new", "/complaints/c-00000000000000000000000000000000/answer", "/repository/", "/signin", "/no/such/page",
	"/statistics", "/open", "/log/entries", "/log/entries?id=7", "/log/entries?id=none", "/certificates", "/certificates?serial=1234", "/certificates?serial=x",
}

func TestEveryPublicPageInABrowser(t *testing.T) {
	s := startService(t, "")
	chromium := browser.Start(t)
	for _, l := range looks {
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
// Latin letter, as SHA-256, terms_sha256 and renewal.p7s, RFC 3339 and PKCS #10.
var standards = regexp.MustCompile(`\b(RFC|PKCS) #?\d+|\b[A-Za-z][A-Za-z0-9_./-]*`)

// holdPage holds the page that is shown against what every page promises.
func holdPage(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	for _, v := range tab.Axe() {
		t.Errorf("%s: axe finds %s", name, v)
	}
	for _, f := range tab.Faults() {
		t.Errorf("%s: %s", name, f)
	}
	if requests, octets := tab.Weight(); requests > mostRequests || octets > mostOctets {
		t.Errorf("%s: %d requests and %d octets, at most %d and %d", name, requests, octets, mostRequests, mostOctets)
	}
	if list := tab.Untold(); len(list) > 0 {
		t.Errorf("%s: %q", name, list)
	}
	if tab.Overflows() {
		t.Errorf("%s: the page is wider than the window", name)
	}
	lang, dir := tab.Lang, map[string]string{"en": "ltr", "fa": "rtl"}[tab.Lang]
	if !tab.Has(fmt.Sprintf(`html[lang=%q][dir=%q]`, lang, dir)) || tab.Title() == "" {
		t.Errorf("%s: language, direction or title are missing", name)
	}
	if lang == "fa" {
		if text := standards.ReplaceAllString(tab.Prose(), ""); latinDigits.MatchString(text) {
			t.Errorf("%s: Latin digits in a Persian page: %q", name, around(text))
		}
	}
}

// around is what stands around the first Latin digit.
func around(text string) string {
	at := latinDigits.FindStringIndex(text)[0]
	return text[max(0, at-40):min(len(text), at+40)]
}

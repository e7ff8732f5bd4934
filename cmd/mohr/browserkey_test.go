package main

import (
	"strings"
	"testing"

	"mohr/internal/browser"
)

// withKeyHere brings a person to a certificate whose key is made in the tab's
// browser, with a backup file where that is wanted.
func (s *running) withKeyHere(t *testing.T, tab *browser.Tab, who applicant, backup bool) {
	t.Helper()
	tab.Go(s.Config.Portal + "/enroll")
	for field, text := range map[string]string{"national_code": who.NationalCode, "birth_date": who.BirthDate, "mobile": who.Mobile} {
		tab.Fill("#"+field, text)
	}
	tab.Follow("form[action='/enroll'] button")
	tab.Click("#accepted")
	tab.Follow("form[action$='/consent'] button")
	code, err := s.code(t, who.Mobile)
	if err != nil {
		t.Fatal(err)
	}
	tab.Fill("#code", code)
	tab.Follow("form[action$='/code'] button")
	tab.Follow("form[action$='/face'] button")
	tab.Wait("#key-here")
	seen(t, tab, "enroll-key")
	if backup {
		tab.Click("#backup")
		tab.Fill("#passphrase", "too short")
		tab.Click("#key-here button")
		tab.Wait("#key-here [role=alert]")
		seen(t, tab, "enroll-key-told")
		tab.Fill("#passphrase", "یک گذرواژهٔ بلند")
		tab.Fill("#passphrase-again", "یک گذرواژهٔ بلند")
	}
	tab.Click("#key-here button")
	tab.Wait("#issued")
	seen(t, tab, "enroll-certificate-here")
}

// revokeHere ends the certificate that the tab shows, with a key of its browser.
func revokeHere(t *testing.T, tab *browser.Tab) {
	t.Helper()
	tab.Follow("a[href$='/revoke']")
	seen(t, tab, "revoke-why")
	tab.Click("#r-keyCompromise")
	tab.Follow("main form button")
	tab.Wait("#keys button")
	seen(t, tab, "confirm-key")
	tab.Follow("#keys button")
	seen(t, tab, "revoke-last")
	tab.Follow("button.danger")
	seen(t, tab, "revoke-done")
	if tab.Has("form") {
		t.Errorf("the certificate is not revoked:\n%s", tab.Text("main"))
	}
}

// TestAKeyOfTheBrowserGoesAllTheWay: from the application over signing in and
// a renewal to the end of the certificate, with nothing but the browser.
func TestAKeyOfTheBrowserGoesAllTheWay(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	chromium := browser.Shared(t)
	for i, l := range []browser.Look{{Lang: "fa"}, {Lang: "en", Phone: true}, {Lang: "fa", Phone: true}, {Lang: "en", Dark: true}} {
		t.Run(l.String(), func(t *testing.T) {
			tab := chromium.Tab(t, l)
			s.withKeyHere(t, tab, []applicant{zahra, davood, mina, narges}[i], i == 0)
			tab.Follow("#issued a")
			tab.Wait("#keys button")
			seen(t, tab, "signin-key")
			tab.Follow("#keys button")
			seen(t, tab, "my")
			tab.Follow(".held h2 a")
			seen(t, tab, "my-certificate")
			old := tab.URL()
			tab.Follow("a[href^='/renew/']")
			tab.Wait("#renew-here button")
			seen(t, tab, "renew-here")
			tab.Follow("#renew-here button")
			seen(t, tab, "my-renewed")
			if tab.URL() == old || !tab.Has("a[href='"+strings.TrimPrefix(old, s.Config.Portal)+"']") {
				t.Fatalf("no certificate follows the old one: %s", tab.URL())
			}
			revokeHere(t, tab)
		})
	}
}

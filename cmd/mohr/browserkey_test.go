package main

import (
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

// TestAKeyOfTheBrowserGoesAllTheWay: from the application to signing in, with
// nothing but the browser.
func TestAKeyOfTheBrowserGoesAllTheWay(t *testing.T) {
	s := startService(t, "")
	chromium := browser.Start(t)
	for i, l := range []browser.Look{{Lang: "fa"}, {Lang: "en", Phone: true}, {Lang: "fa", Phone: true}, {Lang: "en", Dark: true}} {
		t.Run(l.String(), func(t *testing.T) {
			tab := chromium.Tab(t, l)
			s.withKeyHere(t, tab, []applicant{zahra, davood, mina, narges}[i], i == 0)
			tab.Follow("#issued a")
			tab.Wait("#keys button")
			seen(t, tab, "signin-key")
			tab.Follow("#keys button")
			seen(t, tab, "my")
		})
	}
}

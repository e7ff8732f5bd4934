package main

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"mohr/internal/browser"
)

// byKeys are the looks of who has no pointer.
var byKeys = []browser.Look{{Lang: "fa"}, {Lang: "en", Phone: true}}

// skips goes past the head of the page by its first link.
func skips(t *testing.T, tab *browser.Tab) {
	t.Helper()
	tab.TabTo("a.skip")
	tab.Press(kb.Enter)
	tab.WaitFocus("main#main")
}

// walked holds the page against what every page promises, and goes round it
// with the tabulator key.
func walked(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	seen(t, tab, name)
	tab.WalkRound()
}

// TestAPersonGetsAndRenewsACertificateByKeysAlone: no pointer, and no script
// of the test that moves the focus.
func TestAPersonGetsAndRenewsACertificateByKeysAlone(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	chromium := browser.Shared(t)
	for i, l := range byKeys {
		t.Run(l.String(), func(t *testing.T) {
			who := []applicant{zahra, davood}[i]
			tab := chromium.Tab(t, l)
			tab.Go(s.Config.Portal + "/")
			walked(t, tab, "home")
			skips(t, tab)
			tab.EnterOn(`.hero a[href="/enroll"]`)
			skips(t, tab)
			tab.Type("#national_code", "1")
			tab.Type("#birth_date", who.BirthDate)
			tab.Type("#mobile", who.Mobile)
			tab.Enter()
			tab.WaitFocus(".errors")
			seen(t, tab, "enroll-error")
			tab.TabTo(".errors a[href='#national_code']")
			tab.Press(kb.Enter)
			tab.WaitFocus("#national_code")
			tab.Press(kb.End + kb.Backspace + who.NationalCode + kb.Enter)
			tab.Wait("#accepted")
			walked(t, tab, "enroll-consent")
			skips(t, tab)
			tab.Type("#accepted", " ")
			tab.EnterOn("form[action$='/consent'] button")
			code, err := s.code(t, who.Mobile)
			if err != nil {
				t.Fatal(err)
			}
			walked(t, tab, "enroll-code")
			skips(t, tab)
			tab.Type("#code", code)
			tab.Enter()
			tab.EnterOn("form[action$='/face'] button")
			tab.Wait("#key-here")
			walked(t, tab, "enroll-key")
			skips(t, tab)
			tab.TabTo("#key-here button")
			tab.Press(" ")
			tab.Wait("#issued")
			walked(t, tab, "enroll-certificate-here")
			tab.EnterOn("#issued a")
			tab.Wait("#keys button")
			tab.EnterOn("#keys button")
			walked(t, tab, "my")
			tab.EnterOn(".held h2 a")
			walked(t, tab, "my-certificate")
			tab.EnterOn("a[href^='/renew/']")
			tab.Wait("#renew-here button")
			walked(t, tab, "renew-here")
			tab.EnterOn("#renew-here button")
			walked(t, tab, "my-renewed")
			if n := s.issued(t); n != 2*(i+1) {
				t.Errorf("%d certificates were issued, want %d", n, 2*(i+1))
			}
		})
	}
}

// TestAConsumerComplainsByKeysAlone: the steps of a complaint, from the home
// page to the receipt.
func TestAConsumerComplainsByKeysAlone(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	s.apply(t, zahra, zahraCompany).certify(t)
	chromium := browser.Shared(t)
	for i, l := range append(byKeys, browser.Look{Lang: "fa", Narrow: true, NoScript: true}) {
		t.Run(l.String(), func(t *testing.T) {
			mobile := []string{"+989991110000", "+989991110001", "+989991110002"}[i]
			tab := chromium.Tab(t, l)
			tab.Go(s.Config.Portal + "/")
			tab.EnterOn("header a[href='/complaints']")
			walked(t, tab, "complaints")
			tab.EnterOn("main a[href='/complaints/new']")
			walked(t, tab, "complaint-new")
			tab.Type("#category", kb.ArrowDown+kb.ArrowDown)
			tab.EnterOn("form[action='/complaints/new'] button")
			walked(t, tab, "complaint-business")
			tab.Type("#q", zahraCompany)
			tab.Enter()
			tab.EnterOn("form:has(input[value=add]) button")
			tab.EnterOn("form:has(input[value=next]) button")
			walked(t, tab, "complaint-details")
			tab.Type("#order", "K-1")
			tab.Type("#day", time.Now().UTC().AddDate(0, 0, -3).Format(time.DateOnly))
			tab.Type("#amount", "1250000")
			tab.Type("#text", "The parcel never came.")
			tab.EnterOn("main form button")
			walked(t, tab, "complaint-pictures")
			tab.EnterOn("main a.btn")
			walked(t, tab, "complaint-contact")
			tab.Type("#mobile", mobile)
			tab.Enter()
			code, err := s.code(t, mobile)
			if err != nil {
				t.Fatal(err)
			}
			walked(t, tab, "complaint-check")
			tab.Type("#code", code)
			tab.Enter()
			walked(t, tab, "complaint-filed")
			if !tab.Has(".code") {
				t.Error("there is no receipt")
			}
		})
	}
}

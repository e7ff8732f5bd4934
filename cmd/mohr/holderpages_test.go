package main

import (
	"crypto/tls"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/ca/mandate"
	"mohr/internal/browser"
)

// holderLooks are those in which the pages of holders are looked at: between
// them both languages, both sizes, light and dark, with scripts and without.
var holderLooks = []browser.Look{{Lang: "fa", Phone: true, NoScript: true}, {Lang: "en", Dark: true}}

// TestTheHoldersPagesInABrowser has one service and one browser for all of them.
func TestTheHoldersPagesInABrowser(t *testing.T) {
	t.Parallel()
	f := startForeign(t) // whose policy has certificates for signing in
	s := f.running
	chromium := browser.Shared(t)
	for i, l := range holderLooks {
		t.Run(l.String(), func(t *testing.T) {
			tab := chromium.Tab(t, l)
			s.endsWhatWasBegun(t, tab, []applicant{zahra, davood}[i])
			who := []applicant{mina, narges}[i]
			s.waitsOnThePage(t, tab, who)
			s.makesASecret(t, tab, who)
			f.renewsWhatTheBrowserShows(t, tab, who)
		})
	}
	for i, l := range []browser.Look{{Lang: "fa"}, {Lang: "en", Phone: true}} {
		t.Run("signed in, "+l.String(), func(t *testing.T) {
			tab := chromium.Tab(t, l)
			s.readsAndKeeps(t, tab, []applicant{narges, zahra}[i])
			s.givesAndEndsAMandate(t, tab, []string{nargesCompany, zahraCompany}[i])
		})
		t.Run("jointly, "+l.String(), func(t *testing.T) {
			s.joinsAMandate(t, chromium.Tab(t, l), []applicant{bahman, maryam}[i], []applicant{maryam, bahman}[i])
		})
	}
}

// begin opens an application in the tab, up to its consent.
func (s *running) begin(t *testing.T, tab *browser.Tab, who applicant) {
	t.Helper()
	tab.Go(s.Config.Portal + "/enroll")
	for field, text := range map[string]string{"national_code": who.NationalCode, "birth_date": who.BirthDate, "mobile": who.Mobile} {
		tab.Fill("#"+field, text)
	}
	tab.Follow("form[action='/enroll'] button")
}

// endsWhatWasBegun ends an application and has it erased: each is asked once more.
func (s *running) endsWhatWasBegun(t *testing.T, tab *browser.Tab, who applicant) {
	s.begin(t, tab, who)
	for _, deed := range []string{"cancel", "erase"} {
		page := tab.URL()
		tab.Follow("form[action$='/" + deed + "'] button")
		seen(t, tab, "sure-"+deed)
		tab.Follow("a.quiet")
		if tab.URL() != page || !tab.Has("form[action$='/"+deed+"']") {
			t.Fatalf("no way back from the question: %s", tab.URL())
		}
		tab.Follow("form[action$='/" + deed + "'] button")
		tab.Follow("button.danger")
		seen(t, tab, "done-"+deed)
	}
	if tab.Has("form[action$='/erase']") {
		t.Error("what is erased can be erased again")
	}
}

// waitsOnThePage has a register that is down while the page is looked at: with
// scripts it goes on by itself, without them by a button.
func (s *running) waitsOnThePage(t *testing.T, tab *browser.Tab, who applicant) {
	const route = "/v1/mobile/match"
	s.fault(t, route, "down")
	defer s.fault(t, route, "none")
	s.begin(t, tab, who)
	tab.Click("#accepted")
	tab.Follow("form[action$='/consent'] button")
	code, err := s.code(t, who.Mobile)
	if err != nil {
		t.Fatal(err)
	}
	tab.Fill("#code", code)
	tab.Follow("form[action$='/code'] button")
	if !tab.NoScript {
		tab.Wait("#waiting .hint")
	}
	seen(t, tab, "enroll-waits")
	s.fault(t, route, "none")
	if tab.NoScript {
		tab.Follow("form[action$='/refresh'] button")
	} else {
		tab.Run(`fetch(document.querySelector("form[action$='/refresh']")?.action ?? location.href, {method: "POST"}).catch(() => {})`, nil) // not awaited: the page goes on by itself
		tab.Wait("form[action$='/face']")
	}
	if tab.Has("#waiting") || !tab.Has("form[action$='/face']") {
		t.Errorf("it waits still:\n%s", tab.Text("main"))
	}
}

// makesASecret goes on with that application to the secret for other software.
func (s *running) makesASecret(t *testing.T, tab *browser.Tab, who applicant) {
	tab.Follow("form[action$='/face'] button")
	tab.Follow("a[href$='/secret']")
	seen(t, tab, "secret")
	tab.Follow("form[action$='/secret/code'] button")
	tab.Fill("#code", "1")
	tab.Follow("form[action$='/secret'] button")
	seen(t, tab, "secret-refused")
	code, err := s.code(t, who.Mobile)
	if err != nil {
		t.Fatal(err)
	}
	tab.Fill("#code", code)
	tab.Follow("form[action$='/secret'] button")
	seen(t, tab, "secret-made")
	if secret := tab.Text("#secret"); len(secret) < 30 || strings.Contains(tab.URL(), secret) {
		t.Errorf("the secret is %q at %s", secret, tab.URL())
	}
}

// renewsWhatTheBrowserShows goes to the listener that asks for certificates by
// a way that shows the person's, for a browser of a test has nowhere to keep it.
func (f *foreign) renewsWhatTheBrowserShows(t *testing.T, tab *browser.Tab, who applicant) {
	tab.Go(f.Config.Portal + "/renew/tls")
	seen(t, tab, "renew-tls-unshown")
	h := f.applyAs(t, who, ca.NaturalAuth).certify(t).holder
	shown := &tls.Certificate{PrivateKey: h.Signer, Leaf: h.Certificate, Certificate: [][]byte{h.Certificate.Raw, h.Chain[0].Raw}}
	c, err := serverFlags{server: f.operator.base, root: filepath.Join(f.data, "root.pem")}.dial(shown)
	if err != nil {
		t.Fatal(err)
	}
	tab.Go(f.way(t, c) + "/renew/tls")
	seen(t, tab, "renew-tls")
	tab.Upload("#csr", f.requestFile(t))
	tab.Follow("main form button")
	seen(t, tab, "renewed-tls")
	serial := ca.SerialText(h.Certificate.SerialNumber)
	if !slices.ContainsFunc(f.certificates(t), func(c ca.Entry) bool { return c.Replaces == serial }) {
		t.Errorf("nothing took the certificate's place:\n%s", tab.Text("main"))
	}
}

// readsAndKeeps signs a holder in by the key of the browser and looks at what
// is theirs: receipts with their proof, what is held of them, the lock.
func (s *running) readsAndKeeps(t *testing.T, tab *browser.Tab, who applicant) {
	s.withKeyHere(t, tab, who, false)
	tab.Follow("#issued a")
	tab.Wait("#keys button")
	tab.Follow("#keys button")
	tab.Follow("a[href='/my/receipts']")
	seen(t, tab, "my-receipts")
	tab.Follow("main li a")
	for !tab.Has("details") { // until the log has the deed: its job runs every second
		tab.Go(tab.URL())
	}
	tab.Open("details")
	seen(t, tab, "my-receipt")
	tab.Go(s.Config.Portal + "/my/data")
	seen(t, tab, "my-data")
	tab.Follow("main a[href^='/my/data/a-']")
	tab.Wait("#keys button")
	seen(t, tab, "confirm-data")
	tab.Follow("#keys button")
	seen(t, tab, "my-export")
	if !strings.Contains(tab.Text("main"), who.NationalCode) {
		t.Errorf("the proof opens nothing:\n%s", tab.Text("main"))
	}
	tab.Go(tab.URL() + "/erase")
	tab.Wait("#keys button")
	tab.Follow("#keys button")
	seen(t, tab, "my-erase-sure")
	for _, state := range []string{"locked", "lifted"} {
		tab.Go(s.Config.Portal + "/my/lock")
		seen(t, tab, "my-lock-"+state)
		tab.Follow("main form button")
		seen(t, tab, "sure-"+state)
		tab.Follow("button.danger")
		code, err := s.code(t, who.Mobile)
		if err != nil {
			t.Fatal(err)
		}
		tab.Fill("#code", code)
		tab.Follow("main form button")
		seen(t, tab, "my-lock-done-"+state)
	}
}

// givesAndEndsAMandate lets a person act for the organisation that the holder
// binds, and ends that: both are signed with the key of the browser.
func (s *running) givesAndEndsAMandate(t *testing.T, tab *browser.Tab, company string) {
	tab.Go(s.Config.Portal + "/my/mandates")
	seen(t, tab, "mandates")
	tab.Fill("#legal_id", company)
	tab.Follow("main form button")
	tab.Wait("#keys button")
	tab.Follow("#keys button")
	seen(t, tab, "mandates-of")
	tab.Follow("a[href^='/my/mandates/new']")
	seen(t, tab, "mandate-new")
	tab.Fill("#national_code", mina.NationalCode)
	tab.Fill("#title", "Head of sales")
	tab.Click("#s-complaint-answer")
	tab.Follow("main form button")
	tab.Wait("[data-keys] button")
	seen(t, tab, "mandate-sign")
	tab.Follow("[data-keys] button")
	seen(t, tab, "mandate-given")
	tab.Follow("main a.btn")
	if !strings.Contains(tab.Text("main"), mina.NationalCode) {
		t.Errorf("the mandate is not listed:\n%s", tab.Text("main"))
	}
	seen(t, tab, "mandates-of-one")
	tab.Follow("a[href*='/end?']")
	seen(t, tab, "mandate-end")
	tab.Click("#r-left")
	tab.Follow("main form button")
	tab.Wait("[data-keys] button")
	seen(t, tab, "mandate-end-sign")
	tab.Follow("[data-keys] button")
	seen(t, tab, "mandate-ended")
}

// joinsAMandate has the second of two who bind an organisation together sign
// what the first has signed.
func (s *running) joinsAMandate(t *testing.T, tab *browser.Tab, first, second applicant) {
	s.gives(t, s.apply(t, first, "").certify(t).holder, terms(mina, mandate.ComplaintAnswer), mandate.Proposed)
	s.withKeyHere(t, tab, second, false)
	tab.Follow("#issued a")
	tab.Wait("#keys button")
	tab.Follow("#keys button")
	tab.Go(s.Config.Portal + "/my/mandates")
	tab.Fill("#legal_id", aftab)
	tab.Follow("main form button")
	tab.Wait("#keys button")
	tab.Follow("#keys button")
	tab.Follow("a[href*='/join?']")
	tab.Wait("[data-keys] button")
	seen(t, tab, "mandate-join")
	tab.Follow("[data-keys] button")
	seen(t, tab, "mandate-joined")
	tab.Follow("main a.btn")
	if tab.Has("a[href*='/join?']") || !strings.Contains(tab.Text("main"), mina.NationalCode) {
		t.Errorf("it still waits, or is not listed:\n%s", tab.Text("main"))
	}
}

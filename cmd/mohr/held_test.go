package main

import (
	"os"
	"strings"
	"testing"

	"mohr/cmd/mohr/service"
	"mohr/internal/browser"
)

// TestAHeldKeyGoesAllTheWay: a key that the service holds is made by a passkey,
// gets its certificate, signs a file that openssl verifies, is renewed into
// another one, and is destroyed; all in a browser.
func TestAHeldKeyGoesAllTheWay(t *testing.T) {
	s := startService(t, "", holdingKeys(t))
	c := s.apply(t, zahra, "").certify(t)
	key := s.keyArgs(c.certFile, c.keyFile)
	tab := browser.Start(t).Tab(t, browser.Look{Lang: "en"})
	paste := func(statement, form string) {
		tab.Open("details")
		tab.Fill("#statement", statement)
		tab.Follow(form + " button")
	}
	tab.Go(s.Config.Portal + "/my/keys")
	seen(t, tab, "held-signin")
	paste(command(t, key...), "form[action='/signin/statement']")
	inBoth(t, tab, "held-none")
	tab.Follow("a[href='/my/passkeys/new']")
	seen(t, tab, "held-confirm")
	tab.Open("details")
	f := strings.Fields(tab.Text("pre"))
	paste(command(t, append(key, f[len(f)-4:]...)...), "form[action='/signin/confirm/statement']")
	device := tab.AuthenticatorPRF()
	seen(t, tab, "held-passkey")
	tab.Fill("#name", "phone")
	tab.Follow("#new-passkey")
	tab.Go(s.Config.Portal + "/my/keys")
	tab.Wait("#make-held")
	// A device that refused its owner is locked, as a finger's is: here the browser refuses.
	tab.Run(`navigator.credentials.get = async () => { throw new DOMException("no", "NotAllowedError"); }`, nil)
	tab.Click("#make-held")
	tab.Wait("#told")
	seen(t, tab, "held-refused")
	tab.Run(`delete navigator.credentials.get`, nil)
	tab.Follow("#make-held")
	inBoth(t, tab, "held-fresh")
	if !strings.Contains(tab.Text("main"), "the secret of your passkey") {
		t.Errorf("the key does not open by the passkey's secret:\n%s", tab.Text("main"))
	}
	page := tab.URL()
	tab.Follow("a[href='/enroll?home=hsm']")
	serial := s.appliesWithHeldKey(t, tab)
	tab.Go(page)
	s.signsAFile(t, tab)
	s.asksByLetter(t, tab)
	tab.Go(s.Config.Portal + "/renew/" + serial)
	tab.Wait("#renew-here button")
	renewsByADocument(t, tab)
	tab.Follow("#renew-here button")
	seen(t, tab, "held-renewed")
	next := tab.Text("main dl.facts bdi")
	if next == serial || !tab.Has("a[href='/my/certificates/"+serial+"']") {
		t.Fatalf("no certificate follows %s:\n%s", serial, tab.Text("main"))
	}
	s.endsAKey(t, tab, page)
	tab.Go(s.Config.Portal + "/my/keys")
	device.Verifies(false)
	tab.Wait("#make-held")
	tab.Click("#make-held")
	tab.Wait("#told")
	if n := strings.Count(tab.Text(".held"), "in use"); n != 1 {
		t.Errorf("%d keys are in use after an owner who was not verified:\n%s", n, tab.Text("main"))
	}
}

// inBoth looks at a page in English and in Persian.
func inBoth(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	for _, other := range []string{"fa", "en"} {
		seen(t, tab, name)
		tab.Follow(".tongue a")
		tab.Lang = other
	}
}

// holdingKeys gives the service a policy with certificates for keys that it holds.
func holdingKeys(t *testing.T) func(*service.Config) {
	text := strings.Replace(tourPolicy, "{software: 2.999.1.1.1}", "{software: 2.999.1.1.1, hsm: 2.999.1.1.3}", 1)
	if text == tourPolicy {
		t.Fatal("the policy has other words")
	}
	return func(c *service.Config) {
		if err := os.WriteFile(c.Policy, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// appliesWithHeldKey brings Zahra to a certificate of her held key.
func (s *running) appliesWithHeldKey(t *testing.T, tab *browser.Tab) (serial string) {
	t.Helper()
	seen(t, tab, "enroll-home")
	for field, text := range map[string]string{"national_code": zahra.NationalCode, "birth_date": zahra.BirthDate, "mobile": zahra.Mobile} {
		tab.Fill("#"+field, text)
	}
	tab.Follow("form[action='/enroll'] button")
	tab.Click("#accepted")
	tab.Follow("form[action$='/consent'] button")
	code, err := s.code(t, zahra.Mobile)
	if err != nil {
		t.Fatal(err)
	}
	tab.Fill("#code", code)
	tab.Follow("form[action$='/code'] button")
	tab.Follow("form[action$='/face'] button")
	inBoth(t, tab, "enroll-held-choice")
	tab.Follow("form[action$='/held'] button")
	tab.Wait("#key-held")
	inBoth(t, tab, "enroll-held-request")
	tab.Follow("#key-held button")
	tab.Go(s.Config.Portal + "/my/keys")
	tab.Follow(".held h2 a")
	var serials []string
	tab.Run(`const keys = await import("/static/keys.js"); return (await keys.signers()).filter((k) => k.held).map(keys.serial);`, &serials)
	if len(serials) != 1 {
		t.Fatalf("held keys with a certificate: %v\n%s", serials, tab.Text("main"))
	}
	return serials[0]
}

// signsAFile signs a file from the key's page, which then tells of it.
func (s *running) signsAFile(t *testing.T, tab *browser.Tab) {
	t.Helper()
	page := tab.URL()
	tab.Follow("a[href='/my/sign']")
	file := writeFile(t, "contract.txt", []byte("I agree.\n"))
	s.opensslHolds(t, file, signsOnPage(t, tab, file, "#form-cades", "sign-held"))
	tab.Go(page)
	seen(t, tab, "held-used")
	if n := strings.Count(tab.Text("main table"), "a file"); n != 1 {
		t.Errorf("%d files are on record:\n%s", n, tab.Text("main"))
	}
}

// asksByLetter has the held key sign a badge request as a PDF, for the person as
// a sole trader.
func (s *running) asksByLetter(t *testing.T, tab *browser.Tab) {
	t.Helper()
	tab.Go(s.Config.Portal + "/my/shop")
	tab.Go(tab.URL() + "/badges/new?domain=" + zahraOtherShop + "&licence=" + shopLicence)
	tab.Wait("[data-keys] button")
	tab.Click("#as-letter")
	tab.Follow("[data-keys] button")
	seen(t, tab, "held-letter")
	s.keepsLetter(t, tab, zahraOtherShop)
}

// renewsByADocument has a renewal signed as a document, by whose signature
// nothing is renewed.
func renewsByADocument(t *testing.T, tab *browser.Tab) {
	t.Helper()
	var code string
	tab.Run(`const keys = await import("/static/keys.js"), old = (await keys.signers()).find((k) => k.held), guide = await keys.ask("/api/v1/renewals/nonce");
		const box = document.querySelector("#renew-here"), { key } = await keys.make(false);
		const text = new TextEncoder().encode(JSON.stringify({ ...(await keys.claims(old, guide)), new_spki_sha256: key.id, profile: box.dataset.profile, terms_sha256: guide.terms_sha256 }));
		const res = await fetch("/api/v1/renewals", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({
			statement: keys.base64(await keys.cms(old.privateKey, old.chain, text)), document: keys.base64(text), csr: keys.base64(await keys.request(key)) }) });
		await keys.remove(key.id);
		return (await res.json()).code;`, &code)
	if code != "held_no_statement" {
		t.Errorf("a renewal signed as a document is %q", code)
	}
}

// endsAKey destroys the key at page by a proof for that alone.
func (s *running) endsAKey(t *testing.T, tab *browser.Tab, page string) {
	t.Helper()
	tab.Go(page)
	tab.Follow("a[href$='?deed=destroy']")
	tab.Wait("#passkey")
	tab.Follow("#passkey")
	inBoth(t, tab, "held-destroy")
	tab.Follow("button.danger")
	seen(t, tab, "held-destroyed")
	if tab.Has("a[href='/my/sign']") || tab.Has("a[href$='?deed=destroy']") {
		t.Errorf("the key is not destroyed:\n%s", tab.Text("main"))
	}
}

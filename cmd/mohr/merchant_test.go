package main

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca/document/pades"
	"mohr/ca/mandate"
	"mohr/ca/signature"
	"mohr/cmd/mohr/service"
	"mohr/internal/browser"
	"mohr/internal/pkitest"
)

// browserKey makes a key in the tab's browser and has it certified for the
// organisation, "" for the person's own.
func (s *running) browserKey(t *testing.T, tab *browser.Tab, who applicant, company string) {
	t.Helper()
	tab.Go(s.Config.Portal + "/")
	var csr string
	tab.Run(`const keys = await import("/static/keys.js"); const {key} = await keys.make(false); return keys.base64(await keys.request(key))`, &csr)
	der, err := base64.StdEncoding.DecodeString(csr)
	if err != nil {
		t.Fatal(err)
	}
	a := s.apply(t, who, company)
	a.until(t, "csr")
	a.api.done(t, a.submit(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), http.StatusOK, nil)
	chain := a.api.done(t, get(a.path("/certificate"), a.token), http.StatusOK, nil).body
	text, err := json.Marshal(string(chain))
	if err != nil {
		t.Fatal(err)
	}
	var kept bool
	tab.Run(`const keys = await import("/static/keys.js"); return keys.certify(`+string(text)+`)`, &kept)
	if !kept {
		t.Fatal("the browser does not keep the certificate")
	}
}

// signsIn signs the tab in with the key of its browser.
func (s *running) signsIn(t *testing.T, tab *browser.Tab, path string) {
	t.Helper()
	tab.Go(s.Config.Portal + path)
	tab.Wait("#keys button")
	tab.Follow("#keys button")
	if !strings.HasSuffix(tab.URL(), path) && !strings.Contains(tab.URL(), path+"/") {
		t.Fatalf("signed in, and at %s instead of %s", tab.URL(), path)
	}
}

// TestAMerchantsDeskInABrowser: a badge asked for and granted, a complaint
// answered, an invitation objected to, a calendar: all signed in the browser.
func TestAMerchantsDeskInABrowser(t *testing.T) {
	t.Parallel()
	chromium := browser.Shared(t)
	for _, l := range []browser.Look{{Lang: "fa"}, {Lang: "en", Phone: true}} {
		t.Run(l.String(), func(t *testing.T) {
			s := startService(t, "", func(c *service.Config) { c.PublicationObjection = new(time.Hour) })
			tab := chromium.Tab(t, l)
			s.browserKey(t, tab, zahra, zahraCompany)
			s.signsIn(t, tab, "/my/shop")
			seen(t, tab, "merchant-empty")
			s.asksForBadge(t, tab)
			s.answersComplaint(t, tab)
			s.objects(t, tab)
			s.readsCalendar(t, tab)
		})
	}
}

// shopDesk is the address of a page of zahra's desk.
func (s *running) shopDesk(parts string) string {
	return s.Config.Portal + "/my/shop/" + zahraCompany + parts
}

func (s *running) asksForBadge(t *testing.T, tab *browser.Tab) {
	t.Helper()
	tab.Follow("a[href$='/badges/new']")
	seen(t, tab, "merchant-request")
	tab.Fill("#domain", "no domain")
	tab.Fill("#licence", shopLicence)
	tab.Follow("main form button")
	seen(t, tab, "merchant-request-error")
	tab.Fill("#domain", zahraOtherShop)
	tab.Follow("main form button")
	tab.Wait("[data-keys] button")
	seen(t, tab, "merchant-request-ready")
	if tab.Phone { // the other one sends a JWS
		tab.Click("#as-letter")
	}
	tab.Follow("[data-keys] button")
	seen(t, tab, "merchant-badge-waiting")
	if tab.Has("a[href$='/request.pdf']") != tab.Phone {
		t.Errorf("the request as a PDF:\n%s", tab.Text("main"))
	}
	if tab.Phone {
		s.keepsLetter(t, tab, zahraOtherShop)
	}
	id := tab.URL()[strings.LastIndex(tab.URL(), "/")+1:]
	var r badge.Record
	s.anyone.done(t, get("/api/v1/badges/"+id, ""), http.StatusOK, &r)
	s.prove(t, r)
	tab.Follow("main form button")
	seen(t, tab, "merchant-badge")
	s.anyone.done(t, get("/api/v1/badges/"+id, ""), http.StatusOK, &r)
	if r.State != badge.Active || !tab.Has("img[src^='/badge/"+id+".svg']") {
		t.Fatalf("the badge is %s: %+v", r.State, r.Findings)
	}
}

// keepsLetter fetches the request that was signed as a PDF from the badge's
// page: others read and verify it, and it is no document.
func (s *running) keepsLetter(t *testing.T, tab *browser.Tab, domain string) {
	t.Helper()
	var content string
	tab.Run(`const keys = await import("/static/keys.js"), res = await fetch(document.querySelector("a[href$='/request.pdf']").href);
		return res.ok ? keys.base64(new Uint8Array(await res.arrayBuffer())) : "";`, &content)
	letter, err := base64.StdEncoding.DecodeString(content)
	if err != nil || len(letter) == 0 {
		t.Fatalf("no letter: %v", err)
	}
	pdfsigHolds(t, letter, 1)
	s.opensslHoldsPDF(t, letter)
	out, err := exec.CommandContext(t.Context(), pkitest.Need(t, "pdftotext", "poppler-utils"), writeFile(t, "letter.pdf", letter), "-").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Domain: "+domain) {
		t.Errorf("the letter says %q, %v", out, err)
	}
	if list, err := pades.Read(letter); err != nil || len(list) != 1 || list[0].Unfit == "" {
		t.Errorf("the letter counts as a document: %v", err)
	}
}

func (s *running) answersComplaint(t *testing.T, tab *browser.Tab) {
	t.Helper()
	first := s.complain(t, zahraCompany, "T-1")
	tab.Go(s.shopDesk(""))
	seen(t, tab, "merchant-overview")
	tab.Follow("a.btn[href='/my/shop/" + zahraCompany + "/complaints']")
	seen(t, tab, "merchant-complaints")
	tab.Follow("a[href$='" + first.ID + "']")
	tab.Wait("[data-keys] button")
	seen(t, tab, "merchant-complaint")
	tab.Fill("#text", "The parcel came on Monday.\nWe paid the delivery back.")
	tab.Follow("[data-keys] button")
	seen(t, tab, "merchant-complaint-answered")
	if c := s.follow(t, first); c.State != "answered" || !tab.Has("[role=status]") {
		t.Errorf("the complaint is %s", c.State)
	}
}

func (s *running) objects(t *testing.T, tab *browser.Tab) {
	t.Helper()
	tab.Go(s.shopDesk("/record"))
	seen(t, tab, "merchant-record")
	s.operator.done(t, post("/api/v1/businesses/"+zahraCompany+"/publication", "", map[string]string{"state": "invited"}), http.StatusOK, nil)
	tab.Go(s.shopDesk("/record"))
	tab.Wait("[data-keys] button")
	seen(t, tab, "merchant-invited")
	tab.Fill("#reason", "before_a_court")
	tab.Follow("form:has(#reason) [data-keys] button")
	seen(t, tab, "merchant-objected")
	if a := s.operator.send(t, post("/api/v1/businesses/"+zahraCompany+"/publication", "", map[string]string{"state": "public"})); !strings.Contains(string(a.body), "publication_objected") {
		t.Errorf("published all the same: %d %s", a.status, a.body)
	}
}

func (s *running) readsCalendar(t *testing.T, tab *browser.Tab) {
	t.Helper()
	s.complain(t, zahraCompany, "T-2")
	address := func() string {
		t.Helper()
		tab.Go(s.shopDesk(""))
		tab.Follow("form[action$='/calendar'] button")
		if tab.Has(".confirm") {
			seen(t, tab, "merchant-calendar-sure")
			tab.Follow(".confirm form button")
		}
		seen(t, tab, "merchant-calendar")
		return strings.TrimPrefix(strings.TrimSpace(tab.Text("pre")), s.Config.Portal)
	}
	old := address()
	a := s.anyone.done(t, get(old, ""), http.StatusOK, nil)
	if n := strings.Count(string(a.body), "BEGIN:VEVENT"); n < 3 || !strings.Contains(a.header.Get("Content-Type"), "text/calendar") {
		t.Errorf("the calendar has %d days: %s", n, a.body)
	}
	if strings.Contains(string(a.body), "T-2") || strings.Contains(string(a.body), zahra.NationalCode) {
		t.Error("the calendar says more than what is due")
	}
	fresh := address()
	if a := s.anyone.send(t, get(old, "")); a.status != http.StatusNotFound {
		t.Errorf("the old address: %d", a.status)
	}
	s.anyone.done(t, get(fresh, ""), http.StatusOK, nil)
	tab.Go(s.shopDesk(""))
	tab.Follow("form[action$='/calendar'] button[value=end]")
	s.anyone.done(t, get(fresh, ""), http.StatusOK, nil) // it was only asked
	tab.Follow(".confirm form button")
	if a := s.anyone.send(t, get(fresh, "")); a.status != http.StatusNotFound {
		t.Errorf("the ended address: %d", a.status)
	}
}

// TestAMerchantsDeskWithoutScripts: who has the key elsewhere signs in and does
// all by the commands that the pages show.
func TestAMerchantsDeskWithoutScripts(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	c := s.apply(t, zahra, zahraCompany).certify(t)
	first := s.complain(t, zahraCompany, "T-1")
	chromium := browser.Shared(t)
	for _, l := range []browser.Look{{Lang: "fa", Narrow: true, NoScript: true}, {Lang: "en", NoScript: true, Dark: true}} {
		tab := chromium.Tab(t, l)
		s.signsInBy(t, tab, c, "/my/shop")
		seen(t, tab, "merchant-overview")
		tab.Go(s.shopDesk("/badges/new?domain=" + zahraOtherShop + "&licence=" + shopLicence))
		seen(t, tab, "merchant-request-ready")
		if text := tab.Text("pre"); !strings.Contains(text, "--domain "+zahraOtherShop) || !strings.Contains(text, "--legal-id "+zahraCompany) {
			t.Errorf("the command is %s", text)
		}
		tab.Go(s.shopDesk("/complaints/" + first.ID))
		seen(t, tab, "merchant-complaint")
		if tab.Text("pre") == "" || !strings.Contains(tab.Text("pre"), "mohr complaints answer "+first.ID) {
			t.Error("there is no command to answer with")
		}
		tab.Go(s.shopDesk("/record"))
		seen(t, tab, "merchant-record")
	}
}

// signsInBy signs the tab in by a statement of the command.
func (s *running) signsInBy(t *testing.T, tab *browser.Tab, c *certified, path string) {
	t.Helper()
	tab.Go(s.Config.Portal + path)
	tab.Open("details")
	tab.Fill("#statement", command(t, s.keyArgs(c.certFile, c.keyFile)...))
	tab.Follow("form[action='/signin/statement'] button")
}

// notYours is what somebody reads who does not act for the business.
const notYours = "you do not act for this business here"

// TestOnlyWhoActsForABusinessSeesItsDesk: each page, for each kind of visitor.
func TestOnlyWhoActsForABusinessSeesItsDesk(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	shop := s.apply(t, zahra, zahraCompany).certify(t)
	signatory, clerk := s.apply(t, zahra, "").certify(t), s.apply(t, mina, "").certify(t)
	other := s.apply(t, narges, nargesCompany).certify(t)
	first := s.complain(t, zahraCompany, "T-1")
	var asked badge.Record
	s.anyone.done(t, sendBadge(s.badgeJWS(t, shop.holder, zahraCompany, zahraOtherShop)), http.StatusCreated, &asked)
	given := s.gives(t, signatory.holder, mandate.GrantTerms{
		Reference: randomID(), LegalID: zahraCompany, NationalCode: mina.NationalCode, Title: "فروش", Scopes: []mandate.Scope{mandate.ComplaintAnswer},
		ValidFrom: time.Now().UTC().Truncate(time.Second), ValidTo: time.Now().UTC().Truncate(time.Second).AddDate(0, 1, 0),
	}, mandate.Granted)
	complaintPages := []string{"/complaints", "/complaints/" + first.ID, "/record", "/notices"}
	badgePages := []string{"/badges/new", "/badges/" + string(asked.ID)}
	chromium := browser.Shared(t)
	for _, test := range []struct {
		name              string
		by                *certified
		desk, talk, badge bool // the overview, complaints, badges
	}{
		{"its certificate", shop, true, true, true},
		{"a signatory's own, without a mandate", signatory, false, false, false},
		{"who has a mandate to answer", clerk, true, true, false},
		{"another business's certificate", other, false, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			tab := chromium.Tab(t, browser.Look{Lang: "en"})
			s.signsInBy(t, tab, test.by, "/my/devices")
			for pages, may := range map[string]bool{"": test.desk, strings.Join(complaintPages, " "): test.talk, strings.Join(badgePages, " "): test.badge} {
				for _, page := range strings.Split(pages, " ") {
					tab.Go(s.shopDesk(page))
					if shown := !strings.Contains(tab.Prose(), notYours); shown != may {
						t.Errorf("%s: shown %t: %s", page, shown, tab.Prose())
					}
				}
			}
		})
	}
	tab := chromium.Tab(t, browser.Look{Lang: "en"})
	s.signsInBy(t, tab, clerk, "/my/shop")
	if !tab.Has(fmt.Sprintf("a[href='/my/shop/%s']", zahraCompany)) {
		t.Errorf("who has a mandate cannot choose the business: %s", tab.Prose())
	}
	seen(t, tab, "merchant-choose")
	inPersian := chromium.Tab(t, browser.Look{Lang: "fa", Phone: true})
	s.signsInBy(t, inPersian, clerk, "/my/shop")
	seen(t, inPersian, "merchant-choose")
	tab.Go(s.shopDesk(""))
	tab.Follow("form[action$='/calendar'] button")
	feed := strings.TrimPrefix(strings.TrimSpace(tab.Text("pre")), s.Config.Portal)
	s.anyone.done(t, get(feed, ""), http.StatusOK, nil)
	s.takesBack(t, signatory.holder, given.ID)
	if a := s.anyone.send(t, get(feed, "")); a.status != http.StatusNotFound {
		t.Errorf("the calendar after the mandate was taken back: %d", a.status)
	}
	tab.Go(s.shopDesk(""))
	if !strings.Contains(tab.Prose(), notYours) {
		t.Error("the desk is shown after the mandate was taken back")
	}
	for _, page := range append(append([]string{""}, complaintPages...), badgePages...) {
		if a := s.anyone.send(t, get("/my/shop/"+zahraCompany+page, "")); !strings.Contains(string(a.body), "/signin/statement") {
			t.Errorf("%s without a session: %d %s", page, a.status, a.body)
		}
	}
}

// takesBack takes a mandate back, and nothing else.
func (s *running) takesBack(t *testing.T, h *holder, id mandate.ID) {
	t.Helper()
	var p mandate.Ending
	err := h.say(t.Context(), s.anyone, mandate.QueryType, "/api/v1/mandates/plan", func(c signature.Claims) any { return mandate.Query{Claims: c, Mandate: id} }, &p)
	if err != nil {
		t.Fatal(err)
	}
	var b mandate.Brief
	err = h.say(t.Context(), s.anyone, mandate.RevokeType, "/api/v1/mandates/revocations", func(c signature.Claims) any {
		return mandate.Revocation{Claims: c, Choice: p.Choice, Reason: mandate.Left, PlanSHA256: p.SHA256}
	}, &b)
	if err != nil || b.State != mandate.Revoked {
		t.Fatalf("%+v, %v", b, err)
	}
}

package main

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mohr/badge"
	"mohr/complaints"
	"mohr/internal/browser"
)

// TestADeskWithPicturesAndAWebhookInABrowser: a consumer's picture is shown to
// the business that is meant; a webhook is set, tried and taken away.
func TestADeskWithPicturesAndAWebhookInABrowser(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	chromium := browser.Shared(t)
	for i, l := range []browser.Look{{Lang: "fa"}, {Lang: "en", Narrow: true, Dark: true}} {
		t.Run(l.String(), func(t *testing.T) {
			tab := chromium.Tab(t, l)
			s.browserKey(t, tab, zahra, zahraCompany)
			s.signsIn(t, tab, "/my/shop")

			ticket := s.complain(t, zahraCompany, "T-9"+string(rune('0'+i)))
			file, _ := s.files(t)
			consumer := chromium.Tab(t, l)
			consumer.Go(s.Config.Portal + "/complaints/" + ticket.ID)
			consumer.Fill("#token", ticket.Token)
			consumer.Follow("main form button")
			consumer.Upload("#picture", file)
			consumer.Follow("form[action$='/pictures'] button")
			tab.Go(s.shopDesk("/complaints/" + ticket.ID))
			seen(t, tab, "merchant-complaint-picture")
			var wide int
			tab.Run(`const img = document.querySelector(".shots img"); await img.decode(); return img.naturalWidth`, &wide)
			if wide == 0 {
				t.Error("the picture is not shown")
			}

			tab.Go(s.shopDesk("/notices"))
			seen(t, tab, "merchant-notices")
			tab.Fill("#mobile", "12")
			tab.Follow("main form[method=get] button")
			seen(t, tab, "merchant-notices-error")
			tab.Fill("#mobile", "")
			tab.Fill("#url", "https://nobody.invalid/hook")
			tab.Follow("main form[method=get] button")
			tab.Wait("[data-keys] button")
			tab.Open("details")
			seen(t, tab, "merchant-notices-ready")
			tab.Follow("[data-keys] button")
			seen(t, tab, "merchant-notices-set")
			if secret := tab.Text("pre"); !strings.HasPrefix(secret, "whsec_") {
				t.Errorf("the secret is %q", secret)
			}
			tab.Follow("form[action$='/notices/test'] button")
			seen(t, tab, "merchant-notices-tried")
			if !tab.Has(".verdict.broken[role=status]") || strings.Contains(tab.Prose(), "whsec_") {
				t.Errorf("the result is %s", tab.Prose())
			}
			tab.Follow("a[href$='do=end']")
			tab.Wait("[data-keys] button")
			seen(t, tab, "merchant-notices-end")
			tab.Follow(".confirm [data-keys] button")
			if !tab.Has(".empty") {
				t.Errorf("the webhook is still set: %s", tab.Prose())
			}
		})
	}
}

// TestTheLogIsSearchedInABrowser finds what was done to a certificate by its
// serial, and deeds by their kind and day.
func TestTheLogIsSearchedInABrowser(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	serial := s.apply(t, zahra, "").certify(t).holder.Certificate.SerialNumber.Text(16)
	s.await(t, "entry about the certificate", func() bool {
		return s.anyone.send(t, pageOf("/log/entries?id="+serial, "en")).status == 200
	})
	chromium := browser.Shared(t)
	for _, l := range []browser.Look{{Lang: "fa", Narrow: true}, {Lang: "en", NoScript: true}} {
		t.Run(l.String(), func(t *testing.T) {
			tab := chromium.Tab(t, l)
			tab.Go(s.Config.Portal + "/log/entries")
			tab.Fill("#id", strings.ToUpper(serial))
			tab.Follow("form button")
			seen(t, tab, "log-subject")
			if !strings.Contains(tab.Text("tbody"), "certificate.issued") {
				t.Errorf("its issuance is not found: %s", tab.Prose())
			}
			tab.Fill("#id", "")
			tab.Fill("#kind", "key")
			tab.Fill("#from", "2020-01-01")
			tab.Follow("form button")
			seen(t, tab, "log-kind")
			if rows := tab.Text("tbody"); !strings.Contains(rows, "key.created") || strings.Contains(rows, "certificate.") {
				t.Errorf("found %s", rows)
			}
			tab.Fill("#to", "soon")
			tab.Follow("form button")
			seen(t, tab, "log-no-day")
			if !tab.Has("#to[aria-invalid=true]") {
				t.Error("a day that is none is not told")
			}
		})
	}
}

// officeKey puts the operator's key into the tab's browser, as if it had been
// made there.
func (s *running) officeKey(t *testing.T, tab *browser.Tab) {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(s.data, "operator.key"))
	if err != nil {
		t.Fatal(err)
	}
	chain, err := os.ReadFile(filepath.Join(s.data, "operator.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(key)
	in, err := json.Marshal([]string{base64.StdEncoding.EncodeToString(block.Bytes), string(chain)})
	if err != nil {
		t.Fatal(err)
	}
	var n int
	tab.Run(`const [der, chain] = `+string(in)+`, keys = await import("/static/keys.js");
		const privateKey = await crypto.subtle.importKey("pkcs8", keys.fromBase64(der), { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
		await keys.put({ id: "office", privateKey, chain: keys.fromPEM(chain), created: new Date() });
		return (await keys.certified()).length`, &n)
	if n != 1 {
		t.Fatal("the browser does not keep the operator's key")
	}
}

// TestAnOfficerSignsInABrowser: a decision and a badge's suspension, prepared,
// shown in plain words, signed with a key of the browser.
func TestAnOfficerSignsInABrowser(t *testing.T) {
	s := startService(t, "")
	merchant := s.apply(t, zahra, zahraCompany).certify(t)
	var asked badge.Record
	s.anyone.done(t, sendBadge(s.badgeJWS(t, merchant.holder, zahraCompany, zahraOtherShop)), http.StatusCreated, &asked)
	s.prove(t, asked)
	s.check(t, asked.ID)
	desk := s.operatorsWay(t)
	chromium := browser.Shared(t)
	for i, l := range []browser.Look{{Lang: "fa", Narrow: true}, {Lang: "en"}} {
		t.Run(l.String(), func(t *testing.T) {
			ticket := s.complain(t, zahraCompany, "T-3"+string(rune('0'+i)))
			s.anyone.done(t, sendAnswer(ticket.ID, s.answerJWS(t, merchant.holder, ticket.ID)), http.StatusOK, nil)
			s.says(t, ticket, "escalate", map[string]string{"text": "پول پس داده نشد."})
			tab := chromium.Tab(t, l)
			tab.Go(desk + "/console/key")
			tab.Click("[data-make]")
			tab.Wait("[data-request]:not([hidden])")
			seen(t, tab, "console-key")
			s.officeKey(t, tab)
			tab.Go(desk + "/console/complaints/" + ticket.ID)
			seen(t, tab, "console-complaint")
			tab.Follow("a[href$='kind=decided']")
			seen(t, tab, "console-ruling")
			tab.Fill("#text", "Half of it.")
			tab.Follow("main form button")
			tab.Wait("[data-keys] button")
			tab.Open("details")
			seen(t, tab, "console-ruling-ready")
			tab.Follow("[data-keys] button")
			seen(t, tab, "console-ruled")
			if c := s.follow(t, ticket); c.State != complaints.StateDecided {
				t.Errorf("the complaint is %s", c.State)
			}

			tab.Go(desk + "/console/badges?q=" + zahraOtherShop)
			seen(t, tab, "console-badges")
			tab.Follow("main li a[href^='/console/badges/']")
			seen(t, tab, "console-badge")
			tab.Fill("#deed", []string{"suspend", "lift"}[i])
			tab.Fill("#ground", []string{"misuse", "resolved"}[i])
			tab.Fill("#reasons", "shown on another site")
			tab.Follow("main form[method=post] button")
			tab.Wait("[data-keys] button")
			seen(t, tab, "console-badge-ready")
			tab.Follow("[data-keys] button")
			seen(t, tab, "console-badge-done")
			var r badge.Record
			s.anyone.done(t, get("/api/v1/badges/"+string(asked.ID), ""), http.StatusOK, &r)
			if want := []badge.State{badge.Suspended, badge.Active}[i]; r.State != want || !tab.Has("[role=status]") {
				t.Errorf("the badge is %s, want %s", r.State, want)
			}
		})
	}
}

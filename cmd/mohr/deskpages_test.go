package main

import (
	"strings"
	"testing"

	"mohr/internal/browser"
)

// TestADeskWithPicturesAndAWebhookInABrowser: a consumer's picture is shown to
// the business that is meant; a webhook is set, tried and taken away.
func TestADeskWithPicturesAndAWebhookInABrowser(t *testing.T) {
	s := startService(t, "")
	chromium := browser.Start(t)
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
	s := startService(t, "")
	serial := s.apply(t, zahra, "").certify(t).holder.Certificate.SerialNumber.Text(16)
	s.await(t, "entry about the certificate", func() bool {
		return s.anyone.send(t, pageOf("/log/entries?id="+serial, "en")).status == 200
	})
	chromium := browser.Start(t)
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

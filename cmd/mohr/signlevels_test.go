package main

import (
	"strings"
	"testing"

	"mohr/ca/document/pdf"
	"mohr/internal/browser"
)

// TestAHolderChoosesALevelInABrowser: each level chosen on the page is
// what comes out, and the page says before the signature which one it will be.
// OpenSSL leads signer and chain to the service's root.
func TestAHolderChoosesALevelInABrowser(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	tab := browser.Shared(t).Tab(t, browser.Look{Lang: "fa"})
	s.withKeyHere(t, tab, zahra, false)
	signsInHere(t, tab)
	contract, text := plainPDF(t, "contract.pdf"), writeFile(t, "contract.txt", []byte("one is to pay ten\n"))
	for _, l := range []struct{ file, form, level, told, want, picture string }{
		{contract, "#form-pades", "LT", "بررسی بدون ما", "PAdES B-LT", "sign-pdf"},
		{text, "#form-cades", "LT", "بررسی بدون ما", "CAdES B-LT", "sign-cms"},
		{text, "#form-cades", "B", "تا پایان گواهی", "CAdES B-B", "sign-cms"},
	} {
		tab.Go(s.Config.Portal + "/my/sign")
		tab.Wait("main[data-ready] #sign")
		tab.Open("#sign details")
		tab.Fill("#level", l.level)
		seen(t, tab, "sign-document")
		signed := signsOnPage(t, tab, l.file, l.form, l.picture)
		if l.form == "#form-pades" {
			pdfsigHolds(t, signed, 1)
			s.opensslHoldsPDF(t, signed)
		} else {
			s.opensslHolds(t, l.file, signed)
		}
		tab.Open("#elsewhere")
		if said := tab.Text("#command"); !strings.Contains(said, "--level "+l.level+" ") {
			t.Errorf("the command is %s", said)
		}
		var told string
		tab.Run(`return document.querySelector("#look [data-level]").textContent`, &told)
		if !strings.Contains(told, l.told) {
			t.Errorf("%s: the page said %q of the level", l.want, told)
		}
		checksOnPage(t, tab, l.want)
	}
}

// opensslHoldsPDF has openssl verify each CMS in a PDF over what it covers.
func (s *running) opensslHoldsPDF(t *testing.T, signed []byte) {
	t.Helper()
	f, err := pdf.Open(signed)
	if err != nil {
		t.Fatal(err)
	}
	list, err := f.Signatures()
	if err != nil || len(list) == 0 {
		t.Fatalf("%d signatures, %v", len(list), err)
	}
	for _, one := range list {
		s.opensslHolds(t, writeFile(t, "covered", one.Covered()), one.CMS)
	}
}

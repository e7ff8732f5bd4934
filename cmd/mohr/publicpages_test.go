package main

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/complaints"
	"mohr/internal/browser"
	"mohr/internal/store"
)

// country is a data directory in which three years of complaints were brought
// in before the service began.
func country(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	s, err := store.OpenBolt(filepath.Join(data, "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var b strings.Builder
	b.WriteString("id,business,served,answered,category\n")
	random := rand.New(rand.NewPCG(1, 4))
	subjects := complaints.Categories()
	now := time.Now().UTC().Truncate(time.Second)
	for i := range 3000 {
		age := time.Duration(random.Int64N(int64(3 * 365 * 24 * time.Hour)))
		served, answered := now.Add(-age), ""
		if late := time.Duration(random.ExpFloat64() * float64(60*time.Hour)); late < age && random.IntN(8) > 0 {
			answered = served.Add(late).Format(time.DateTime)
		}
		subject := subjects[min(random.IntN(len(subjects)), random.IntN(len(subjects)))]
		fmt.Fprintf(&b, "%d,%s,%s,%s,%s\n", i, []string{zahraCompany, nargesCompany}[i%2], served.Format(time.DateTime), answered, subject)
	}
	g := &complaints.Register{Store: s}
	report, err := g.Import(t.Context(), strings.NewReader(b.String()), complaints.ImportConfig{DateLayout: time.DateTime, Columns: map[string]string{
		"id": "id", "business": "business", "served": "served", "answered": "answered", "category": "category",
	}}, nil)
	if err != nil || report.Imported != 3000 {
		t.Fatal(report, err)
	}
	return data
}

// TestTheFiguresOfTheCountryInABrowser reads the statistics, all and chosen,
// and the open data.
func TestTheFiguresOfTheCountryInABrowser(t *testing.T) {
	t.Parallel()
	s := startService(t, country(t))
	s.await(t, "the country's figures", func() bool { return s.anyone.send(t, get("/api/v1/statistics", "")).status == http.StatusOK })
	chromium := browser.Shared(t)
	for _, l := range readers {
		t.Run(l.String(), func(t *testing.T) {
			tab := chromium.Tab(t, l)
			tab.Go(s.Config.Portal + "/statistics")
			seen(t, tab, "statistics")
			for _, want := range []string{"svg.chart.columns rect.c3", "svg.chart.course circle", "svg.chart.rows rect.mark", "section table tbody tr"} {
				if !tab.Has(want) {
					t.Errorf("the page has no %s", want)
				}
			}
			tab.Fill("#category", "refund")
			tab.Follow(".filter button")
			seen(t, tab, "statistics-refund")
			tab.Go(s.Config.Portal + "/open")
			seen(t, tab, "open-data")
		})
	}
	for _, path := range []string{"/statistics?year=1300", "/statistics?category=nothing"} {
		if a := s.anyone.send(t, pageOf(path, "fa")); a.status != http.StatusNotFound {
			t.Errorf("%s: status %d", path, a.status)
		}
	}
}

// await asks until it is so.
func (s *running) await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s after three minutes", what)
		}
	}
}

// TestTheLogIsLookedThroughInABrowser finds an entry and its proof.
func TestTheLogIsLookedThroughInABrowser(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	s.await(t, "log of ten entries", func() bool { return s.anyone.send(t, pageOf("/log/entries?id=9", "en")).status == http.StatusOK })
	chromium := browser.Shared(t)
	for _, l := range readers {
		t.Run(l.String(), func(t *testing.T) {
			tab := chromium.Tab(t, l)
			tab.Go(s.Config.Portal + "/log/entries")
			seen(t, tab, "log")
			tab.Follow("tbody tr:last-child a")
			seen(t, tab, "log-entry")
			if !tab.Has("section p.ok") || !tab.Has(`a[href^="/log/proof/"]`) {
				t.Error("the entry is shown without its proof")
			}
			tab.Fill("#id", strings.Repeat("0", 64))
			tab.Follow("form button")
			seen(t, tab, "log-unknown")
			if !tab.Has(".errors[role=alert]") {
				t.Error("an entry that is not there is not said to be missing")
			}
		})
	}
}

// TestACertificateIsCheckedInABrowser brings certificates by file, by text and
// by number.
func TestACertificateIsCheckedInABrowser(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	mine := s.apply(t, zahra, "").certify(t)
	leaf := mine.holder.Certificate
	serial := ca.SerialText(leaf.SerialNumber)
	file := filepath.Join(t.TempDir(), "anything.jpg") // what it is called counts for nothing
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	chromium := browser.Shared(t)
	for _, l := range readers {
		t.Run(l.String(), func(t *testing.T) {
			tab := chromium.Tab(t, l)
			tab.Go(s.Config.Portal + "/certificates")
			seen(t, tab, "lookup")
			tab.Upload("#file", file)
			tab.Follow("form[method=post] button")
			seen(t, tab, "lookup-good")
			if !tab.Has(".verdict.good") {
				t.Error("a good certificate is not said to be")
			}
			tab.Fill("#serial", serial)
			tab.Follow("form[method=get] button")
			seen(t, tab, "lookup-serial")
			tab.Fill("#text", "nothing of the kind")
			tab.Follow("form[method=post] button")
			seen(t, tab, "lookup-error")
			if !tab.Has(".errors[role=alert]") {
				t.Error("what is no certificate is not refused")
			}
		})
	}
	byNumber := s.anyone.done(t, pageOf("/certificates?"+url.Values{"serial": {serial}}.Encode(), "en"), http.StatusOK, nil)
	for _, private := range []string{"Zahra", "ZAHRA", "زهرا", "CN=", "C=IR"} {
		if private != "" && strings.Contains(string(byNumber.body), private) {
			t.Errorf("who knows the number alone is told %q", private)
		}
	}
}

// TestEveryPartOfTheDesignInABrowser looks at the pages of who makes pages.
func TestEveryPartOfTheDesignInABrowser(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	chromium := browser.Shared(t)
	for _, l := range looks {
		t.Run(l.String(), func(t *testing.T) {
			tab := chromium.Tab(t, l)
			for name, path := range map[string]string{"dev": "/dev/", "dev-patterns": "/dev/patterns", "dev-messages": "/dev/messages"} {
				tab.Go("http://" + s.Ops.Addr().String() + path)
				seen(t, tab, name)
			}
		})
	}
	if a := s.anyone.send(t, pageOf("/dev/patterns", "en")); a.status != http.StatusNotFound {
		t.Errorf("the public listener has the page too: %d", a.status)
	}
}

// TestAConsumerFollowsAComplaintInABrowser goes from the receipt's number to
// the answer, and says that it was none.
func TestAConsumerFollowsAComplaintInABrowser(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	merchant := s.apply(t, zahra, zahraCompany).certify(t)
	chromium := browser.Shared(t)
	for i, l := range append(slices.Clone(readers), others...) {
		t.Run(l.String(), func(t *testing.T) {
			ticket := s.complain(t, zahraCompany, fmt.Sprintf("T-2%03d", i))
			tab := chromium.Tab(t, l)
			open := func(name string) {
				tab.Go(s.Config.Portal + "/complaints")
				tab.Fill("#id", ticket.ID)
				tab.Follow("main form button")
				tab.Fill("#token", ticket.Token)
				tab.Follow("main form button")
				seen(t, tab, name)
			}
			open("complaint-follow")
			picture, page := s.files(t)
			tab.Upload("#picture", page)
			tab.Follow("form[action$='/pictures'] button")
			seen(t, tab, "complaint-picture-refused")
			if !tab.Has(".errors[role=alert]") {
				t.Error("a page that is called a picture is not refused")
			}
			tab.Upload("#picture", picture)
			tab.Follow("form[action$='/pictures'] button")
			seen(t, tab, "complaint-picture")
			if !tab.Has("input[name=do][value=picture]") {
				t.Error("the picture is not with the complaint")
			}
			s.anyone.done(t, sendAnswer(ticket.ID, s.answerJWS(t, merchant.holder, ticket.ID)), http.StatusOK, nil)
			open("complaint-answered")
			tab.Follow("form:has(input[value=dispute]) button")
			seen(t, tab, "complaint-disputed")
			if c := s.follow(t, ticket); c.State == complaints.StateAnswered {
				t.Errorf("the complaint is %s", c.State)
			}
		})
	}
}

// files are a picture that is called something else, and a page that is called
// a picture.
func (s *running) files(t *testing.T) (good, bad string) {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 64, 48))); err != nil {
		t.Fatal(err)
	}
	good, bad = filepath.Join(t.TempDir(), "parcel.bin"), filepath.Join(t.TempDir(), "parcel.png")
	for file, octets := range map[string][]byte{good: b.Bytes(), bad: []byte("<script>alert(1)</script>")} {
		if err := os.WriteFile(file, octets, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return good, bad
}

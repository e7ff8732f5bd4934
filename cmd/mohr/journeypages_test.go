package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mohr/badge"
	"mohr/internal/browser"
	"mohr/internal/pkitest"
)

// shots is where pictures of the main pages go: make screenshots.
var shots = flag.String("shots", "", "write pictures of the pages to this folder")

// everyShot is for who designs a page and wants to see all of them.
var everyShot = flag.Bool("everyshot", false, "with -shots: pictures of all pages, not only of those that are kept")

// pictured are the pages of which pictures are kept.
var pictured = []string{"home", "enroll-start", "enroll-key", "enroll-certificate", "signin", "my", "my-certificate", "devices", "sign-document", "sign-pdf-look", "sign-pdf-done", "badge", "record", "complaint-new", "complaint-filed", "statistics"}

// seen holds the page against what every page promises, and keeps its picture
// if pictures are wanted.
func seen(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	holdPage(t, tab, name)
	if *shots != "" && (*everyShot || !tab.NoScript && !tab.Quick && slices.Contains(pictured, name)) {
		tab.Shot(filepath.Join(*shots, name+"-"+tab.Look.String()+".png"))
	}
}

// TestAPersonGetsACertificateInABrowser goes the whole way by clicks, and
// counts them.
func TestAPersonGetsACertificateInABrowser(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	again := startService(t, "") // where nobody has a certificate yet
	chromium := browser.Shared(t)
	for i, l := range append([]browser.Look{{Lang: "fa"}, {Lang: "en", Phone: true, NoScript: true}, {Lang: "fa", Phone: true}, {Lang: "en", Dark: true}}, others...) {
		t.Run(l.String(), func(t *testing.T) {
			s, who := []*running{s, again}[i/4], []applicant{zahra, davood, mina, narges}[i%4]
			tab := chromium.Tab(t, l)
			clicks := 0
			next := func(selector string) { tab.Follow(selector); clicks++ }
			tab.Go(s.Config.Portal + "/")
			seen(t, tab, "home")
			next(`.hero a[href="/enroll"]`)
			seen(t, tab, "enroll-start")
			tab.Fill("#national_code", "1")
			tab.Fill("#birth_date", who.BirthDate)
			tab.Fill("#mobile", who.Mobile)
			tab.Follow("form[action='/enroll'] button")
			seen(t, tab, "enroll-error")
			tab.Fill("#national_code", who.NationalCode)
			next("form[action='/enroll'] button")
			seen(t, tab, "enroll-consent")
			tab.Click("#accepted")
			clicks++
			next("form[action$='/consent'] button")
			seen(t, tab, "enroll-code")
			code, err := s.code(t, who.Mobile)
			if err != nil {
				t.Fatal(err)
			}
			tab.Fill("#code", code)
			next("form[action$='/code'] button")
			seen(t, tab, "enroll-face")
			next("form[action$='/face'] button")
			seen(t, tab, "enroll-key")
			tab.Upload("#file", s.requestFile(t))
			next("form[action$='/csr'] button")
			seen(t, tab, "enroll-certificate")
			if !tab.Has(`a[href$="/certificate.pem"]`) {
				t.Error("there is no certificate to fetch")
			}
			tab.Follow("a[href$='/export']")
			seen(t, tab, "enroll-export")
			t.Logf("%d clicks from the first page to the certificate", clicks)
		})
	}
}

// requestFile is a certification request for a new key, as a file.
func (s *running) requestFile(t *testing.T) string {
	t.Helper()
	_, _, csr := s.newKey(t)
	file := filepath.Join(t.TempDir(), "holder.csr")
	if err := os.WriteFile(file, csr, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// onPaper is where the code leads that the badge has on paper.
func (s *scene) onPaper(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "code.png")
	png := s.anyone.done(t, get("/badge/"+string(s.badge.ID)+".qr.png", ""), http.StatusOK, nil).body
	if err := os.WriteFile(file, png, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(pkitest.Need(t, "zbarimg", "zbar-tools"), "--quiet", "--raw", file).Output()
	path, ours := strings.CutPrefix(strings.TrimSpace(string(out)), s.Config.Portal)
	if err != nil || !ours {
		t.Fatalf("the code says %q: %v", out, err)
	}
	return path
}

// TestTheRecordOfAShopInABrowser looks at what a consumer sees: badge, record,
// complaint, from the badge's page on.
func TestTheRecordOfAShopInABrowser(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.prove(t, s.badge)
	if r := s.check(t, s.badge.ID); r.State != badge.Active {
		t.Fatalf("the badge is %s: %+v", r.State, r.Findings)
	}
	for _, state := range []string{"invited", "public"} {
		s.operator.done(t, post("/api/v1/businesses/"+zahraCompany+"/publication", "", map[string]string{"state": state}), http.StatusOK, nil)
	}
	paper := s.onPaper(t)
	chromium := browser.Shared(t)
	for i, l := range append([]browser.Look{{Lang: "fa"}, {Lang: "en", Phone: true, NoScript: true}, {Lang: "fa", Phone: true}, {Lang: "en", Dark: true}}, others...) {
		t.Run(l.String(), func(t *testing.T) {
			tab := chromium.Tab(t, l)
			for _, p := range []struct{ name, path string }{
				{"badge", "/badge/" + string(s.badge.ID)}, {"badge-service", "/badge/service"}, {"badge-fakes", "/badge/fakes"}, {"badge-token", paper}, {"badge-token-wrong", "/badge/qr/x"},
				{"badge-lookup", "/badge?domain=" + zahraOtherShop}, {"badge-search", "/badge?q=" + zahraCompany}, {"badge-search-none", "/badge?q=nobody"}, {"businesses", "/businesses"}, {"record", "/businesses/" + zahraCompany},
			} {
				tab.Go(s.Config.Portal + p.path)
				seen(t, tab, p.name)
				if p.name == "badge-search" && !tab.Has("main .tag.ok") {
					t.Error("the badge is not found by the id of its business")
				}
				if p.name == "record" && !tab.Has("th[scope=row]") {
					t.Error("the record does not say what complaints are about")
				}
			}
			tab.Go(s.Config.Portal + "/complaints/c-00000000000000000000000000000000/answer")
			seen(t, tab, "complaint-answer")
			for field, text := range map[string]string{"business": zahraCompany, "national_code": zahra.NationalCode, "mobile": zahra.Mobile, "text": "We paid it back."} {
				tab.Fill("#"+field, text)
			}
			tab.Follow("main form button")
			seen(t, tab, "complaint-answer-refused")
			tab.Go(s.Config.Portal + "/complaints/new?business=" + zahraCompany)
			seen(t, tab, "complaint-new")
			mobile := fmt.Sprintf("+98999000000%d", i)
			tab.Fill("#category", "late_delivery")
			tab.Follow("form[action='/complaints/new'] button")
			seen(t, tab, "complaint-business")
			tab.Follow("main form:has(input[value='next']) button")
			for field, text := range map[string]string{"order": "T-1", "day": time.Now().UTC().AddDate(0, 0, -3).Format(time.DateOnly), "amount": "1250000", "text": "The parcel never came."} {
				tab.Fill("#"+field, text)
			}
			seen(t, tab, "complaint-details")
			tab.Follow("main form button")
			seen(t, tab, "complaint-pictures")
			tab.Follow("main a.btn")
			seen(t, tab, "complaint-contact")
			tab.Fill("#mobile", mobile)
			tab.Follow("main form button")
			seen(t, tab, "complaint-check")
			code, err := s.code(t, mobile)
			if err != nil {
				t.Fatal(err)
			}
			tab.Fill("#code", code)
			tab.Follow("main form:has(#code) button")
			seen(t, tab, "complaint-filed")
		})
	}
}

// TestACertificateIsRenewedByUploadInABrowser: by three files that programs
// made, where there are no scripts.
func TestACertificateIsRenewedByUploadInABrowser(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	chromium := browser.Shared(t)
	for i, l := range []browser.Look{{Lang: "fa", NoScript: true}, {Lang: "en", Narrow: true, NoScript: true}, {Lang: "fa", Phone: true, NoScript: true, Quick: true}, {Lang: "en", NoScript: true, Quick: true}} {
		t.Run(l.String(), func(t *testing.T) {
			r := s.renewal(t, s.apply(t, []applicant{zahra, davood, mina, narges}[i], "").certify(t).holder, nil)
			tab := chromium.Tab(t, l)
			upload := func(document []byte) {
				for field, content := range map[string][]byte{"statement": r.Statement, "document": document, "csr": r.CSR} {
					file := filepath.Join(t.TempDir(), field)
					if err := os.WriteFile(file, content, 0o600); err != nil {
						t.Fatal(err)
					}
					tab.Upload("#"+field, file)
				}
				tab.Follow("form[action='/renew'] button")
			}
			tab.Go(s.Config.Portal + "/renew")
			seen(t, tab, "renew")
			upload([]byte("{}"))
			seen(t, tab, "renew-error")
			upload(r.Document)
			seen(t, tab, "renew-done")
			if !tab.Has("a[href$='/certificate']") {
				t.Errorf("there is no new certificate to fetch: %s", tab.Prose())
			}
		})
	}
}

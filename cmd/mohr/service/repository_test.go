package service

import (
	"log/slog"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/internal/web"
)

// papers opens the ground of a fresh data directory, and of the rooms on it
// only the one with the documents.
func papers(t *testing.T, change func(*Config)) (*rooms, error) {
	t.Helper()
	c := begin(t)
	change(&c)
	g, err := Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	r := &rooms{Ground: g}
	if err := r.openTexts(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r, r.openWeb(t.Context())
}

func TestTheDisclosureStatementsOfACertificateAreAtTheirAddresses(t *testing.T) {
	r, err := papers(t, func(*Config) {})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	_, csr := catest.NewKey(t)
	d := r.policy.Evaluate(evidence.Case{Profile: ca.NaturalSign, Home: evidence.Software, Records: catest.Zahra.Evidence(ca.NaturalSign, now)}, now)
	cert, err := r.CA.Issue(t.Context(), ca.Order{Request: "r1", CSR: csr, Decision: d})
	if err != nil {
		t.Fatal(err)
	}
	plain := web.NewPlain(r.webConfig())
	web.Repository(plain)
	urls := regexp.MustCompile(`https://[a-z0-9:./]+/repository/pds-(?:en|fa)`).FindAllString(string(cert.DER), -1)
	if len(urls) != 2 {
		t.Fatalf("the certificate names %q", urls)
	}
	for _, address := range urls {
		u, err := url.Parse(address)
		if err != nil || !strings.HasPrefix(address, r.Config.Portal+"/") {
			t.Fatalf("%s is not on the portal: %v", address, err)
		}
		w := httptest.NewRecorder()
		r.web.Handler().ServeHTTP(w, httptest.NewRequest("GET", u.Path, nil))
		if w.Code != 200 || !strings.Contains(w.Body.String(), "<article lang=\""+address[len(address)-2:]) {
			t.Errorf("%s on the portal: %d", address, w.Code)
		}
		w = httptest.NewRecorder()
		plain.ServeHTTP(w, httptest.NewRequest("GET", u.Path, nil))
		if w.Code != 200 {
			t.Errorf("%s on the plain listener: %d", address, w.Code)
		}
	}
	index, practice := httptest.NewRecorder(), httptest.NewRecorder()
	r.web.Handler().ServeHTTP(index, httptest.NewRequest("GET", "/repository/", nil))
	for _, want := range []string{"/ca/root.cer", "/crl/root/0.crl", "/ca/sign-p256.cer", ca.CRLPath(ca.SignIssuer, 0), "/crl/service-p256/0.crl"} {
		if !strings.Contains(index.Body.String(), `href="`+r.Config.Publish+want+`"`) {
			t.Errorf("%s is not in the index", want)
		}
	}
	r.web.Handler().ServeHTTP(practice, httptest.NewRequest("GET", "/repository/practice-en", nil))
	for _, profile := range ca.Profiles() {
		if !strings.Contains(practice.Body.String(), ">"+profile+"<") {
			t.Errorf("%s is not with the practice statement", profile)
		}
	}
	if rules, _ := r.policy.Rules(ca.NaturalSign); !strings.Contains(practice.Body.String(), ">"+rules.PolicyOIDs[evidence.Token]+"<") {
		t.Error("a policy is not with the practice statement")
	}
}

func TestADirectoryOfDocumentsThatLacksALanguageStopsTheStart(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"practice-fa", "practice-en", "pds-en", "terms-fa", "terms-en"} {
		if err := os.WriteFile(filepath.Join(dir, name+".md"), []byte("# Ours\n\nText.\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := papers(t, func(c *Config) { c.Repository = dir })
	if err == nil || !strings.Contains(err.Error(), "pds-fa.md is missing") {
		t.Fatalf("start: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pds-fa.md"), []byte("# Ours\n\nText.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := papers(t, func(c *Config) { c.Repository = dir })
	if err != nil {
		t.Fatal(err)
	}
	if b, err := r.web.Document("terms", "en"); err != nil || string(b) != "# Ours\n\nText.\n" {
		t.Errorf("%q, %v", b, err)
	}
}

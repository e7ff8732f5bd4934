package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mohr/internal/browser"
)

// operatorsWay is a way for a browser to the mtls listener with the operator's
// certificate, which a browser of a test has nowhere to keep.
func (s *running) operatorsWay(t *testing.T) string { return s.way(t, s.operator) }

// way is one for a browser to where the client goes, with its certificate.
func (s *running) way(t *testing.T, c *client) string {
	t.Helper()
	to, err := url.Parse(c.base)
	if err != nil {
		t.Fatal(err)
	}
	way := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: c.http.Transport,
	})
	t.Cleanup(way.Close)
	return way.URL
}

// atReview is an application that the policy sends to officers.
func (s *running) atReview(t *testing.T) *application {
	t.Helper()
	a := s.apply(t, shirin, "")
	for state := a.state(t); len(state.Needs) > 0; state = a.state(t) {
		if err := a.step(t.Context(), state.Needs[0], state.Terms); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// consolePages are the operators' pages that need nothing but the right.
var consolePages = []string{"/console", "/console/reviews", "/console/complaints", "/console/plans", "/console/plans/new", "/console/certificates", "/console/health", "/console/audit", "/console/badges", "/console/key"}

// TestTheOperatorsPagesInABrowser walks through all of them with something on
// each, and does what pages can do.
func TestTheOperatorsPagesInABrowser(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	merchant := s.apply(t, zahra, zahraCompany).certify(t)
	a := s.atReview(t)
	ticket := s.complain(t, zahraCompany, "T-1")
	serial := merchant.holder.Certificate.SerialNumber.Text(16)
	desk := s.operatorsWay(t)
	chromium := browser.Shared(t)
	for _, l := range append(slices.Clone(readers), others...) {
		t.Run(l.String(), func(t *testing.T) {
			tab := chromium.Tab(t, l)
			open := func(path, name string) {
				tab.Go(desk + path)
				seen(t, tab, name)
			}
			for _, path := range consolePages {
				open(path, strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", "-"))
				if !tab.Has(".desks a[aria-current]") {
					t.Errorf("%s does not say where one is", path)
				}
			}
			open("/console/complaints/"+ticket.ID, "console-complaint")
			open("/console/certificates?q="+serial, "console-certificate")
			if !tab.Has("section .tag.ok") {
				t.Error("the certificate is not found by its serial")
			}
			tab.Click("details summary")
			tab.Fill("#national_code", zahra.NationalCode)
			tab.Follow("form[method=post] button")
			seen(t, tab, "console-person")
			if !tab.Has("section .tag.ok") {
				t.Error("the certificate is not found by its holder")
			}

			tab.Go(desk + "/console/reviews")
			tab.Follow("form[action='/console/reviews/" + a.id + "'] button")
			seen(t, tab, "console-review")
			tab.Fill("#outcome", "rejected")
			tab.Fill("#reasons", "the new SIM could not be explained")
			tab.Follow("form[action$='/proposals'] button")
			seen(t, tab, "console-proposed")
			if !tab.Has("[role=status]") || !tab.Has("section pre") {
				t.Error("the proposal is not shown with the command that signs it")
			}

			tab.Go(desk + "/console/plans/new")
			tab.Follow("form[action='/console/plans/new'] button")
			seen(t, tab, "console-plan-refused")
			tab.Fill("#serials", serial)
			tab.Follow("form[action='/console/plans/new'] button")
			seen(t, tab, "console-plan")
		})
	}
	if a.state(t).Stage != "review" {
		t.Errorf("a page decided of the application: it is at %s", a.state(t).Stage)
	}
	if c, err := s.operatorCertificate(t, serial); err != nil || c.RevokedAt != "" {
		t.Errorf("a page revoked a certificate: %+v, %v", c, err)
	}
}

// operatorCertificate is a line of the register.
func (s *running) operatorCertificate(t *testing.T, serial string) (c struct {
	RevokedAt string `json:"revoked_at"`
}, err error) {
	s.operator.done(t, get("/api/v1/certificates/"+serial, ""), http.StatusOK, &c)
	return c, nil
}

// TestOnlyOperatorsSeeTheirPages asks without a certificate, and posts from
// another site with one.
func TestOnlyOperatorsSeeTheirPages(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	holder := s.apply(t, zahra, "").certify(t)
	a := s.atReview(t)
	forms := map[string]url.Values{
		"/console/certificates": {"national_code": {zahra.NationalCode}}, "/console/reviews/" + a.id: {},
		"/console/reviews/" + a.id + "/proposals": {"outcome": {"rejected"}, "reasons": {"x"}},
		"/console/complaints/c-1/ruling":          {"kind": {"decided"}}, "/console/badges/b-1": {"deed": {"suspend"}},
		"/console/plans/new": {"serials": {holder.holder.Certificate.SerialNumber.Text(16)}, "reason": {"unspecified"}},
	}
	for _, lang := range []string{"fa", "en"} {
		for _, path := range append([]string{"/console/plans/p-1", "/console/complaints/c-1", "/console/certificates?q=1"}, consolePages...) {
			checkPage(t, s.anyone.send(t, pageOf(path, lang)), http.StatusForbidden, lang)
		}
		for path, fields := range forms {
			f := form(path, fields)
			f.lang = lang
			checkPage(t, s.anyone.send(t, f), http.StatusForbidden, lang)
			for name, headers := range map[string]map[string]string{"another site": {"Sec-Fetch-Site": "cross-site"}, "an old browser": {"Origin": "https://evil.example"}} {
				if got := s.operator.send(t, from(f, headers)); got.status != http.StatusForbidden || !strings.Contains(string(got.body), "cross_site") {
					t.Errorf("%s posts to %s with the operator's certificate: %d", name, path, got.status)
				}
			}
		}
	}
	list := s.operator.done(t, get("/api/v1/lookups", ""), http.StatusOK, nil)
	if strings.Contains(string(list.body), `"by"`) {
		t.Errorf("a refused look-up was made: %s", list.body)
	}
	if plans := s.operator.done(t, get("/api/v1/plans", ""), http.StatusOK, nil); regexp.MustCompile(`"p-[0-9a-f]`).Match(plans.body) {
		t.Errorf("a refused plan was made: %s", plans.body)
	}
}

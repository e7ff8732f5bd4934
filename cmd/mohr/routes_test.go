package main

import (
	"bytes"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"mohr/internal/web"
)

// programs are what no browser's page posts to: their requests carry a
// signature, a token or a secret of their own. The guard is before them too.
var programs = regexp.MustCompile(`^/(api|acme|cmp|\.well-known/est|csc/v2/(info|credentials|signatures|oauth2/(token|revoke)))(/|$)`)

// filled is a path with something in place of its parameters.
func filled(path string) string {
	return strings.ReplaceAll(regexp.MustCompile(`:[a-z]+`).ReplaceAllString(path, "x-1"), "*", "x")
}

// TestEveryRouteIsGuarded asks all routes that there are, so that a new one
// cannot be left out: none takes a form of another site, and no answer that a
// browser would show can be framed, may run anything or is guessed at.
//
//	attack             what is asked                              what stands against it
//	CSRF               POST with Sec-Fetch-Site, Origin, neither  cross_site before any handler; session cookies are SameSite=Lax
//	clickjacking       every GET                                  frame-ancestors 'none', but for a badge's own frame
//	XSS                every GET                                  script-src 'self', Trusted Types, nosniff; escaped texts (below)
//	open redirect      to=, back=, next= with other hosts         Location stays on this host
func TestEveryRouteIsGuarded(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	if len(s.Routes) < 100 {
		t.Fatalf("only %d routes", len(s.Routes))
	}
	for _, r := range s.Routes {
		switch r.Method {
		case http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch:
			s.guardsDeed(t, r)
		case http.MethodGet:
			s.guardsPage(t, r)
		}
	}
}

// guardsDeed sends a form as pages of other sites could.
func (s *running) guardsDeed(t *testing.T, r web.Route) {
	t.Helper()
	for name, headers := range map[string]map[string]string{
		"another site": {"Sec-Fetch-Site": "cross-site"}, "a neighbour": {"Sec-Fetch-Site": "same-site"},
		"an old browser": {"Origin": "https://evil.example"}, "a sandbox": {"Origin": "null"},
	} {
		f := from(form(filled(r.Path), url.Values{"do": {"x"}}), headers)
		f.method, f.lang = r.Method, "en"
		if a := s.anyone.send(t, f); a.status != http.StatusForbidden || !bytes.Contains(a.body, []byte("cross_site")) {
			t.Errorf("%s %s from %s: %d", r.Method, r.Path, name, a.status)
		}
	}
}

// guardsPage holds an answer's headers against what a browser may do with it.
func (s *running) guardsPage(t *testing.T, r web.Route) {
	t.Helper()
	evil := url.Values{}
	for _, name := range []string{"to", "back", "next", "return", "url", "redirect"} {
		evil[name] = []string{"https://evil.example/", "//evil.example/", `/\evil.example/`, "/\t/evil.example"}
	}
	for n := range 4 {
		q := url.Values{}
		for name, list := range evil {
			q.Set(name, list[n])
		}
		a := s.still().send(t, pageOf(filled(r.Path)+"?"+q.Encode(), "en"))
		if at := a.header.Get("Location"); at != "" {
			if u, err := url.Parse(at); err != nil || strings.Contains(u.Host, "evil") || strings.HasPrefix(at, "//") || strings.Contains(at, `\`) {
				t.Errorf("%s leads to %s", r.Path, at)
			}
		}
		policy := a.header.Get("Content-Security-Policy")
		if !strings.HasSuffix(r.Path, "/frame") && !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s can be framed: %q", r.Path, policy)
		}
		if a.header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("%s: %v", r.Path, a.header)
		}
		if programs.MatchString(r.Path) {
			return
		}
	}
}

// still is anyone who does not follow redirects.
func (s *running) still() *client {
	c := *s.anyone.http
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{base: s.anyone.base, http: &c}
}

// TestEveryFormSaysWhatToCorrect posts what is wrong and looks for the list of
// errors, its links, the marks of the fields, and what was typed.
func TestEveryFormSaysWhatToCorrect(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	const evil = `"><script>alert(1)</script>`
	for _, test := range []struct {
		name, path string
		fields     url.Values // nil: asked for
		at         []string   // ids of fields
	}{
		{"an application", "/enroll", url.Values{"profile": {"natural-sign"}, "national_code": {"1" + evil}, "birth_date": {"x"}, "mobile": {"y"}, "names_latin": {evil}, "legal_id": {"7"}},
			[]string{"national_code", "birth_date", "mobile", "names_latin", "legal_id"}},
		{"a complaint", "/complaints/new", url.Values{"key": {strings.Repeat("0", 32)}, "business": {evil}, "category": {evil}},
			[]string{"category"}},
		{"a lock", "/enroll/lock", url.Values{"national_code": {evil}, "mobile": {evil}}, []string{"national_code"}},
		{"a revocation by code", "/enroll/revoke", url.Values{"serial": {evil}, "code": {"x"}, "reason": {"unspecified"}}, []string{"code"}},
		{"an answer by phone", "/complaints/c-1/answer", url.Values{"do": {"send"}, "business": {evil}, "national_code": {evil}, "mobile": {evil}, "kind": {"answer"}, "text": {evil}}, nil},
		{"a sign-in", "/signin/statement", url.Values{"statement": {evil}}, []string{"statement"}},
		{"a badge's domain", "/badge?domain=" + url.QueryEscape("a b."+evil), nil, []string{"domain"}},
		{"a business", "/businesses?id=" + url.QueryEscape(evil), nil, []string{"id"}},
		{"an entry of the log", "/log/entries?id=none", nil, []string{"id"}},
		{"a certificate by its serial", "/certificates?serial=" + url.QueryEscape(evil), nil, []string{"serial"}},
	} {
		for _, lang := range []string{"fa", "en"} {
			t.Run(test.name+" in "+lang, func(t *testing.T) {
				ask := pageOf(test.path, lang)
				if test.fields != nil {
					ask = form(test.path, test.fields)
					ask.lang = lang
				}
				a := s.anyone.send(t, ask)
				if a.status < 400 || a.status >= 500 {
					t.Errorf("status %d", a.status)
				}
				checkPage(t, a, a.status, lang)
				page := string(a.body)
				title := map[string]string{"fa": "<title>خطا: ", "en": "<title>Error: "}[lang]
				for _, want := range []string{title, `role="alert" tabindex="-1" autofocus`} {
					if !strings.Contains(page, want) {
						t.Errorf("no %s in %s", want, page)
					}
				}
				for _, id := range test.at {
					for _, want := range []string{`href="#` + id + `"`, `id="` + id + `_error"`, `aria-invalid="true"`} {
						if !strings.Contains(page, want) {
							t.Errorf("no %s in %s", want, page)
						}
					}
				}
				if strings.Contains(page, "<script>alert") {
					t.Error("what was typed is not escaped")
				}
			})
		}
	}
}

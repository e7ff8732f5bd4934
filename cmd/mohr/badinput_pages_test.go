package main

import (
	"bytes"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"mohr/badge"
)

// browser is anyone with a memory for cookies, who asks for pages.
func (s *running) browser(t *testing.T) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := *s.anyone.http
	c.Jar = jar
	return &client{base: s.anyone.base, http: &c}
}

var forHTML = map[string]string{"Accept": "text/html,application/xhtml+xml"}

// pageOf is a request of a browser in a language.
func pageOf(path, lang string) ask {
	r := get(path, "")
	r.lang, r.headers = lang, forHTML
	return r
}

// checkPage fails unless a is a page in the language that can load nothing
// from elsewhere and nothing inline.
func checkPage(t *testing.T, a answer, status int, lang string) {
	t.Helper()
	if kind := a.header.Get("Content-Type"); a.status != status || !strings.HasPrefix(kind, "text/html") || a.header.Get("Content-Language") != lang {
		t.Fatalf("status %d, want %d; Content-Type %q, Content-Language %q", a.status, status, kind, a.header.Get("Content-Language"))
	}
	checkPolicy(t, a)
	dir := map[string]string{"fa": "rtl", "en": "ltr"}[lang]
	if !bytes.Contains(a.body, []byte(`<html lang="`+lang+`" dir="`+dir+`">`)) {
		t.Errorf("the page does not say that it is in %s, %s", lang, dir)
	}
	if title := regexp.MustCompile(`<title>([^<]+)</title>`).FindSubmatch(a.body); title == nil || persian(string(title[1])) != (lang == "fa") {
		t.Errorf("the title is %q", title)
	}
	if inline := regexp.MustCompile(`(?i)<script>|<style|\sstyle=|\son[a-z]+=|javascript:`).Find(a.body); inline != nil {
		t.Errorf("the page has %q inline", inline)
	}
	if broken := regexp.MustCompile(`%!|<no value>|ZgotmplZ|\b(web|enroll|renew|complaints|badge|statistics|open|log|lookup|validate|ca|incident|console)\.[a-z_]+\.[a-z_]+\b`).Find(a.body); broken != nil {
		t.Errorf("the page shows %q", broken)
	}
}

// checkPolicy is about the Content-Security-Policy that every page carries.
func checkPolicy(t *testing.T, a answer) {
	t.Helper()
	policy := a.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q lacks %s", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe-") || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("policy %q, X-Content-Type-Options %q", policy, a.header.Get("X-Content-Type-Options"))
	}
}

// TestEveryPageIsThereInBothLanguages asks for all of them, with something on
// every one.
func TestEveryPageIsThereInBothLanguages(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.prove(t, s.badge)
	if r := s.check(t, s.badge.ID); r.State != badge.Active {
		t.Fatalf("the badge is %s: %+v", r.State, r.Findings)
	}
	for _, state := range []string{"invited", "public"} {
		s.operator.done(t, post("/api/v1/businesses/"+zahraCompany+"/publication", "", map[string]string{"state": state}), http.StatusOK, nil)
	}
	paths := []string{
		"/", "/enroll", "/enroll/revoke", "/renew", "/badge", "/badge?domain=" + zahraOtherShop, "/badge/request", "/badge/" + string(s.badge.ID),
		"/complaints", "/complaints/new", "/complaints/new?business=" + zahraCompany, "/complaints/" + s.complaint.ID,
		"/businesses", "/businesses/" + zahraCompany, "/repository/", "/statistics", "/open", "/log/entries", "/certificates", "/certificates?serial=1", "/validate",
	}
	for _, lang := range []string{"fa", "en"} {
		for _, path := range paths {
			t.Run(path+" in "+lang, func(t *testing.T) { checkPage(t, s.anyone.send(t, pageOf(path, lang)), http.StatusOK, lang) })
		}
		for _, path := range []string{"/nothing", "/badge/b-" + strings.Repeat("7", 32), "/businesses/10323012419", "/repository/nothing"} {
			t.Run(path+" in "+lang, func(t *testing.T) {
				checkPage(t, s.anyone.send(t, pageOf(path, lang)), http.StatusNotFound, lang)
			})
		}
		for _, document := range []string{"practice", "pds", "terms"} {
			t.Run(document+" in "+lang, func(t *testing.T) { // its title is in its own language
				path := "/repository/" + document + "-" + lang
				checkPage(t, s.anyone.send(t, pageOf(path, lang)), http.StatusOK, lang)
				checkPage(t, s.plain().send(t, pageOf(path, lang)), http.StatusOK, lang) // without TLS, as certificates say
			})
		}
	}
	for _, path := range []string{"/log/", "/log/checkpoint", "/openapi.json", "/static/site.css", "/repository/terms-fa.txt"} {
		checkPolicy(t, s.anyone.done(t, get(path, ""), http.StatusOK, nil))
	}
}

// form is what a browser posts.
func form(path string, fields url.Values) ask {
	r := postAs(path, "", "application/x-www-form-urlencoded", []byte(fields.Encode()))
	r.headers = map[string]string{"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
	return r
}

// from is r, sent by a page of another site.
func from(r ask, headers map[string]string) ask {
	all := map[string]string{}
	for name, value := range r.headers {
		all[name] = value
	}
	delete(all, "Sec-Fetch-Site")
	for name, value := range headers {
		all[name] = value
	}
	r.headers = all
	return r
}

// TestAnotherSitesPagePostsNothing has a browser with an application of its
// own visit a page of somebody else.
func TestAnotherSitesPagePostsNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	b := s.browser(t)
	start := form("/enroll", url.Values{"profile": {"natural-sign"}, "national_code": {mina.NationalCode}, "birth_date": {mina.BirthDate}, "mobile": {mina.Mobile}})
	cancel := form(s.browse(t, b, start)+"/cancel", url.Values{"sure": {"yes"}})
	forms := []ask{
		start, cancel, form("/enroll/revoke", url.Values{"serial": {"1"}, "code": {"x"}}), form("/renew", nil),
		form("/complaints/new", url.Values{"business": {zahraCompany}}),
		form("/complaints/"+s.complaint.ID, url.Values{"token": {s.complaint.Token}, "do": {"withdraw"}}),
	}
	before, noDeeds := s.look(t), s.noDeeds(t)
	for name, headers := range map[string]map[string]string{
		"another site":             {"Sec-Fetch-Site": "cross-site"},
		"a neighbour of this site": {"Sec-Fetch-Site": "same-site"},
		"an old browser":           {"Origin": "https://evil.example"},
		"a sandbox":                {"Origin": "null"},
	} {
		for _, f := range forms {
			t.Run(name+" posts to "+f.path, func(t *testing.T) {
				for _, lang := range []string{"fa", "en"} {
					f.lang = lang
					a := b.send(t, from(f, headers))
					checkPage(t, a, http.StatusForbidden, lang)
					if !bytes.Contains(a.body, []byte("cross_site")) {
						t.Error("the page does not name the problem cross_site")
					}
				}
				s.unchanged(t, before)
			})
		}
		t.Run(name+" posts to the API", func(t *testing.T) {
			s.anyone.refuses(t, from(post("/api/v1/complaints/"+s.complaint.ID+"/withdraw", s.complaint.Token, nil), headers), http.StatusForbidden, "cross_site")
			s.unchanged(t, before)
		})
	}
	noDeeds()
	application := strings.TrimSuffix(cancel.path, "/cancel")
	for _, lang := range []string{"fa", "en"} {
		a := b.send(t, pageOf(application, lang))
		checkPage(t, a, http.StatusOK, lang)
		if !bytes.Contains(a.body, []byte(cancel.path)) {
			t.Error("the application can be cancelled no more")
		}
	}
	if a := b.send(t, cancel); a.status != http.StatusOK || bytes.Contains(a.body, []byte(cancel.path)) { // the page after the redirect
		t.Errorf("the browser's own page gave %d after the form", a.status)
	}
}

// browse posts the form that opens an application and returns its address.
func (s *running) browse(t *testing.T, b *client, start ask) string {
	t.Helper()
	a := b.send(t, start)
	checkPage(t, a, http.StatusOK, "fa")
	at := regexp.MustCompile(`/enroll/a-[0-9a-f]{32}`).Find(a.body)
	if at == nil {
		t.Fatalf("no application after the form: %s", a.body)
	}
	return string(at)
}

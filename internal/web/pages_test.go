package web_test

import (
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"mohr/internal/store"
	"mohr/internal/web"
)

func TestPagesSpeakTheReadersLanguage(t *testing.T) {
	const fa, en = `<html lang="fa" dir="rtl">`, `<html lang="en" dir="ltr">`
	for _, c := range []struct {
		name, target string
		headers      []string
		want         []string
	}{
		{"nothing stated is Persian", "/room", nil, []string{fa, "۱۲ چیز", "۲ آذر ۱۴۰۵", `href="/room?lang=en"`}},
		{"the browser's languages count", "/room", []string{"Accept-Language: en-GB,en;q=0.9,fa;q=0.5"}, []string{en, "12 things", "23 November 2026", `href="/room?lang=fa"`}},
		{"a language that is not ours is Persian", "/room", []string{"Accept-Language: de"}, []string{fa}},
		{"nonsense is Persian", "/room", []string{"Accept-Language: ;;q=x"}, []string{fa}},
		{"the cookie comes before the browser", "/room", []string{"Accept-Language: fa", "Cookie: lang=en"}, []string{en}},
		{"the address comes before the cookie", "/room?lang=fa&a=%3Cb%3E", []string{"Cookie: lang=en"}, []string{fa, `href="/room?a=%3Cb%3E&amp;lang=en"`}},
		{"a language of nobody is ignored", "/room?lang=xx", nil, []string{fa}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newRoom(t, nil).call("GET", c.target, "", c.headers...)
			for _, want := range c.want {
				if !strings.Contains(w.Body.String(), want) {
					t.Errorf("no %q in %s", want, w.Body)
				}
			}
			if vary := w.Header().Get("Vary"); w.Code != 200 || vary != "Accept-Language, Cookie" {
				t.Errorf("status %d, Vary %q", w.Code, vary)
			}
		})
	}
	cookies := newRoom(t, nil).call("GET", "/room?lang=en", "").Result().Cookies()
	if len(cookies) != 1 || cookies[0].Value != "en" || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode {
		t.Errorf("the choice is not remembered: %v", cookies)
	}
}

func TestNoAddressTurnsAPageIntoALinkElsewhere(t *testing.T) {
	for _, target := range []string{"//evil.example/x", "///evil.example", "//evil.example/%2e%2e?a=b"} {
		w := newRoom(t, nil).call("GET", target, "", "Accept: text/html")
		if body := w.Body.String(); w.Code != 404 || !strings.Contains(body, `hreflang="en"`) || strings.Contains(body, `href="//`) {
			t.Errorf("%s: status %d\n%s", target, w.Code, body)
		}
	}
}

func TestPagesEscapeWhatTheyShow(t *testing.T) {
	w := newRoom(t, nil).call("GET", "/room?lang=en", "")
	if body := w.Body.String(); strings.Contains(body, "<script>alert") || !strings.Contains(body, "&lt;script&gt;") || !strings.Contains(body, "<title>A &lt;room&gt;") {
		t.Errorf("not escaped: %s", body)
	}
}

func TestSimulatedServicesSaySo(t *testing.T) {
	for _, simulated := range []bool{true, false} {
		r := newRoom(t, func(c *web.Config) { c.Simulated = simulated })
		for lang, want := range map[string]string{"en": "no legally valid certificates", "fa": "گواهی معتبر قانونی صادر نمی‌کند"} {
			if got := strings.Contains(r.call("GET", "/?lang="+lang, "").Body.String(), want); got != simulated {
				t.Errorf("simulated %v, %s: said %v", simulated, lang, got)
			}
		}
	}
}

func TestHomeLeadsToEveryRoom(t *testing.T) {
	body := newRoom(t, nil).call("GET", "/", "").Body.String()
	for _, href := range []string{"/enroll", "/renew", "/badge", "/complaints/new", "/log/entries", "/statistics", "/repository/", "/static/site.css", "#main", "/?lang=en"} {
		if !strings.Contains(body, `href="`+href+`"`) {
			t.Errorf("no link to %s", href)
		}
	}
}

func TestAFormWithAFaultIsShownAgain(t *testing.T) {
	r := newRoom(t, nil)
	form := "Content-Type: application/x-www-form-urlencoded"
	w := r.call("POST", "/room", "name=", form)
	if w.Code != 422 || !strings.Contains(w.Body.String(), `role="alert"`) || !strings.Contains(w.Body.String(), "اتاق تا ۸ بسته است") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := r.call("POST", "/room", "name="+strings.Repeat("a", 1<<20), form, "Accept: text/html"); w.Code != 413 {
		t.Errorf("a form past the limit: %d", w.Code)
	}
	if w := r.call("POST", "/room", "name=%zz", form, "Accept: text/html"); w.Code != 400 {
		t.Errorf("a malformed form: %d", w.Code)
	}
}

func TestNewRefusesPagesItCannotServe(t *testing.T) {
	for _, c := range []struct {
		name, want string
		pages      []fs.FS
	}{
		{"a page that does not parse", "parse page", []fs.FS{fstest.MapFS{"pages/a.html": {Data: []byte(`{{define "main"}}{{`)}}}},
		{"a page without a title", `"title"`, []fs.FS{fstest.MapFS{"pages/a.html": {Data: []byte(`{{define "main"}}{{end}}`)}}}},
		{"a page of another room's name", "two rooms", []fs.FS{fstest.MapFS{"pages/home.html": {Data: []byte(`{{define "title"}}{{end}}{{define "main"}}{{end}}`)}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			st, err := store.OpenBolt(filepath.Join(t.TempDir(), "db"))
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			_, err = web.New(web.Config{Store: st, Pages: c.pages, Portal: "https://localhost"})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	if _, err := web.New(web.Config{Portal: "localhost"}); err == nil || !strings.Contains(err.Error(), "Store") || !strings.Contains(err.Error(), "Portal") {
		t.Errorf("not all faults at once: %v", err)
	}
}

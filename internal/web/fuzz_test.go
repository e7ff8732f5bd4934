package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Whatever a body, the answer is a thing created or a problem with a code
// that says what is wrong; never an internal error.
func FuzzBody(f *testing.F) {
	for _, s := range []string{good, `{"person":{"national_code":"0012345678","tags":["a"]},"locale":"fa"}`, `{"person":null}`, `[]`, `null`, `"`,
		`{"person":{"national_code":"0012345678"},"person":1}`, `{"person":{"a":{"a":1,"a":2}}}`, good + good, "\xef\xbb\xbf" + good,
		strings.Repeat("[", 900), `{"locale":1e999}`, `{"locale":"\ud800"}`, `{"person":{"national_code":"0012345678","tags":null}}`} {
		f.Add(s)
	}
	r := newRoom(f, nil)
	f.Fuzz(func(t *testing.T, body string) {
		if strings.Contains(body, "0000000000") || strings.Contains(body, "2222222222") {
			t.Skip("the room's own internal errors")
		}
		w := r.call("POST", "/api/v1/things", body, "Content-Type: application/json")
		for len(r.runs) > 0 {
			<-r.runs
		}
		switch {
		case w.Code == http.StatusCreated:
			// Accepted: then the standard library, which is laxer, reads it too.
			if !json.Valid([]byte(body)) {
				t.Errorf("accepted %q", body)
			}
		case w.Code >= 500 || problem(t, w).Code == "":
			t.Errorf("%d %s for %q", w.Code, w.Body, body)
		}
	})
}

// Whatever a reader asks for, a page is a page in one of our languages.
func FuzzLanguage(f *testing.F) {
	for _, s := range []string{"fa", "en-US,en;q=0.5", "*", "de, fa;q=0.1", ";;;", "x-y-z", strings.Repeat("a-", 500), "en;q=nan", "\x00"} {
		f.Add(s, s, "lang="+s)
	}
	r := newRoom(f, nil)
	f.Fuzz(func(t *testing.T, accept, query, cookie string) {
		req := httptest.NewRequest("GET", "/room", nil)
		req.URL.RawQuery = query
		req.Header.Set("Accept-Language", accept)
		req.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		r.Handler().ServeHTTP(w, req)
		lang := w.Header().Get("Content-Language")
		if w.Code != 200 || lang != "fa" && lang != "en" {
			t.Errorf("%d in %q", w.Code, lang)
		}
	})
}

package held_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"mohr/ca/signin"
)

// browser sends requests with its cookies as Zahra, who signed in by passkey.
type browser struct {
	t       testing.TB
	b       *bench
	cookies map[string]string
}

func (b *bench) browser(t testing.TB) *browser {
	t.Helper()
	w := &browser{t: t, b: b, cookies: map[string]string{}}
	var o signin.Options
	w.json("/signin/passkey/options", nil, &o)
	w.json("/signin/passkey", json.RawMessage(b.passkey.Answer(t, o)), nil)
	return w
}

// send returns status and body.
func (w *browser) send(method, address, media string, body io.Reader) (int, string) {
	w.t.Helper()
	r := httptest.NewRequest(method, address, body)
	r.Header.Set("Accept-Language", "en")
	r.Header.Set("Content-Type", media)
	for name, value := range w.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	rec := httptest.NewRecorder()
	w.b.portal.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		w.cookies[c.Name] = c.Value
	}
	return rec.Code, rec.Body.String()
}

func (w *browser) json(address string, in, out any) {
	w.t.Helper()
	b, err := json.Marshal(in)
	must(w.t, err)
	status, answer := w.send("POST", address, "application/json", strings.NewReader(string(b)))
	if status != http.StatusOK {
		w.t.Fatalf("%s: %d %s", address, status, answer)
	}
	if out != nil {
		must(w.t, json.Unmarshal([]byte(answer), out))
	}
}

func (w *browser) who() signin.Who {
	w.t.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	for name, value := range w.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	who, err := w.b.SignIn.Who(w.t.Context(), r)
	must(w.t, err)
	return who
}

// confirm gives a fresh proof for the purpose.
func (w *browser) confirm(p signin.Purpose) {
	w.t.Helper()
	query := "?" + url.Values{"purpose": {string(p)}}.Encode()
	var o signin.Options
	w.json("/signin/confirm/passkey/options"+query, nil, &o)
	w.json("/signin/confirm/passkey"+query, json.RawMessage(w.b.passkey.Answer(w.t, o)), nil)
}

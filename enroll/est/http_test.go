package est

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mohr/ca/catest"
	"mohr/internal/i18n"
	"mohr/internal/web"
)

// TestFewTriesComeThroughFromOneNetwork: nothing else bounds tries of secrets.
func TestFewTriesComeThroughFromOneNetwork(t *testing.T) {
	texts, err := i18n.Parse(web.Texts, Texts)
	if err != nil {
		t.Fatal(err)
	}
	s, err := web.New(web.Config{Store: catest.New(t, nil).Store, Texts: texts, Portal: catest.Portal})
	if err != nil {
		t.Fatal(err)
	}
	d := &Desk{Config{Gate: web.NewGate(1e-6, 2)}}
	d.Routes(s)
	for _, c := range []struct {
		name, operation, from string
		status                int
	}{
		{"the first", "simpleenroll", "192.0.2.1:1", http.StatusNotFound},
		{"the second, of the other kind", "simplereenroll", "192.0.2.2:1", http.StatusNotFound},
		{"one too many", "simpleenroll", "192.0.2.3:1", http.StatusTooManyRequests},
		{"one too many of the other kind", "simplereenroll", "192.0.2.1:1", http.StatusTooManyRequests},
		{"from another network", "simpleenroll", "198.51.100.1:1", http.StatusNotFound},
	} {
		r := httptest.NewRequest(http.MethodPost, "/.well-known/est/none/"+c.operation, strings.NewReader("MAA="))
		r.RemoteAddr = c.from
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != c.status || (w.Code == http.StatusTooManyRequests) != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%s: %d, Retry-After %q", c.name, w.Code, w.Header().Get("Retry-After"))
		}
	}
}

package browser_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mohr/internal/browser"
)

func TestATabSeesWhatAPageMayNotDo(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/good", func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`<!doctype html><html lang="en" dir="ltr"><title>Good</title><main><h1>Good</h1><a href="/bad">On</a></main></html>`))
	})
	mux.HandleFunc("/bad", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
		w.Write([]byte(`<!doctype html><html><title></title><script>console.error("x")</script><img src="/none" width="3000"><p style="color:#eee">pale 12 <bdi dir="ltr">34</bdi></p></html>`))
	})
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	chromium := browser.Start(t)
	for _, l := range []browser.Look{{}, {NoScript: true}} {
		tab := chromium.Tab(t, l)
		tab.Go(server.URL + "/good")
		if s, faults := tab.See(), tab.Faults(); len(s.Violations)+len(faults) > 0 || s.Title != "Good" || s.Path != "/good" || s.Status != http.StatusOK || s.Wider {
			t.Errorf("%s: %+v %v", l, s, faults)
		}
		tab.Follow("a")
		if !strings.HasSuffix(tab.URL(), "/bad") {
			t.Fatalf("%s: at %s", l, tab.URL())
		}
		s := tab.See()
		if faults := tab.Faults(); len(s.Violations) == 0 || len(faults) == 0 {
			t.Errorf("%s: nothing is found wrong: %+v %v", l, s, faults)
		}
		if !strings.Contains(s.Prose, "12") || strings.Contains(s.Prose, "34") {
			t.Errorf("%s: the prose is %q", l, s.Prose)
		}
	}
}

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
		w.Write([]byte(`<!doctype html><html><title></title><script>console.error("x")</script><img src="/none"><p style="color:#eee">pale 12 <bdi dir="ltr">34</bdi></p><div style="width:3000px">wide</div></html>`))
	})
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	chromium := browser.Start(t)
	for _, l := range []browser.Look{{}, {NoScript: true}} {
		tab := chromium.Tab(t, l)
		tab.Go(server.URL + "/good")
		if found, faults := tab.Axe(), tab.Faults(); len(found)+len(faults) > 0 || tab.Title() != "Good" {
			t.Errorf("%s: %v %v %q", l, found, faults, tab.Title())
		}
		tab.Follow("a")
		if !strings.HasSuffix(tab.URL(), "/bad") {
			t.Fatalf("%s: at %s", l, tab.URL())
		}
		if found, faults := tab.Axe(), tab.Faults(); len(found) == 0 || len(faults) == 0 {
			t.Errorf("%s: nothing is found wrong: %v %v", l, found, faults)
		}
		if text := tab.Prose(); !strings.Contains(text, "12") || strings.Contains(text, "34") {
			t.Errorf("%s: the prose is %q", l, text)
		}
	}
}

package opendata_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mohr/ca/catest"
	"mohr/complaints/opendata"
	"mohr/internal/i18n"
	"mohr/internal/web"
)

// TestTheOpenDataOverHTTP reads it as anyone may: a page at a time, by tags.
func TestTheOpenDataOverHTTP(t *testing.T) {
	b := newBench(t)
	b.public(t, shop)
	b.rows(t, "1,"+shop+",2026-02-01,2026-02-03,refund")
	for day := 2; day < 7; day++ {
		b.publish(t, march(day, 5))
	}
	texts, err := i18n.Parse(web.Texts, opendata.Texts)
	if err != nil {
		t.Fatal(err)
	}
	s, err := web.New(web.Config{Store: b.ca.Store, Texts: texts, Portal: catest.Portal, Now: b.clock.Now, Secret: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	b.Routes(s)
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	get := func(path string, headers ...string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			r.Header.Set(name, value)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}

	var days []string
	path := "/api/v1/open/complaints?limit=2"
	for path != "" {
		var page struct {
			Editions []opendata.Edition `json:"editions"`
			Next     string             `json:"next"`
		}
		res := get(path)
		if err := json.NewDecoder(res.Body).Decode(&page); err != nil || len(page.Editions) > 2 {
			t.Fatal(res.Status, err, page)
		}
		for _, e := range page.Editions {
			days = append(days, e.Manifest.Day)
		}
		path = ""
		if page.Next != "" {
			if !strings.Contains(res.Header.Get("Link"), `rel="next"`) {
				t.Errorf("no link to the next page: %v", res.Header)
			}
			path = "/api/v1/open/complaints?limit=2&after=" + page.Next
		}
	}
	if got := strings.Join(days, " "); got != "2026-03-01 2026-03-02 2026-03-03 2026-03-04 2026-03-05" {
		t.Errorf("pages gave %s", got)
	}

	file := "/open/complaints/2026-03-01/complaints.csv"
	res := get(file)
	tag := res.Header.Get("ETag")
	if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/csv") || tag == "" {
		t.Errorf("%s: %s %v", file, res.Status, res.Header)
	}
	for have, want := range map[string]int{tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304, `"x"`: 200} {
		if res := get(file, "If-None-Match: "+have); res.StatusCode != want {
			t.Errorf("If-None-Match: %s gives %s, want %d", have, res.Status, want)
		}
	}
	for _, missing := range []string{"/open/complaints/2026-03-01/secret.csv", "/open/complaints/2020-01-01/complaints.csv", "/open/complaints/x/complaints.csv"} {
		if res := get(missing); res.StatusCode != 404 {
			t.Errorf("%s: %s", missing, res.Status)
		}
	}
	r := b.recompute(t, opendata.Server{URL: server.URL, Client: server.Client()}, opendata.Check{Day: "2026-03-04", Business: shop, Signature: b.signature})
	if len(r.Differences) != 0 || r.Lines != 2 || r.Editions != 4 {
		t.Errorf("%+v", r)
	}
}

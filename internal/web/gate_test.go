package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"mohr/internal/web"
)

func TestAGateCountsNetworksApart(t *testing.T) {
	gate, r := web.NewGate(0.001, 3), newRoom(t, nil)
	gated := web.Operation{Method: http.MethodGet, Path: "/gated", ID: "gated", Summary: "Something", Tag: "room", Status: http.StatusNoContent, Before: gate.Pass}
	web.Handle(r.Server, gated, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	for i, tt := range []struct {
		from string
		want int
	}{
		{"192.0.2.1:1", 204}, {"192.0.2.2:1", 204}, {"192.0.2.255:1", 204}, {"192.0.2.3:1", 429}, {"[::ffff:192.0.2.9]:1", 429}, {"192.0.3.1:1", 204},
		{"[2001:db8:1::1]:1", 204}, {"[2001:db8:1:2::1]:1", 204}, {"[2001:db8:1:3::1]:1", 204}, {"[2001:db8:1:4::1]:1", 429}, {"[2001:db8:2::1]:1", 204},
		{"unknown", 204}, {"unknown", 204}, {"", 204}, {"unknown", 429},
	} {
		req, w := httptest.NewRequest(http.MethodGet, "/api/v1/gated", nil), httptest.NewRecorder()
		req.RemoteAddr = tt.from
		req.Header.Set("X-Forwarded-For", "198.51.100.1") // says nothing
		r.Handler().ServeHTTP(w, req)
		if w.Code != tt.want {
			t.Errorf("request %d from %q: %d %s", i, tt.from, w.Code, w.Body)
		}
	}
}

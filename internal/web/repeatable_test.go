package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"mohr/internal/store"
	"mohr/internal/web"
)

func TestARepeatableOperationRunsEachTimeAndKeepsNothing(t *testing.T) {
	var kept store.Store
	r := newRoom(t, func(c *web.Config) { kept = c.Store })
	type out struct{ Body struct{ Run int } }
	runs := 0
	web.Handle(r.Server, web.Operation{Method: "POST", Path: "/repeatable", ID: "repeat", Tag: "room", Repeatable: true},
		func(context.Context, *struct{}) (*out, error) {
			runs++
			o := &out{}
			o.Body.Run = runs
			return o, nil
		})
	for range 2 {
		if w := r.call("POST", "/api/v1/repeatable", "", "Idempotency-Key: k1"); w.Code != 200 || w.Header().Get("Idempotency-Replayed") != "" {
			t.Errorf("status %d, headers %v", w.Code, w.Header())
		}
	}
	if runs != 2 {
		t.Errorf("ran %d times", runs)
	}
	if p := problem(t, r.call("POST", "/api/v1/repeatable", "", "Idempotency-Key: "+strings.Repeat("k", 256))); p.Code != "idempotency_key_invalid" {
		t.Errorf("a key too long: %+v", p)
	}
	err := kept.View(t.Context(), func(tx store.Tx) error {
		return tx.Scan("web_answers", "", "", func(key string, _ []byte) error {
			t.Errorf("kept %s", key)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoAnswerChangesTheHeadersOfTheNext(t *testing.T) {
	r := newRoom(t, nil)
	r.Echo.GET("/meddling", func(c echo.Context) error {
		h := c.Response().Header()
		for name := range h {
			h.Add(name, "added")
			h.Set(name, "set")
		}
		return c.NoContent(http.StatusOK)
	})
	want := r.call("GET", "/room", "").Header()
	r.call("GET", "/meddling", "")
	got := r.call("GET", "/room", "").Header()
	for name := range want {
		if name != "X-Request-Id" && (got.Get(name) != want.Get(name) || len(got.Values(name)) != len(want.Values(name))) {
			t.Errorf("%s was %q and is %q", name, want.Values(name), got.Values(name))
		}
	}
}

// BenchmarkFrame is what the frame around every answer costs.
func BenchmarkFrame(b *testing.B) {
	e := web.NewPlain(web.Config{})
	e.GET("/nothing", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	q := httptest.NewRequest("GET", "/nothing", nil)
	b.ReportAllocs()
	for range b.N {
		e.ServeHTTP(httptest.NewRecorder(), q)
	}
}

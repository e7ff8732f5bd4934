package trace_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mohr/internal/trace"
)

// TestATraceGoesOnBehindADoorOfTheServicesOwnAlone: what a stranger says of a
// trace is not believed, what another node says is.
func TestATraceGoesOnBehindADoorOfTheServicesOwnAlone(t *testing.T) {
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer collector.Close()
	s, err := trace.Open(t.Context(), trace.Config{Endpoint: collector.URL + "/v1/traces", Sample: 1}, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	traced := func(serve func(string, http.Handler) http.Handler, parent string) (id string) {
		q := httptest.NewRequest(http.MethodPost, "/", nil)
		if parent != "" {
			q.Header.Set("Traceparent", parent)
		}
		serve("test", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			h := http.Header{}
			trace.Send(r.Context(), h)
			id = h.Get("Traceparent")
		})).ServeHTTP(httptest.NewRecorder(), q)
		return id
	}
	first := traced(s.Handler, "")
	number := func(parent string) string { return strings.Split(parent+"---", "-")[1] }
	if len(number(first)) != 32 {
		t.Fatalf("no trace is named: %q", first)
	}
	if got := traced(s.Continued, first); number(got) != number(first) || got == first {
		t.Errorf("another node's trace does not go on: %q after %q", got, first)
	}
	if got := traced(s.Handler, first); number(got) == number(first) {
		t.Error("a stranger's trace goes on")
	}
	if got := traced(s.Continued, "nonsense"); len(number(got)) != 32 {
		t.Errorf("what is no trace is taken for one: %q", got)
	}
}

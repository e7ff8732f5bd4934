package trace_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"mohr/internal/trace"
)

func TestNothingIsTracedUnlessACollectorIsConfigured(t *testing.T) {
	s, err := trace.Open(t.Context(), trace.Config{}, "1", slog.New(slog.DiscardHandler))
	if err != nil || s != nil {
		t.Fatal(s, err)
	}
	s.Handler("https", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, end := trace.Begin(r.Context(), "work", trace.Profile("p"))
		end(context.Canceled)
		if ctx != r.Context() {
			t.Error("a span began")
		}
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAnEndpointThatIsNoneIsRefused(t *testing.T) {
	for _, c := range []trace.Config{{Endpoint: "collector:4318"}, {Endpoint: "ftp://collector"}, {Endpoint: "http://127.0.0.1:4318/v1/traces", Sample: 2}} {
		if c.Validate() == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	if err := (trace.Config{Endpoint: "http://127.0.0.1:4318/v1/traces", Sample: 0.5}).Validate(); err != nil {
		t.Error(err)
	}
}

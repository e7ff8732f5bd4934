package gateway_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mohr/internal/gateway"
)

func TestAnIllHostIsSpared(t *testing.T) {
	tests := []struct {
		name, method string
		status       int
		calls        int
		asked        int64
		err          bool
	}{
		{"a GET is tried twice more", "GET", 503, 1, 3, true},
		{"a POST is not", "POST", 503, 1, 1, true},
		{"too many questions are a failure", "POST", 429, 1, 1, true},
		{"a refusal is an answer", "GET", 404, 1, 1, false},
		{"after five failures in a row it is asked no more", "POST", 500, 9, 5, true},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				w.WriteHeader(tc.status)
				io.WriteString(w, "said")
			}))
			defer host.Close()
			client := &http.Client{Transport: gateway.Spare(http.DefaultTransport, "host@1", time.Second, slog.New(slog.DiscardHandler))}
			for range tc.calls {
				r, err := http.NewRequestWithContext(t.Context(), tc.method, host.URL, strings.NewReader(""))
				if err != nil {
					t.Fatal(err)
				}
				resp, err := client.Do(r)
				if (err != nil) != tc.err {
					t.Fatalf("error %v", err)
				}
				if err == nil {
					if b, _ := io.ReadAll(resp.Body); string(b) != "said" || resp.StatusCode != tc.status {
						t.Errorf("got %d %q", resp.StatusCode, b)
					}
					resp.Body.Close()
				}
			}
			if asked.Load() != tc.asked {
				t.Errorf("asked %d times, want %d", asked.Load(), tc.asked)
			}
		})
	}
}

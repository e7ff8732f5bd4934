package main

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"mohr/cmd/mohr/service"
	"mohr/internal/trace"
)

// spans is a collector that keeps what it gets.
type spans struct {
	mu  sync.Mutex
	all []*tracepb.Span // guarded by mu
	raw bytes.Buffer    // guarded by mu
}

func (s *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unpacked
	}
	b, err := io.ReadAll(body)
	var in collector.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(b, &in) != nil {
		http.Error(w, "no spans", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw.Write(b)
	for _, r := range in.GetResourceSpans() {
		for _, scope := range r.GetScopeSpans() {
			s.all = append(s.all, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// path is the span with those above it, "request register" for one.
func (s *spans) path(span *tracepb.Span) string {
	names := []string{span.GetName()}
	for id := hex.EncodeToString(span.GetParentSpanId()); id != ""; {
		i := slices.IndexFunc(s.all, func(p *tracepb.Span) bool { return hex.EncodeToString(p.GetSpanId()) == id })
		if i < 0 {
			return "lost " + strings.Join(names, " ")
		}
		names = append([]string{s.all[i].GetName()}, names...)
		id = hex.EncodeToString(s.all[i].GetParentSpanId())
	}
	return strings.Join(names, " ")
}

// TestAJourneyIsTracedWithoutAWordAboutAnyone follows an application from the
// request to the store, and looks for personal data in all that is sent.
func TestAJourneyIsTracedWithoutAWordAboutAnyone(t *testing.T) {
	t.Parallel()
	got := &spans{}
	server := httptest.NewServer(got)
	defer server.Close()
	s := startService(t, "", func(c *service.Config) {
		c.Traces = trace.Config{Endpoint: server.URL + "/v1/traces", Sample: 1}
	})
	h := s.apply(t, zahra, "").certify(t)
	s.stop() // sends the rest

	got.mu.Lock()
	defer got.mu.Unlock()
	paths := map[string]int{}
	for _, span := range got.all {
		paths[got.path(span)]++
	}
	for _, want := range []string{"request", "request store.update", "request register", "request issue", "request issue sign", "request issue store.update"} {
		if paths[want] == 0 {
			t.Errorf("no span %q among %v", want, paths)
		}
	}
	for path := range paths {
		if strings.HasPrefix(path, "lost") {
			t.Errorf("a span without the one above it: %s", path)
		}
	}
	sent := got.raw.String()
	for _, private := range []string{zahra.NationalCode, zahra.Mobile, zahra.BirthDate, h.id, h.token, h.Certificate.SerialNumber.Text(16), h.Certificate.Subject.CommonName} {
		if strings.Contains(sent, private) {
			t.Errorf("%s was sent to the collector", private)
		}
	}
	if !strings.Contains(sent, "/api/v1/applications/:id/csr") {
		t.Error("no span says its route")
	}
}

package trace

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/propagation"
)

// across is how a span is named in a header (W3C Trace Context).
var across = propagation.TraceContext{}

// Send names the span of ctx to another node of the service.
func Send(ctx context.Context, h http.Header) { across.Inject(ctx, propagation.HeaderCarrier(h)) }

// Continued is Handler for a door that only nodes of the service come through:
// what they say of a trace is believed.
func (s *Sender) Continued(door string, h http.Handler) http.Handler {
	served := s.Handler(door, h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.ServeHTTP(w, r.WithContext(across.Extract(r.Context(), propagation.HeaderCarrier(r.Header))))
	})
}

package trace

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"mohr/internal/fault"
)

// Fact is what a span says beside its name and its time.
type Fact struct{ kv attribute.KeyValue }

// Door is the listener a request came through.
func Door(name string) Fact { return Fact{attribute.String("mohr.door", name)} }

// Method is a request's method as the program knows it.
func Method(name string) Fact { return Fact{attribute.String("http.request.method", name)} }

// Route is where a request went, as it was registered ("/badge/:id"): never a path.
func Route(pattern string) Fact { return Fact{attribute.String("http.route", pattern)} }

// Status is that of an answer.
func Status(code int) Fact { return Fact{attribute.Int("http.response.status_code", code)} }

// Request is the number under which the log speaks of the request.
func Request(id string) Fact { return Fact{attribute.String("mohr.request", id)} }

// Register is a register, vendor or gateway as it is configured.
func Register(name string) Fact { return Fact{attribute.String("mohr.register", name)} }

// Profile is a kind of certificate.
func Profile(name string) Fact { return Fact{attribute.String("mohr.profile", name)} }

// name of this instrumentation in every span.
const scope = "mohr"

// Begin begins a span below that of ctx, and returns its context and what ends
// it, with the error of the work. Without a span in ctx it does nothing.
func Begin(ctx context.Context, name string, facts ...Fact) (context.Context, func(error)) {
	above := trace.SpanFromContext(ctx)
	if !above.IsRecording() {
		return ctx, func(error) {}
	}
	return begin(ctx, above.TracerProvider(), name, facts...)
}

func begin(ctx context.Context, p trace.TracerProvider, name string, facts ...Fact) (context.Context, func(error)) {
	ctx, span := p.Tracer(scope).Start(ctx, name, trace.WithAttributes(values(facts)...))
	return ctx, func(err error) {
		if err != nil {
			code := fault.Code(err)
			if code == "" {
				code = "internal"
			}
			span.SetStatus(codes.Error, code)
		}
		span.End()
	}
}

// Add says more about the span of ctx.
func Add(ctx context.Context, facts ...Fact) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(values(facts)...)
	}
}

func values(facts []Fact) []attribute.KeyValue {
	list := make([]attribute.KeyValue, len(facts))
	for i, f := range facts {
		list[i] = f.kv
	}
	return list
}

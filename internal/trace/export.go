package trace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// Config says where traces go. The zero value sends nothing.
type Config struct {
	// Endpoint is a collector's URL for OTLP over HTTP, as
	// http://127.0.0.1:4318/v1/traces; "" means that nothing is traced.
	Endpoint string `yaml:"endpoint"`
	// Sample is the part of requests that are traced, from 0 to 1; default 0.01.
	Sample float64 `yaml:"sample"`
}

// Validate reports all faults at once.
func (c Config) Validate() error {
	if c.Endpoint == "" {
		return nil
	}
	var errs []error
	if u, err := url.Parse(c.Endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		errs = append(errs, fmt.Errorf("traces.endpoint %q is no URL like http://127.0.0.1:4318/v1/traces", c.Endpoint))
	}
	if c.Sample < 0 || c.Sample > 1 {
		errs = append(errs, errors.New("traces.sample is a part, from 0 to 1"))
	}
	return errors.Join(errs...)
}

// Sender sends spans to a collector; nil sends nothing.
type Sender struct{ provider *sdk.TracerProvider }

// Open returns the Sender of a configuration, nil where none is asked for. A
// collector that is away costs what it would have been sent, and no request.
func Open(ctx context.Context, c Config, version string, log *slog.Logger) (*Sender, error) {
	if c.Endpoint == "" {
		return nil, nil
	}
	if c.Sample == 0 {
		c.Sample = 0.01
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(c.Endpoint))
	if err != nil {
		return nil, fmt.Errorf("traces to %s: %w", c.Endpoint, err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces were not sent", "error", err) }))
	return &Sender{sdk.NewTracerProvider(
		sdk.WithBatcher(exporter),
		sdk.WithSampler(sdk.TraceIDRatioBased(c.Sample)), // what a client says of a trace is not believed
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "mohr"), attribute.String("service.version", version))),
	)}, nil
}

// Close sends what was not sent yet, for as long as ctx lasts.
func (s *Sender) Close(ctx context.Context) error {
	if s == nil {
		return nil
	}
	return s.provider.Shutdown(ctx)
}

// Handler is h with a span around each request.
func (s *Sender) Handler(door string, h http.Handler) http.Handler {
	if s == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, end := begin(r.Context(), s.provider, "request", Door(door), Method(known(r.Method)))
		defer end(nil)
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

// known keeps a method that somebody made up out of the traces.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

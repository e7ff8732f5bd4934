package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/ratelimiter"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/go-json-experiment/json"

	"mohr/internal/fault"
	"mohr/internal/trace"
)

// How a route is spared when its registry is ill.
const (
	retries      = 2
	retryFirst   = 200 * time.Millisecond
	retryLongest = 2 * time.Second
	retryJitter  = 0.5
	openAfter    = 5 // failures in a row
	openFor      = 30 * time.Second
	queueFor     = 2 * time.Second // for a free place on the route
)

// route is one kind of question, with what spares its registry.
type route struct {
	path string
	exec guarded
}

// reply is an answer that was received whole and carries the registry's signature.
type reply struct {
	body   []byte
	at     time.Time
	signed *Signed // nil: by TLS alone, a connector's
}

// errAttempt marks a failed attempt that says something about the registry's
// health; only these are retried and counted.
var errAttempt = errors.New("registry attempt failed")

func (g *Client) route(path string, idempotent bool) *route {
	return &route{path, newExecutor(g.Log, path, g.Concurrent, 0, idempotent)}
}

// newExecutor returns what spares the registry behind a route: a breaker, a
// bulkhead, a limit a second (0: none), and retries where asking twice does no
// harm.
func newExecutor(log *slog.Logger, name string, concurrent, rate uint, idempotent bool) guarded {
	ill := func(_ reply, err error) bool { return errors.Is(err, errAttempt) }
	breaker := circuitbreaker.NewBuilder[reply]().HandleIf(ill).
		WithFailureThreshold(openAfter).WithDelay(openFor).WithSuccessThreshold(1).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			log.Warn("registry route changed state", "route", name, "from", e.OldState.String(), "to", e.NewState.String())
		}).Build()
	places := bulkhead.NewBuilder[reply](concurrent).WithMaxWaitTime(queueFor).Build()
	policies := []failsafe.Policy[reply]{breaker, places}
	if rate > 0 {
		policies = append(policies, ratelimiter.NewSmoothBuilder[reply](rate, time.Second).WithMaxWaitTime(queueFor).Build())
	}
	if !idempotent {
		return guarded{failsafe.With(policies...), breaker}
	}
	again := retrypolicy.NewBuilder[reply]().HandleIf(ill).WithMaxRetries(retries).
		WithBackoff(retryFirst, retryLongest).WithJitterFactor(retryJitter).ReturnLastFailure().Build()
	return guarded{failsafe.With(append([]failsafe.Policy[reply]{again}, policies...)...), breaker}
}

// once puts the question, with retries where the route allows them.
func once[Q, R, T any](ctx context.Context, g *Client, r *route, q Q, about func(R) (T, bool)) (answer Answer[T], err error) {
	ctx, end := trace.Begin(ctx, "register", trace.Register(r.path))
	defer func() { end(err) }()
	question, err := json.Marshal(q)
	if err != nil {
		return Answer[T]{}, fmt.Errorf("write question: %w", err)
	}
	var value T
	var environment string
	got, err := r.exec.WithContext(ctx).GetWithExecution(func(e failsafe.Execution[reply]) (reply, error) {
		got, err := g.attempt(e.Context(), r.path, question)
		if err != nil {
			return got, err
		}
		value, environment, err = read(got.body, g.Environment, about)
		return got, err
	})
	if err != nil {
		return Answer[T]{}, g.unavailable(ctx, r, err)
	}
	sum := sha256.Sum256(got.body)
	return Answer[T]{Value: value, Raw: got.body, SHA256: hex.EncodeToString(sum[:]), At: got.at, Source: g.Source, Environment: environment, Signed: got.signed}, nil
}

// unavailable turns what went wrong into what the caller may see; a caller
// that gave up itself, and a refusal, stay as they are.
func (g *Client) unavailable(ctx context.Context, r *route, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("ask %s: %w", r.path, ctx.Err())
	}
	if _, ok := fault.Of(err); ok {
		return err
	}
	down := fault.New(fault.Unavailable, "registry_unavailable", "a registry we must ask does not answer now; nothing is lost, it is asked again later")
	return fmt.Errorf("%w: ask %s: %w", down, r.path, err)
}

// read checks that an answer is of the right environment and about the question.
func read[R, T any](body []byte, environment string, about func(R) (T, bool)) (T, string, error) {
	var none T
	r, err := decode[R](body)
	if err != nil {
		// The error's text may quote the answer; it is not passed on.
		return none, "", fmt.Errorf("%w: the answer is not the JSON agreed on", errAttempt)
	}
	h, ok := any(r).(header)
	if !ok {
		return none, "", errors.New("gateway: a reply without an envelope")
	}
	switch e := h.head(); {
	case e.Environment != environment:
		return none, "", fmt.Errorf("%w: the answer is of another environment than %s", errAttempt, environment)
	case e.Result != Match && e.Result != Mismatch && e.Result != Inconclusive:
		return none, "", fmt.Errorf("%w: the answer has no result", errAttempt)
	}
	v, ok := about(r)
	if !ok {
		return none, "", fmt.Errorf("%w: the answer is not about the question", errAttempt)
	}
	return v, environment, nil
}

// attempt sends the question once and returns an answer with a good signature.
// It outlives a caller who gives up, by Timeout at most: what it says of the
// registry's health must not be for callers to decide, or a few who hang up
// would close the route for all others.
func (g *Client) attempt(ctx context.Context, path string, question []byte) (reply, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.BaseURL+path, bytes.NewReader(question))
	if err != nil {
		return reply{}, fmt.Errorf("ask: %w", err)
	}
	var random [18]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	nonce := base64.RawURLEncoding.EncodeToString(random[:])
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Digest", contentDigest(question))
	req.Header.Set(nonceHeader, nonce)
	resp, err := g.Transport.RoundTrip(req) // no redirects: a registry has one address
	if err != nil {
		return reply{}, fmt.Errorf("%w: %w", errAttempt, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil || len(body) > maxAnswer {
		return reply{}, fmt.Errorf("%w: the answer breaks off or is too long", errAttempt)
	}
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode >= 500:
		return reply{}, fmt.Errorf("%w: status %d", errAttempt, resp.StatusCode)
	case resp.StatusCode >= 400:
		return reply{}, fault.New(fault.Invalid, "registry_refused", "a registry refuses this question (status %[1]v); check the codes and dates given", resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return reply{}, fmt.Errorf("%w: status %d", errAttempt, resp.StatusCode)
	}
	now := g.Now().UTC()
	signed, err := g.verify(resp, body, path, question, nonce, now)
	if err != nil {
		return reply{}, fmt.Errorf("%w: %w", errAttempt, err)
	}
	return reply{body, now.Truncate(time.Second), &signed}, nil
}

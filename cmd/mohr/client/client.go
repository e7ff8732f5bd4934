package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Client speaks to one service. Set its fields before the first call; after
// that it is safe for concurrent use. New makes one.
type Client struct {
	// Server is the service's address without a path: https://mohr.example.
	Server string
	// HTTP carries the requests; the function HTTP makes what suits. nil is
	// http.DefaultClient.
	HTTP *http.Client
	// Token is a bearer token, "" for none. Applications bring theirs.
	Token string
	// Locale is the language of what the service says in a Problem: "fa" or
	// "en". "" leaves it to the service, which speaks English to programs.
	Locale string
	// Patience is how long one call may wait in all before it asks again a
	// service that is busy or away. 0 is 30 seconds; less than 0: never again.
	Patience time.Duration
}

// Limits of one call.
const (
	maxAnswer = 16 << 20         // octets of an answer
	maxTries  = 3                // requests
	patience  = 30 * time.Second // between them, in all
	timeout   = time.Minute      // of one request, its answer read
)

// New returns a client of the service at server, whose TLS certificate must
// lead to one of roots. nil are the roots of this machine: a service with a
// root of its own is not believed then.
func New(server string, roots *x509.CertPool) *Client {
	return &Client{Server: server, HTTP: HTTP(roots)}
}

// HTTP returns what New takes to carry requests; shown are certificates to
// show to the service, for its door that asks for them. It goes to no other
// service than the one asked: what is signed for one is not carried on.
func HTTP(roots *x509.CertPool, shown ...tls.Certificate) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy:           http.ProxyFromEnvironment,
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, Certificates: shown},
		},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			if len(via) > 5 || next.URL.Scheme != via[0].URL.Scheme || next.URL.Host != via[0].URL.Host {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
}

// Request is one call of the API, for what has no method here; the service
// lists all at /openapi.json.
type Request struct {
	Method, Path string
	Kind         string // content type of Body; "" means JSON of In
	Body         []byte
	In           any

	once bool // the caller has a patience of its own
}

// Call sends r and reads the JSON answer into out; nil: it is not wanted.
func (c *Client) Call(ctx context.Context, r Request, out any) error {
	b, err := c.Do(ctx, r)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("answer of %s: %w", r.Path, err)
	}
	return nil
}

// Do sends r and returns the answer's octets, 16 MiB at most. What the service
// refuses is a *Problem.
//
// A service that is away or busy is asked again, twice at most and within the
// client's patience, when it says (Retry-After) or after a moment. A POST is
// asked again under the same Idempotency-Key, by which it is done once.
func (c *Client) Do(ctx context.Context, r Request) ([]byte, error) {
	if r.Kind == "" && r.In != nil {
		b, err := json.Marshal(r.In)
		if err != nil {
			return nil, err
		}
		r.Kind, r.Body = "application/json", b
	}
	key, left := RandomID(), c.Patience
	if left == 0 {
		left = patience
	}
	for try := 1; ; try++ {
		b, err := c.send(ctx, r, key)
		wait, again := waitFor(err, try)
		if !again || r.once || try == maxTries || wait > left || ctx.Err() != nil {
			return b, err
		}
		left -= wait
		if sleep(ctx, wait) != nil {
			return nil, err // what the service said tells more than that time is over
		}
	}
}

// waitFor says whether a request that ended so may be sent again, and after
// what time if so.
func waitFor(err error, try int) (wait time.Duration, again bool) {
	if err == nil {
		return 0, false
	}
	wait = time.Duration(try) * 300 * time.Millisecond
	var p *Problem
	if !errors.As(err, &p) {
		var broken *answerError
		return wait, !errors.As(err, &broken)
	}
	switch p.Status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return max(wait, p.RetryAfter), true
	}
	return max(wait, p.RetryAfter), p.Code == "idempotency_in_progress"
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// answerError is an answer that cannot be used and would come again.
type answerError struct{ error }

// send sends r once.
func (c *Client) send(ctx context.Context, r Request, key string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, c.Server+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		return nil, &answerError{err}
	}
	for name, value := range map[string]string{"Content-Type": r.Kind, "Accept-Language": c.Locale} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if r.Method == http.MethodPost {
		req.Header.Set("Idempotency-Key", key)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	carrier := c.HTTP
	if carrier == nil {
		carrier = http.DefaultClient
	}
	res, err := carrier.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.Path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.Path, err)
	case len(b) > maxAnswer:
		return nil, &answerError{fmt.Errorf("%s %s: the answer is longer than %d octets", r.Method, r.Path, maxAnswer)}
	case res.StatusCode < 300:
		return b, nil
	}
	return nil, problemOf(r, res, b)
}

// problemOf reads a refusal.
func problemOf(r Request, res *http.Response, b []byte) *Problem {
	p := &Problem{}
	if json.Unmarshal(b, p) != nil || p.Code == "" { // of a proxy, or no service at all
		*p = Problem{Title: res.Status, Detail: fmt.Sprintf("%s %s: %s", r.Method, r.Path, res.Status)}
	}
	p.Status = res.StatusCode
	if n, err := strconv.ParseUint(res.Header.Get("Retry-After"), 10, 31); err == nil {
		p.RetryAfter = time.Duration(n) * time.Second
	}
	return p
}

// RandomID is a name for something of this side: a request, a mandate.
func RandomID() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

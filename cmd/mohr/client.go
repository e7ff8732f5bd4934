package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/spf13/pflag"
)

// serverFlags say which service a holder's command speaks to.
type serverFlags struct{ server, root string }

func (f *serverFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.server, "server", "https://localhost:8443", "base URL of the service")
	flags.StringVar(&f.root, "root", "mohr-data/root.pem", "certificate that the service's TLS certificate leads to")
}

// client speaks to a service's API.
type client struct {
	base  string
	http  *http.Client
	token string // bearer token, "" for none
}

// maxAnswer bounds an answer of the service.
const maxAnswer = 16 << 20

// dial prepares a client; cert, where it is given, is shown to the service.
func (f serverFlags) dial(cert *tls.Certificate) (*client, error) {
	b, err := os.ReadFile(f.root)
	if err != nil {
		return nil, fmt.Errorf("read the service's root certificate: %w; give it with --root", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate", f.root)
	}
	conf := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	if cert != nil {
		conf.Certificates = []tls.Certificate{*cert}
	}
	return &client{base: f.server, http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: conf}}}, nil
}

// problem is an RFC 9457 answer.
type problem struct {
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Status int    `json:"status"`
	Code   string `json:"code"`
}

// Error tells what the service said.
func (p *problem) Error() string { return fmt.Sprintf("%s [%s]", p.Detail, p.Code) }

// request is one call of the API.
type request struct {
	method, path string
	kind         string // content type of body; "" means JSON of in
	body         []byte
	in           any
}

// call sends r and reads a JSON answer into out (nil: not wanted).
func (c *client) call(ctx context.Context, r request, out any) error {
	b, err := c.fetch(ctx, r)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("answer of %s: %w", r.path, err)
	}
	return nil
}

// fetch sends r and returns the answer's bytes. An unreachable or busy
// service is asked again twice, under the same idempotency key.
func (c *client) fetch(ctx context.Context, r request) ([]byte, error) {
	if r.kind == "" && r.in != nil {
		b, err := json.Marshal(r.in)
		if err != nil {
			return nil, err
		}
		r.kind, r.body = "application/json", b
	}
	key := randomID()
	var err error
	for try := range 3 {
		if try > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Duration(try) * 300 * time.Millisecond):
			}
		}
		var b []byte
		b, err = c.once(ctx, r, key)
		var p *problem
		if err == nil || ctx.Err() != nil || (errors.As(err, &p) && p.Status != http.StatusServiceUnavailable) {
			return b, err
		}
	}
	return nil, err
}

func (c *client) once(ctx context.Context, r request, key string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	if r.kind != "" {
		req.Header.Set("Content-Type", r.kind)
	}
	if r.method == http.MethodPost {
		req.Header.Set("Idempotency-Key", key)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	if res.StatusCode < 300 {
		return b, nil
	}
	p := &problem{Status: res.StatusCode}
	if json.Unmarshal(b, p) != nil || p.Code == "" {
		return nil, fmt.Errorf("%s %s: %s", r.method, r.path, res.Status)
	}
	p.Status = res.StatusCode
	return nil, p
}

// parseChain reads certificates from PEM, at least one.
func parseChain(b []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate: %w", err)
		}
		chain = append(chain, cert)
	}
	if len(chain) == 0 {
		return nil, errors.New("no PEM certificate found")
	}
	return chain, nil
}

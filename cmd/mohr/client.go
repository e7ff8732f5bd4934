package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"

	"github.com/spf13/pflag"

	mohr "mohr/cmd/mohr/client"
)

// serverFlags say which service a holder's command speaks to.
type serverFlags struct{ server, root string }

func (f *serverFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.server, "server", "https://localhost:8443", "base URL of the service")
	flags.StringVar(&f.root, "root", "mohr-data/root.pem", "certificate that the service's TLS certificate leads to")
}

// client is which service the commands speak to, and as whom; the calls are
// those of the package for Go programs.
type client struct {
	base  string
	http  *http.Client
	token string // bearer token, "" for none
}

// user is the client as other Go programs have it.
func (c *client) user() *mohr.Client {
	return &mohr.Client{Server: c.base, HTTP: c.http, Token: c.token}
}

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
	var shown []tls.Certificate
	if cert != nil {
		shown = append(shown, *cert)
	}
	return &client{base: f.server, http: mohr.HTTP(pool, shown...)}, nil
}

// What the package for Go programs says and is told.
type (
	applicant        = mohr.Person
	applicationState = mohr.State
	challenge        = mohr.Challenge
	problem          = mohr.Problem
)

// request is one call of the API.
type request struct {
	method, path string
	kind         string // content type of body; "" means JSON of in
	body         []byte
	in           any
}

func (r request) call() mohr.Request {
	return mohr.Request{Method: r.method, Path: r.path, Kind: r.kind, Body: r.body, In: r.in}
}

// call sends r and reads a JSON answer into out (nil: not wanted).
func (c *client) call(ctx context.Context, r request, out any) error {
	return c.user().Call(ctx, r.call(), out)
}

// fetch sends r and returns the answer's bytes.
func (c *client) fetch(ctx context.Context, r request) ([]byte, error) {
	return c.user().Do(ctx, r.call())
}

// parseChain reads certificates from PEM, at least one.
func parseChain(b []byte) ([]*x509.Certificate, error) { return mohr.ParseChain(b) }

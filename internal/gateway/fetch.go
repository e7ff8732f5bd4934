package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"mohr/internal/fault"
)

// maxRedirects bounds how often Client follows a host to itself.
const maxRedirects = 3

// Transport returns a transport for kept connections to hosts we are
// configured to talk to: no proxy, TLS 1.2 or later, bounded headers.
func (d *Dialer) Transport() *http.Transport {
	return d.transport("")
}

func (d *Dialer) transport(resolver string) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return d.dial(ctx, resolver, network, addr)
		},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: d.c.Roots},
		TLSHandshakeTimeout:    d.c.Timeout,
		ResponseHeaderTimeout:  d.c.Timeout,
		MaxResponseHeaderBytes: 16 << 10,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        time.Minute,
		ForceAttemptHTTP2:      true,
	}
}

// Client returns a client for foreign hosts that sees the world through one
// resolver ("" for the first that answers): no proxy, no cookies, no kept
// connection, redirects only within the host, and answers of at most MaxBody
// octets, whose excess ends reading with Denied (answer_too_large).
func (d *Dialer) Client(resolver string) *http.Client {
	t := d.transport(resolver)
	t.DisableKeepAlives = true
	t.DisableCompression = true // what is small on the wire is small in memory
	return &http.Client{Transport: bounded{t, d.c.MaxBody}, CheckRedirect: sameHost, Timeout: d.c.Timeout}
}

// sameHost lets a host send us to itself, from http to https but not back,
// on the port of the scheme or the one we came by.
func sameHost(next *http.Request, via []*http.Request) error {
	first, to := via[0].URL, next.URL
	secure := to.Scheme == "https" || (to.Scheme == "http" && first.Scheme == "http")
	samePort := to.Port() == first.Port() || (to.Port() == "" && standard(first))
	if len(via) > maxRedirects || to.Hostname() != first.Hostname() || !secure || !samePort || to.User != nil {
		return fault.New(fault.Denied, "redirect_refused", "this host sends its visitors elsewhere; let it answer at the address itself")
	}
	return nil
}

func standard(u *url.URL) bool {
	return u.Port() == "" || (u.Scheme == "http" && u.Port() == "80") || (u.Scheme == "https" && u.Port() == "443")
}

// bounded limits the bodies of answers.
type bounded struct {
	next http.RoundTripper
	max  int64
}

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.ContentLength > b.max {
		resp.Body.Close()
		return nil, errTooLarge(b.max)
	}
	resp.Body = &boundedBody{resp.Body, b.max, b.max}
	return resp, nil
}

func errTooLarge(limit int64) error {
	return fault.New(fault.Denied, "answer_too_large", "the host's answer is longer than %[1]v octets; make it shorter", limit)
}

type boundedBody struct {
	io.ReadCloser
	left, max int64
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge(b.max)
	}
	// One octet more than allowed shows that there is more.
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return n - 1, errTooLarge(b.max)
	}
	if err != nil && err != io.EOF {
		err = fmt.Errorf("read answer: %w", err)
	}
	return n, err
}

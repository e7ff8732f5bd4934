package load

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Door is where a load goes.
type Door struct {
	Address string         // host:port
	Trust   *x509.CertPool // nil: without TLS
	Name    string         // in its certificate; "": localhost
	Usual   bool           // by net/http's client
}

// Conn is one kept HTTP/1.1 connection. Requests are written as prepared
// octets and answers read by net/http: the client costs the machine that it
// shares with the service as little as possible, which makes a ratio to the
// bare handler as hard as it can be. The usual client, net/http's, costs
// several times as much; figures of other services are mostly taken with such
// a one.
type Conn struct {
	net.Conn
	in     *bufio.Reader
	body   bytes.Buffer
	Kind   string            // Content-Type of the last answer
	Header http.Header       // of the last answer
	usual  http.RoundTripper // nil: not used
}

const answerTimeout = time.Minute

// Dial opens a connection.
func (d Door) Dial(ctx context.Context) (*Conn, error) {
	raw, err := d.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	c := &Conn{Conn: raw, in: bufio.NewReaderSize(raw, 16<<10)}
	if d.Usual {
		// It gives a connection up where it does not hear within 50 ms that the
		// request was written, as on a busy machine, and asks for another one.
		given := func(ctx context.Context, _, _ string) (net.Conn, error) {
			if first := raw; first != nil {
				raw = nil
				return first, nil
			}
			again, err := d.dial(ctx)
			if err == nil {
				c.Conn, err = again, again.SetDeadline(time.Now().Add(answerTimeout))
			}
			return again, err
		}
		c.usual = &http.Transport{DialContext: given, DialTLSContext: given, MaxIdleConnsPerHost: 1, DisableCompression: true}
	}
	return c, nil
}

func (d Door) dial(ctx context.Context) (net.Conn, error) {
	if d.Trust == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", d.Address)
	}
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: d.Trust, ServerName: cmp.Or(d.Name, "localhost"), MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}}}
	return dialer.DialContext(ctx, "tcp", d.Address)
}

// Do sends a request and returns the answer; body is good until the next one.
func (c *Conn) Do(request []byte) (status int, body []byte, err error) {
	err = c.SetDeadline(time.Now().Add(answerTimeout))
	if err != nil && (c.usual == nil || !errors.Is(err, net.ErrClosed)) { // which opens another one
		return 0, nil, err
	}
	res, err := c.send(request)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	c.body.Reset()
	c.Kind, c.Header = res.Header.Get("Content-Type"), res.Header
	_, err = io.Copy(&c.body, res.Body)
	return res.StatusCode, c.body.Bytes(), err
}

func (c *Conn) send(request []byte) (*http.Response, error) {
	if c.usual == nil {
		if _, err := c.Write(request); err != nil {
			return nil, err
		}
		return http.ReadResponse(c.in, nil)
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
	if err != nil {
		return nil, err
	}
	r.URL.Scheme, r.URL.Host, r.RequestURI = "http", r.Host, "" // of whatever scheme: the connection is there
	return c.usual.RoundTrip(r)
}

// Get is a GET request on the wire; headers are whole lines.
func Get(path string, headers ...string) []byte {
	b := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: localhost\r\n", path)
	for _, h := range headers {
		b = append(append(b, h...), "\r\n"...)
	}
	return append(b, "\r\n"...)
}

// Post is a POST request on the wire; headers are whole lines.
func Post(path, kind string, body []byte, headers ...string) []byte {
	b := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n", path, kind, len(body))
	for _, h := range headers {
		b = append(append(b, h...), "\r\n"...)
	}
	return append(append(b, "\r\n"...), body...)
}

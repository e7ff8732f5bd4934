package main

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"mohr/ca"
	"mohr/cmd/mohr/service"
)

// TestAFullPortalTakesNothingFromStatusAndHealth keeps the only place at the
// portal with a request that is sent slowly.
func TestAFullPortalTakesNothingFromStatusAndHealth(t *testing.T) {
	t.Parallel()
	s := startService(t, "", func(c *service.Config) {
		c.Limits.InFlight, c.Limits.Queue, c.Limits.Wait = 1, 1, time.Millisecond
	})
	ops := &client{base: "http://" + s.Ops.Addr().String(), http: &http.Client{}}
	slow := s.hold(t)
	until(t, ops, `mohr_door_requests{door="https"} 1`)

	page := s.anyone.send(t, ask{request: request{method: http.MethodGet, path: "/"}, headers: map[string]string{"Accept": "text/html"}})
	if page.status != http.StatusServiceUnavailable || page.header.Get("Retry-After") == "" || !strings.Contains(string(page.body), "کمی بعد دوباره امتحان کنید") {
		t.Errorf("a reader's page: status %d, %v", page.status, page.header)
	}
	a := s.anyone.done(t, get("/api/v1/badges/nothing", ""), http.StatusServiceUnavailable, nil)
	if p := field[problem](t, a.body); p.Code != "overloaded" || a.header.Get("Retry-After") == "" || a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("a program's problem: %+v, %v", p, a.header)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		ops.done(t, get(path, ""), http.StatusOK, nil)
	}
	s.plain().done(t, get(ca.CRLPath(ca.SignIssuer, 0), ""), http.StatusOK, nil)
	s.answersStatus(t)
	s.operator.done(t, get("/api/v1/certificates", ""), http.StatusOK, nil) // another listener, with places of its own

	slow.Close()
	until(t, ops, `mohr_door_requests{door="https"} 0`)
	s.anyone.done(t, get("/", ""), http.StatusOK, nil)
}

// hold sends the beginning of a request to the portal.
func (s *running) hold(t *testing.T) io.Closer {
	t.Helper()
	c, err := tls.Dial("tcp", s.HTTPS.Addr().String(), &tls.Config{RootCAs: s.roots(t), ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	fmt.Fprint(c, "POST /api/v1/applications HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	return c
}

func (s *running) roots(t *testing.T) *x509.CertPool {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.data, "root.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(b)
	return pool
}

// until waits until a line is among the metrics.
func until(t *testing.T, ops *client, line string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if bytes.Contains(ops.send(t, get("/metrics", "")).body, []byte("\n"+line+"\n")) {
			return
		}
	}
	t.Fatalf("the metrics never say %s", line)
}

// answersStatus asks for the status of the operator's certificate by OCSP.
func (s *running) answersStatus(t *testing.T) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.data, "operator.pem"))
	if err != nil {
		t.Fatal(err)
	}
	chain, err := parseChain(b)
	if err != nil {
		t.Fatal(err)
	}
	der, err := ocsp.CreateRequest(chain[0], chain[1], &ocsp.RequestOptions{Hash: crypto.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	a := s.plain().done(t, postAs("/ocsp/"+string(ca.AuthIssuer), "", "application/ocsp-request", der), http.StatusOK, nil)
	if res, err := ocsp.ParseResponseForCert(a.body, chain[0], chain[1]); err != nil || res.Status != ocsp.Good {
		t.Errorf("OCSP: %v, %v", res, err)
	}
}

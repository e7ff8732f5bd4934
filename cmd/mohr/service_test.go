package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"mohr/ca"
	"mohr/cmd/mohr/service"
	"mohr/hsm"
	"mohr/internal/i18n"
)

// running is the whole program, served by this process on ports of its own,
// with the simulated world around it.
type running struct {
	*service.Served
	data     string
	dir      string // for keys and files of its users
	ring     *hsm.Keyring
	anyone   *client // who shows no certificate and no token
	operator *client
	stop     func() // ends it and waits; may be called again
}

// startService serves from data; "" is a new directory.
func startService(t *testing.T, data string, edits ...func(*service.Config)) *running {
	t.Helper()
	if data == "" {
		data = t.TempDir()
	}
	policy := filepath.Join(data, "policy.yaml")
	if err := os.WriteFile(policy, []byte(tourPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	conf := service.Config{Data: data, HTTPS: "127.0.0.1:0", MTLS: "127.0.0.1:0", HTTP: "127.0.0.1:0", Ops: "127.0.0.1:0", Policy: policy}
	conf.Defaults()
	for _, edit := range edits {
		edit(&conf)
	}
	s := &running{data: data, dir: t.TempDir(), ring: hsm.Open(hsm.Config{})}
	s.serve(t, conf)
	s.dial(t)
	visited.offer(s.Routes)
	return s
}

// serve runs the service until the test ends, and holds what it logged
// against what must never be logged.
func (s *running) serve(t *testing.T, conf service.Config) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan *service.Served, 1), make(chan error, 1)
	var log safeBuffer
	go func() {
		ended <- service.Serve(ctx, conf, service.Dev{On: true}, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), func(s *service.Served) { ready <- s })
	}()
	s.stop = sync.OnceFunc(func() {
		if s.Served != nil {
			s.checkMessages(t)
		}
		for _, c := range []*client{s.anyone, s.operator} {
			if c != nil {
				c.http.CloseIdleConnections() // the service would wait for the first word on one never used
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the service ended with: %v", err)
		}
		s.ring.Close()
		checkLog(t, log.String())
	})
	select {
	case err := <-ended:
		t.Fatalf("the service did not start: %v", err)
	case s.Served = <-ready:
		t.Cleanup(s.stop)
	}
}

// checkMessages holds every message that was sent against what none may say:
// it passes through other hands, and lies on a telephone for all to read.
func (s *running) checkMessages(t *testing.T) {
	res, err := http.Get("http://" + s.Ops.Addr().String() + "/dev/outbox")
	if err != nil {
		t.Errorf("the outbox: %v", err)
		return
	}
	defer res.Body.Close()
	var box struct{ Messages []struct{ To, Text string } }
	if err := json.NewDecoder(res.Body).Decode(&box); err != nil {
		t.Errorf("the outbox: %v", err)
	}
	secret := regexp.MustCompile(`\bm[a-z]{2}_|whsec_|BEGIN |https?://\S*[?#]`)
	for _, m := range box.Messages {
		if secret.MatchString(m.Text) {
			t.Errorf("a message has a secret: %s", m.Text)
		}
		for _, who := range []applicant{zahra, davood, mina, narges} {
			for _, private := range []string{who.NationalCode, strings.TrimPrefix(who.Mobile, "+98"), who.BirthDate} {
				if strings.Contains(i18n.FoldDigits(m.Text), private) {
					t.Errorf("%s is in a message: %s", private, m.Text)
				}
			}
		}
	}
}

// checkLog looks for internal errors and for personal data.
func checkLog(t *testing.T, log string) {
	for line := range strings.Lines(log) {
		if strings.Contains(line, "level=ERROR") {
			t.Errorf("the service logged an error: %s", line)
		}
	}
	for _, who := range []applicant{zahra, davood, mina, narges} {
		for _, private := range []string{who.NationalCode, who.Mobile, strings.TrimPrefix(who.Mobile, "+98"), who.BirthDate} {
			if strings.Contains(log, private) {
				t.Errorf("%s is in the log", private)
			}
		}
	}
	if strings.Contains(log, "mat_") {
		t.Error("a token is in the log")
	}
}

// safeBuffer is a buffer for several writers.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (s *running) dial(t *testing.T) {
	t.Helper()
	root := filepath.Join(s.data, "root.pem")
	var err error
	if s.anyone, err = (serverFlags{server: s.Config.Portal, root: root}).dial(nil); err != nil {
		t.Fatal(err)
	}
	o := operatorFlags{
		serverFlags: serverFlags{server: fmt.Sprintf("https://localhost:%d", service.PortOf(s.MTLS)), root: root},
		cert:        filepath.Join(s.data, "operator.pem"), key: filepath.Join(s.data, "operator.key"),
	}
	var ring *hsm.Keyring
	if s.operator, ring, err = o.dialOperator(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ring.Close() })
}

// ask is one request as a test sends it: once, and with nothing added.
type ask struct {
	request
	lang, token string
	headers     map[string]string
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send sends r by c.
func (c *client) send(t testing.TB, r ask) answer {
	t.Helper()
	if r.kind == "" && r.in != nil {
		b, err := json.Marshal(r.in)
		if err != nil {
			t.Fatal(err)
		}
		r.kind, r.body = "application/json", b
	}
	req, err := http.NewRequestWithContext(t.Context(), r.method, c.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": r.kind, "Accept-Language": r.lang} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	for name, value := range r.headers {
		req.Header.Set(name, value)
	}
	res, err := c.http.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	return answer{res.StatusCode, res.Header, b}
}

// done sends r, which must be answered with the status, and reads JSON into
// out (nil: not wanted).
func (c *client) done(t testing.TB, r ask, status int, out any) answer {
	t.Helper()
	a := c.send(t, r)
	if a.status != status {
		t.Fatalf("%s %s: status %d, want %d: %s", r.method, r.path, a.status, status, a.body)
	}
	if out != nil {
		if err := json.Unmarshal(a.body, out); err != nil {
			t.Fatalf("%s %s: %v", r.method, r.path, err)
		}
	}
	return a
}

// get is a request without a body.
func get(path, token string) ask {
	return ask{request: request{method: http.MethodGet, path: path}, token: token}
}

// post is a request with a JSON body.
func post(path, token string, in any) ask {
	return ask{request: request{method: http.MethodPost, path: path, in: in}, token: token}
}

// postAs is a request with a body of a kind.
func postAs(path, token, kind string, body []byte) ask {
	return ask{request: request{method: http.MethodPost, path: path, kind: kind, body: body}, token: token}
}

// plain is a client of the door without TLS.
func (s *running) plain() *client {
	return &client{base: "http://" + s.HTTP.Addr().String(), http: &http.Client{}}
}

// registry is a client of the reference registry.
func (s *running) registry() *client {
	return &client{base: s.RegistryURL(), http: &http.Client{}}
}

// fault makes a route of the registry misbehave from now on; mode "none" ends it.
func (s *running) fault(t *testing.T, route, mode string) {
	t.Helper()
	s.registry().done(t, post("/v1/faults", "", map[string]string{"route": route, "mode": mode}), http.StatusNoContent, nil)
}

// code reads the newest code for a phone.
func (s *running) code(t *testing.T, mobile string) (string, error) {
	t.Helper()
	var box struct{ Messages []struct{ To, Text string } }
	ops := &client{base: "http://" + s.Ops.Addr().String(), http: &http.Client{}}
	ops.done(t, get("/dev/outbox", ""), http.StatusOK, &box)
	six := regexp.MustCompile(`\b[0-9]{6}\b`)
	for i := len(box.Messages) - 1; i >= 0; i-- {
		if m := box.Messages[i]; m.To == mobile && six.MatchString(m.Text) {
			return six.FindString(m.Text), nil
		}
	}
	return "", errors.New("no code in the outbox")
}

// certificates returns the operators' register.
func (s *running) certificates(t *testing.T) []ca.Entry {
	t.Helper()
	rows, err := listCertificates(t.Context(), s.operator)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// issued returns how many certificates people have.
func (s *running) issued(t *testing.T) (n int) {
	t.Helper()
	for _, row := range s.certificates(t) {
		if row.Holder != "" {
			n++
		}
	}
	return n
}

// revoke ends a certificate, as an operator.
func (s *running) revoke(t *testing.T, h *holder, reason string) {
	t.Helper()
	path := "/api/v1/certificates/" + ca.SerialText(h.Certificate.SerialNumber) + "/revoke"
	s.operator.done(t, post(path, "", map[string]string{"reason": reason}), http.StatusOK, nil)
}

// field reads JSON as a T.
func field[T any](t testing.TB, b []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

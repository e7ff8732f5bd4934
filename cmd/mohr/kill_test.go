package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mohr/ca"
	"mohr/internal/store"
)

// killRounds is how often the service is killed in the middle of issuing.
const killRounds = 6

// process is a mohr serve --dev in a process of its own.
type process struct {
	cmd                     *exec.Cmd
	https, mtls, plain, ops string
	data                    string
}

// startProcess starts the service, each time on ports of its own: those of
// before may be another's by now.
func startProcess(t *testing.T, data string) *process {
	t.Helper()
	const free = "127.0.0.1:0"
	p := &process{data: data, cmd: exec.Command("mohr", "serve", "--dev", "--data", data, "--https", free, "--mtls", free, "--http", free, "--ops", free)}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.end(syscall.SIGKILL) })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, err := fmt.Sscanf(lines.Text(), "mohr ready https=%s mtls=%s http=%s ops=%s", &p.https, &p.mtls, &p.plain, &p.ops); err == nil {
			go func() { // the rest is for people
				for lines.Scan() {
				}
			}()
			return p
		}
	}
	t.Fatal("the service ended before it was ready")
	return nil
}

// end sends the signal and waits; a process that has ended stays so.
func (p *process) end(s syscall.Signal) {
	p.cmd.Process.Signal(s)
	p.cmd.Wait()
}

func (p *process) client(t *testing.T) *client {
	t.Helper()
	_, port, _ := strings.Cut(p.https, ":")
	c, err := serverFlags{server: "https://localhost:" + port, root: filepath.Join(p.data, "root.pem")}.dial(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// approve takes a new application to the point where only the key is missing.
func (p *process) approve(t *testing.T, who applicant) *applying {
	t.Helper()
	key := newHolderKey(t)
	csr, err := csrFor(key)
	if err != nil {
		t.Fatal(err)
	}
	a := &applying{api: p.client(t), profile: ca.NaturalSign, locale: "fa", csr: csr, say: func(string, ...any) {}}
	a.ask = func(string) (string, error) {
		return outboxCode(t.Context(), &client{base: "http://" + p.ops, http: http.DefaultClient}, devOutbox, who.Mobile)
	}
	var s applicationState
	in := map[string]any{"person": who, "profile": a.profile, "locale": a.locale}
	if err := a.api.call(t.Context(), request{method: http.MethodPost, path: "/api/v1/applications", in: in}, &s); err != nil {
		t.Fatal(err)
	}
	a.id, a.api.token = s.ID, s.Token
	for len(s.Needs) > 0 && s.Needs[0] != "csr" {
		if err := a.step(t.Context(), s.Needs[0], s.Terms); err != nil {
			t.Fatal(err)
		}
		if err := a.api.call(t.Context(), request{method: http.MethodGet, path: a.path("")}, &s); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// issue hands the request in, once or until it is answered, and returns the certificate.
func (a *applying) issue(ctx context.Context, tries int) (*x509.Certificate, error) {
	var err error
	for range tries {
		if err = a.step(ctx, "csr", ""); err == nil {
			b, err := a.api.fetch(ctx, request{method: http.MethodGet, path: a.path("/certificate")})
			if err != nil {
				return nil, err
			}
			chain, err := parseChain(b)
			if err != nil {
				return nil, err
			}
			return chain[0], nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, err
}

var killPeople = []applicant{
	{NationalCode: "0012345679", BirthDate: "1990-05-14", Mobile: "+989121234567"},
	{NationalCode: "0618471561", BirthDate: "1984-01-30", Mobile: "+989132223344"},
	{NationalCode: "0877778681", BirthDate: "1975-05-05", Mobile: "+989901112233"},
	{NationalCode: "4339384992", BirthDate: "1998-01-01", Mobile: "+989912223344"},
}

// TestKillNineInTheMiddleOfIssuing kills the whole service, by the real
// signal, while certificates are being issued, and starts it again on the
// same data: the same requests get one certificate each, and what was
// answered before the kill is what is answered after it.
func TestKillNineInTheMiddleOfIssuing(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	data := t.TempDir()
	want := map[string]*x509.Certificate{} // application -> certificate
	var p *process
	for round := range killRounds {
		p = startProcess(t, data)
		var open []*applying
		for _, who := range killPeople {
			open = append(open, p.approve(t, who))
		}
		after := time.Duration(dice.IntN(40_000)) * time.Microsecond
		if round%2 == 1 {
			after = patience // with the first answer, while the others are on their way
		}
		answered := killWhileIssuing(t, p, open, after)
		t.Logf("%d of %d answered before the kill", len(answered), len(open))
		p = startProcess(t, data)
		for _, a := range open {
			a.api = withToken(p.client(t), a.api.token)
			cert, err := a.issue(t.Context(), 40)
			if err != nil {
				t.Fatalf("after the restart: %v", err)
			}
			if before := answered[a.id]; before != nil && !before.Equal(cert) {
				t.Error("another certificate than the one answered before the kill")
			}
			want[a.id] = cert
		}
		p.end(syscall.SIGTERM)
	}
	checkRegister(t, data, want)
}

func withToken(c *client, token string) *client {
	c.token = token
	return c
}

// patience is how long an answer may take at most.
const patience = 30 * time.Second

// killWhileIssuing hands all requests in at once, kills the service after a
// while, or with the first answer if that comes sooner, and returns what was
// answered.
func killWhileIssuing(t *testing.T, p *process, open []*applying, after time.Duration) map[string]*x509.Certificate {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	answered := map[string]*x509.Certificate{}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	first := make(chan struct{}, len(open))
	for _, a := range open {
		wg.Go(func() {
			if cert, err := a.issue(ctx, 1); err == nil {
				mu.Lock()
				answered[a.id] = cert
				mu.Unlock()
				first <- struct{}{}
			}
		})
	}
	select {
	case <-time.After(after):
	case <-first:
	}
	p.end(syscall.SIGKILL)
	wg.Wait()
	return answered
}

// checkRegister reads the store of the stopped service.
func checkRegister(t *testing.T, data string, want map[string]*x509.Certificate) {
	t.Helper()
	s, err := store.OpenBolt(filepath.Join(data, "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	err = s.View(t.Context(), func(tx store.Tx) error {
		return store.Each(tx, "ca_certificates", "", "", func(serial string, c ca.Certificate) error {
			if c.State != ca.Issued || len(c.DER) == 0 {
				t.Errorf("certificate %s is %s", serial, c.State)
			}
			if cert := want[c.Request]; cert != nil {
				found[c.Request]++
				if string(cert.Raw) != string(c.DER) {
					t.Errorf("certificate %s is not the one that was handed out", serial)
				}
			}
			return nil
		})
	})
	s.Close()
	if err != nil {
		t.Fatal(err)
	}
	for id := range want {
		if found[id] != 1 {
			t.Errorf("%d certificates for application %s", found[id], id)
		}
	}
	if _, err := verifyStoredLog(t.Context(), data); err != nil {
		t.Errorf("log after the kills: %v", err)
	}
}

package main

import (
	"bytes"
	"crypto"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/cmd/mohr/place"
	"mohr/cmd/mohr/service"
	"mohr/hsm"
	"mohr/internal/pkitest"
	"mohr/internal/store"
)

// kept is a folder that a timer keeps renewed, as docs/unattended.md has it.
type kept struct {
	place.Place
	server, root, hook string
}

// keep puts a first pair in place: key is its file's octets, or a key URI.
func keep(t *testing.T, s *running, key, certFile string) *kept {
	t.Helper()
	k := &kept{Place: place.Place(t.TempDir()), server: s.Config.Portal, root: filepath.Join(s.data, "root.pem")}
	if err := errors.Join(os.Mkdir(filepath.Join(string(k.Place), "first"), 0o700), os.Symlink("first", filepath.Join(string(k.Place), "current"))); err != nil {
		t.Fatal(err)
	}
	name := place.KeyFile
	if strings.Contains(key, ";") {
		name = place.URIFile
	}
	cert, err := os.ReadFile(certFile)
	if err := errors.Join(err, os.WriteFile(k.Current(name), []byte(key), 0o600), os.WriteFile(k.Current(place.CertificateFile), cert, 0o600)); err != nil {
		t.Fatal(err)
	}
	k.hook = filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(k.hook, []byte("#!/bin/sh\necho \"$MOHR_KEY $MOHR_CERT\" >> \"$0.said\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return k
}

// command is what the timer's service runs, with the places of this test in
// the line's stead, and a hook.
func (k *kept) command(t *testing.T) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	unit, err := os.ReadFile("../../docs/units/mohr-renew.service")
	if err != nil {
		t.Fatal(err)
	}
	_, line, found := strings.Cut(string(unit), "\nExecStart=/usr/local/bin/")
	line, _, _ = strings.Cut(line, "\n")
	if !found || strings.Count(line, "/var/lib/mohr-holder") != 1 || strings.Count(line, "${MOHR_SERVER}") != 1 || strings.Count(line, "/etc/mohr/root.pem") != 1 {
		t.Fatalf("the unit's line is another one: %q", line)
	}
	line = strings.NewReplacer("/var/lib/mohr-holder", string(k.Place), "${MOHR_SERVER}", k.server, "/etc/mohr/root.pem", k.root).Replace(line)
	words := append(strings.Fields(line), "--hook", k.hook)
	c, out := exec.CommandContext(t.Context(), words[0], words[1:]...), new(bytes.Buffer)
	c.Stdout, c.Stderr = out, out
	return c, out
}

// runs runs the line, which must end with the code and say the words.
func (k *kept) runs(t *testing.T, code int, words string) {
	t.Helper()
	c, out := k.command(t)
	c.Run()
	if c.ProcessState.ExitCode() != code || !strings.Contains(out.String(), words) {
		t.Fatalf("exit code %d, want %d and %q:\n%s", c.ProcessState.ExitCode(), code, words, out)
	}
}

// serial is that of the certificate in use.
func (k *kept) serial(t *testing.T) string {
	t.Helper()
	return ca.SerialText(leafOf(t, k.Current(place.CertificateFile)).SerialNumber)
}

// inUse opens the pair in use: key and certificate must belong together.
func (k *kept) inUse(t *testing.T) (where string, signer crypto.Signer) {
	t.Helper()
	ring := hsm.Open(hsm.Config{})
	t.Cleanup(func() { ring.Close() })
	where, err := k.Key()
	if err != nil {
		t.Fatal(err)
	}
	h, err := openHolder(t.Context(), ring, where, k.Current(place.CertificateFile))
	if err != nil {
		t.Fatal(err)
	}
	return where, h.Signer
}

// told are the lines of the hook.
func (k *kept) told(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile(k.hook + ".said")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// hurry stops the service, marks the certificate to be renewed at once, and
// serves again; down is done in between.
func (k *kept) hurry(t *testing.T, s *running, down func(), edits ...func(*service.Config)) *running {
	t.Helper()
	s.stop()
	if down != nil {
		down()
	}
	records, err := service.OpenStore(t.Context(), s.data, "", false)
	if err != nil {
		t.Fatal(err)
	}
	err = records.Update(t.Context(), func(tx store.Tx) error {
		_, err := ca.MarkRenewNowIn(tx, k.serial(t), "p-test", true, time.Now())
		return err
	})
	if err := errors.Join(err, records.Close()); err != nil {
		t.Fatal(err)
	}
	s = startService(t, s.data, edits...)
	k.server = s.Config.Portal
	return s
}

// ownPolicy lets a service renew as late as one in earnest.
func ownPolicy(c *service.Config) { c.Policy = "" }

func TestTheTimersLineRenewsWhatIsDueAndNothingElse(t *testing.T) {
	t.Parallel()
	s := startService(t, "", ownPolicy)
	h := s.apply(t, zahra, zahraCompany).certify(t)
	key, err := os.ReadFile(h.keyFile)
	if err != nil {
		t.Fatal(err)
	}
	k := keep(t, s, string(key), h.certFile)
	first := k.serial(t)
	k.runs(t, 0, "Nothing to do before ")

	s = k.hurry(t, s, func() { k.runs(t, 1, "connection refused") }, ownPolicy)
	if k.Begun() || k.serial(t) != first {
		t.Error("while the service was away, something was changed")
	}
	k.runs(t, 0, "Certificate ")
	second := k.serial(t)
	where, _ := k.inUse(t)
	if second == first || s.issued(t) != 2 || where != k.Current(place.KeyFile) {
		t.Errorf("the certificate %s follows %s, of %d; key %s", second, first, s.issued(t), where)
	}
	k.runs(t, 0, "Nothing to do before ")
	if told := k.told(t); len(told) != 1 || told[0] != where+" "+k.Current(place.CertificateFile) {
		t.Errorf("the hook was told %q", told)
	}
}

// killer stands between a renewal and the service, and kills the process in
// the middle of it.
type killer struct {
	http.Handler
	mu     sync.Mutex
	at     string      // guarded by mu: the request at which to kill
	after  bool        // guarded by mu: once the service has answered it
	victim *os.Process // guarded by mu
}

func (k *killer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.at != r.Method+" "+r.URL.Path {
		k.Handler.ServeHTTP(w, r)
		return
	}
	if k.after {
		k.Handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	k.at = ""
	k.victim.Kill()
	panic(http.ErrAbortHandler)
}

func TestAKilledRenewalGoesOnWithTheSameKeyAndCertificate(t *testing.T) {
	t.Parallel()
	s := startService(t, "", ownPolicy)
	h := s.apply(t, zahra, zahraCompany).certify(t)
	key, err := os.ReadFile(h.keyFile)
	if err != nil {
		t.Fatal(err)
	}
	k := keep(t, s, string(key), h.certFile)
	s = k.hurry(t, s, nil, ownPolicy)
	to, err := url.Parse(s.Config.Portal)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(to)
	forward.Transport = s.anyone.http.Transport
	between := &killer{Handler: forward}
	proxy := httptest.NewTLSServer(between)
	defer proxy.Close()
	k.server, k.root = proxy.URL, filepath.Join(t.TempDir(), "proxy.pem")
	if err := os.WriteFile(k.root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	first, made := k.serial(t), ""
	for _, step := range []struct {
		at    string
		after bool
	}{{"GET /api/v1/renewals/nonce", false}, {"POST /api/v1/renewals", false}, {"POST /api/v1/renewals", true}} {
		c, out := k.command(t)
		between.mu.Lock() // until it is known whom to kill
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		between.at, between.after, between.victim = step.at, step.after, c.Process
		between.mu.Unlock()
		c.Wait()
		if c.ProcessState.ExitCode() != -1 || !k.Begun() || k.serial(t) != first {
			t.Fatalf("%v: %v, %s", step, c.ProcessState, out)
		}
		b, err := os.ReadFile(k.Next(place.KeyFile))
		if err != nil || made != "" && made != string(b) {
			t.Errorf("%v: another key was made (%v)", step, err)
		}
		made = string(b)
	}
	k.runs(t, 0, "Certificate ")
	second := k.serial(t)
	k.inUse(t)
	if b, err := os.ReadFile(k.Current(place.KeyFile)); err != nil || string(b) != made {
		t.Errorf("the key in use is not the one that was made first (%v)", err)
	}
	if second == first || s.issued(t) != 2 {
		t.Errorf("%d certificates, want one new one", s.issued(t))
	}
}

// renewsByURI applies for the key at uri, and has the line renew the pair: a
// new key in the same place, by a name of its own.
func renewsByURI(t *testing.T, uri, name string, edits ...func(*service.Config)) {
	t.Helper()
	s := startService(t, "", edits...)
	cert := filepath.Join(s.dir, "holder.pem")
	if out, err := s.applyWithTPM(t, davood, uri, cert); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	k := keep(t, s, uri+"\n", cert)
	_, old := k.inUse(t)
	first := k.serial(t)
	for round := range 2 {
		s = k.hurry(t, s, nil, edits...)
		k.runs(t, 0, "Certificate ")
		where, signer := k.inUse(t)
		if !strings.Contains(where, name+"-20") || strings.Count(where, "-20") != 1 || signer.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(old.Public()) {
			t.Errorf("round %d: the new key is %s", round, where)
		}
		if told := k.told(t); len(told) != round+1 || told[round] != where+" "+k.Current(place.CertificateFile) {
			t.Errorf("round %d: the hook was told %q", round, told)
		}
	}
	if k.serial(t) == first || s.issued(t) != 3 {
		t.Errorf("%d certificates, want three", s.issued(t))
	}
}

func TestTheTimersLineRenewsAKeyInATPM(t *testing.T) {
	t.Parallel()
	maker := pkitest.NewTPMMaker(t)
	renewsByURI(t, hsm.KeyURI(maker.TPM().Base, "holder"), "name=holder", believing(t, maker))
}

func TestTheTimersLineRenewsAKeyInAToken(t *testing.T) {
	renewsByURI(t, hsm.KeyURI(pkitest.SoftHSM(t), "holder"), "object=holder", ownPolicy)
}

package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"mohr/ca"
	"mohr/cmd/mohr/service"
	"mohr/hsm"
	"mohr/internal/pkitest"
)

// returnsWithin is how long a service may take to be ready again once the home
// of its keys is back: the last answer that could not be signed is held against
// it for ten seconds, and a busy machine takes its time.
const returnsWithin = 3 * time.Minute

// mortal is a home of keys that is killed and comes back.
type mortal interface {
	Kill()
	Start()
}

// TestFaultATokenServerKilledWhileCertificatesAreIssued kills the process with
// the PKCS#11 token that has every key of the service.
func TestFaultATokenServerKilledWhileCertificatesAreIssued(t *testing.T) {
	home := pkitest.P11Server(t)
	outlives(t, home.Base, home, (*outage).askOn)
}

// TestFaultATPMKilledWhileCertificatesAreIssued kills the TPM that has every
// key of the service and the secret; nobody asks the service for anything
// until it says that it is ready again.
func TestFaultATPMKilledWhileCertificatesAreIssued(t *testing.T) {
	t.Parallel() // it waits for most of a minute
	home := pkitest.SWTPM(t)
	outlives(t, home.Base, home, func(*outage, *testing.T) {})
}

// outlives asserts that the service says so while its keys are away, comes
// back by itself, and has then lost and doubled nothing. meanwhile is what its
// readers do while it comes back.
func outlives(t *testing.T, base string, home mortal, meanwhile func(*outage, *testing.T)) {
	t.Helper()
	o := &outage{running: startServiceOn(t, base), home: home}
	o.good, o.gone = o.apply(t, davood, "").certify(t), o.apply(t, davood, "").certify(t)
	for _, who := range []applicant{zahra, mina, narges, davood} {
		a := o.apply(t, who, "")
		a.until(t, "csr")
		o.open = append(o.open, a)
	}
	for _, c := range []*certified{o.good, o.gone} {
		if res := o.status(t, c); res == nil || res.Status != ocsp.Good {
			t.Fatalf("status %v of a new certificate", res)
		}
	}
	o.late = o.apply(t, davood, "")
	o.late.until(t, "csr")
	before := o.issued(t)

	answered := o.killWhileIssuing(t)
	t.Logf("%d of %d were answered before the kill", len(answered), len(o.open))
	o.saysSo(t)
	o.neverWrong(t)

	began := time.Now()
	home.Start()
	meanwhile(o, t)
	o.readiness(t, http.StatusOK)
	t.Logf("ready again %s after its start", time.Since(began).Round(time.Millisecond))
	want := map[string]*x509.Certificate{}
	for _, a := range append(o.open, o.late) {
		cert := o.certificateOf(t, a)
		if was := answered[a.id]; was != nil && !was.Equal(cert) {
			t.Error("another certificate than the one answered before the kill")
		}
		if again := o.certificateOf(t, a); !again.Equal(cert) {
			t.Error("the same request yields another certificate the second time")
		}
		if res := o.ocspOf(t, o.good.Chain[0], ca.SignIssuer, cert.SerialNumber); res.Status != ocsp.Good {
			t.Errorf("status %d of a certificate issued after the outage", res.Status)
		}
		want[a.id] = cert
	}
	if after := o.issued(t); after != before+len(want) {
		t.Errorf("%d certificates before, %d after, want %d more", before, after, len(want))
	}
	if res := o.ocspOf(t, o.good.Chain[0], ca.SignIssuer, o.gone.Certificate.SerialNumber); res.Status != ocsp.Revoked {
		t.Errorf("status %d of a certificate revoked in the outage", res.Status)
	}
	if code := run(t.Context(), []string{"log", "verify", "--server", o.anyone.base, "--root", filepath.Join(o.data, "root.pem"), "--log-key", filepath.Join(o.data, "log.vkey")}); code != exitDone {
		t.Errorf("log verify ended with %d", code)
	}
}

// outage is a service whose keys go away.
type outage struct {
	*running
	home       mortal
	good, gone *certified     // have certificates; that of gone is revoked in the outage
	open       []*application // hand their requests in as the home is killed
	late       *application   // hands its request in afterwards
}

// startServiceOn serves with every key, and in a TPM the secret too, at base.
// Its log has errors while the keys are away, and nothing personal.
func startServiceOn(t *testing.T, base string) *running {
	t.Helper()
	data := t.TempDir()
	conf := service.Config{Data: data, HTTPS: "127.0.0.1:0", MTLS: "127.0.0.1:0", HTTP: "127.0.0.1:0", Ops: "127.0.0.1:0", Keys: base}
	if strings.HasPrefix(base, "tpmkms:") {
		conf.Secret = hsm.KeyURI(base, "secret")
	}
	conf.Defaults()
	s := &running{data: data, dir: t.TempDir(), ring: hsm.Open(hsm.Config{})}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan *service.Served, 1), make(chan error, 1)
	var log safeBuffer
	go func() {
		ended <- service.Serve(ctx, conf, service.Dev{On: true}, slog.New(slog.NewTextHandler(&log, nil)), func(s *service.Served) { ready <- s })
	}()
	s.stop = sync.OnceFunc(func() {
		for _, c := range []*client{s.anyone, s.operator} {
			if c != nil {
				c.http.CloseIdleConnections()
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the service ended with: %v", err)
		}
		s.ring.Close()
		checkLog(t, strings.ReplaceAll(log.String(), "level=ERROR", "level=expected"))
	})
	select {
	case err := <-ended:
		t.Fatalf("the service did not start: %v", err)
	case s.Served = <-ready:
		t.Cleanup(s.stop)
	}
	s.dial(t)
	// The key of the service's own TLS certificate is away too while its home
	// is: what is asked then is asked on the one HTTP/2 connection that stands.
	s.anyone.http.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	return s
}

// killWhileIssuing hands all open requests in at once and kills the home with
// the first answer. It returns what was answered well; every other answer has
// to say that waiting helps.
func (o *outage) killWhileIssuing(t *testing.T) map[string]*x509.Certificate {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	done := make(map[string]bool)
	first := make(chan struct{}, 2*len(o.open))
	for _, a := range o.open {
		wg.Go(func() {
			defer func() { first <- struct{}{} }()
			got := o.anyone.send(t, a.submit(a.csr))
			first <- struct{}{}
			if got.status != http.StatusOK {
				comeAgain(t, got)
				return
			}
			mu.Lock()
			done[a.id] = true
			mu.Unlock()
		})
	}
	<-first
	o.home.Kill()
	wg.Wait()
	answered := make(map[string]*x509.Certificate)
	for _, a := range o.open {
		if done[a.id] { // it is read, not signed: the home is not needed
			answered[a.id] = o.chainOf(t, a)
		}
	}
	return answered
}

// comeAgain asserts that an answer says that and when to try again.
func comeAgain(t *testing.T, a answer) {
	var problem struct{ Code string }
	if err := json.Unmarshal(a.body, &problem); err != nil {
		t.Errorf("status %d, %v: %s", a.status, err, a.body)
	}
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || !strings.HasSuffix(problem.Code, "_unavailable") {
		t.Errorf("status %d, Retry-After %q, code %q without the keys; want 503 and a time: %s", a.status, a.header.Get("Retry-After"), problem.Code, a.body)
	}
}

// saysSo asserts that the service says it is not ready, and that who hands a
// request in is told to come again and gets no certificate.
func (o *outage) saysSo(t *testing.T) {
	t.Helper()
	t.Logf("not ready %s after the kill", o.readiness(t, http.StatusServiceUnavailable).Round(time.Millisecond))
	before := o.issued(t)
	for range 3 {
		comeAgain(t, o.anyone.send(t, o.late.submit(o.late.csr)))
		o.anyone.done(t, get(o.late.path("/certificate"), o.late.token), http.StatusConflict, nil)
	}
	if o.issued(t) != before+1 { // the serial of the late one is taken, its certificate not made
		t.Errorf("%d records before the late request, %d after", before, o.issued(t))
	}
}

// neverWrong asks for the status of certificates without the keys.
func (o *outage) neverWrong(t *testing.T) {
	t.Helper()
	if res := o.status(t, o.good); res == nil {
		t.Error("the answer at hand does not serve on")
	} else if res.Status != ocsp.Good {
		t.Errorf("status %d of a good certificate", res.Status)
	}
	o.revoke(t, o.gone.holder, "keyCompromise") // is recorded, not signed
	if res := o.status(t, o.gone); res != nil && res.Status != ocsp.Revoked {
		t.Errorf("status %d of a revoked certificate", res.Status)
	}
}

// status is the answer of the responder; nil: try later.
func (o *outage) status(t *testing.T, c *certified) *ocsp.Response {
	t.Helper()
	der, err := ocsp.CreateRequest(c.Certificate, c.Chain[0], &ocsp.RequestOptions{Hash: crypto.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	a := o.plain().done(t, postAs("/ocsp/"+string(ca.SignIssuer), "", "application/ocsp-request", der), http.StatusOK, nil)
	if bytes.Equal(a.body, ocsp.TryLaterErrorResponse) {
		return nil
	}
	res, err := ocsp.ParseResponseForCert(a.body, c.Certificate, c.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// askOn asks, as readers do, for the status of the revoked one until it is
// answered.
func (o *outage) askOn(t *testing.T) {
	t.Helper()
	for began := time.Now(); o.status(t, o.gone) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > returnsWithin {
			t.Fatalf("no status after %s", returnsWithin)
		}
	}
}

// readiness waits until /readyz answers with the status.
func (o *outage) readiness(t *testing.T, want int) time.Duration {
	t.Helper()
	ops := &client{base: "http://" + o.Ops.Addr().String(), http: &http.Client{}}
	began := time.Now()
	for {
		a := ops.send(t, get("/readyz", ""))
		if a.status == want {
			return time.Since(began)
		}
		if time.Since(began) > returnsWithin {
			t.Fatalf("/readyz answers %d after %s, want %d: %s", a.status, returnsWithin, want, a.body)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// certificateOf hands the request in, which must be answered well.
func (o *outage) certificateOf(t *testing.T, a *application) *x509.Certificate {
	t.Helper()
	o.anyone.done(t, a.submit(a.csr), http.StatusOK, nil)
	return o.chainOf(t, a)
}

// chainOf reads the application's certificate.
func (o *outage) chainOf(t *testing.T, a *application) *x509.Certificate {
	t.Helper()
	chain, err := parseChain(o.anyone.done(t, get(a.path("/certificate"), a.token), http.StatusOK, nil).body)
	if err != nil {
		t.Fatal(err)
	}
	return chain[0]
}

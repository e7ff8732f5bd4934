package main

import (
	"bytes"
	"context"
	"crypto"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"mohr/ca"
	"mohr/cmd/mohr/service"
	"mohr/internal/store/pgtest"
)

// TestAStatusNodeAnswersWithoutAnIssuingKey runs a whole service and, on its
// database, a node that has the responders' keys and no other.
func TestAStatusNodeAnswersWithoutAnIssuingKey(t *testing.T) {
	t.Parallel()
	database := pgtest.Start(t).Database("roles")
	whole := startService(t, "", func(c *service.Config) { c.Store = database })
	h := whole.apply(t, zahra, "").certify(t)
	node := startStatusNode(t, whole, database)
	if node.HTTPS != nil || node.MTLS != nil || !strings.HasPrefix(node.ReadyLine(), "mohr ready http=") {
		t.Errorf("a portal where none should be: %s", node.ReadyLine())
	}
	plain := &client{base: "http://" + node.HTTP.Addr().String(), http: &http.Client{}}
	ops := &client{base: "http://" + node.Ops.Addr().String(), http: &http.Client{}}
	ops.done(t, get("/readyz", ""), http.StatusOK, nil)
	if got := statusAt(t, plain, h.holder); got != ocsp.Good {
		t.Errorf("status %d before the revocation", got)
	}
	whole.revoke(t, h.holder, "keyCompromise")
	for end := time.Now().Add(time.Minute); statusAt(t, plain, h.holder) != ocsp.Revoked; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a revocation does not show at the status node")
		}
	}
	list, err := url.Parse(h.Certificate.CRLDistributionPoints[0])
	if err != nil {
		t.Fatal(err)
	}
	signed := whole.plain().done(t, get(list.Path, ""), http.StatusOK, nil).body // now it is on the list
	if got := plain.done(t, get(list.Path, ""), http.StatusOK, nil).body; !bytes.Equal(got, signed) {
		t.Error("the status node gives out another CRL than was signed")
	}
	plain.done(t, get("/ca/"+string(ca.SignIssuer)+".cer", ""), http.StatusOK, nil)
	plain.done(t, get("/tsa", ""), http.StatusNotFound, nil)
	ops.done(t, get("/readyz", ""), http.StatusOK, nil)
}

// TestAStatusNodeReadsFromAStandby: the database that the node reads follows the
// one that the service writes to.
func TestAStatusNodeReadsFromAStandby(t *testing.T) {
	t.Parallel()
	pair := pgtest.StartPair(t)
	database := pair.Database("roles")
	whole := startService(t, "", func(c *service.Config) { c.Store = database })
	h := whole.apply(t, zahra, "").certify(t)
	node := startStatusNode(t, whole, pair.Standby("roles"))
	plain := &client{base: "http://" + node.HTTP.Addr().String(), http: &http.Client{}}
	until := func(want int) {
		t.Helper()
		for end := time.Now().Add(time.Minute); statusAt(t, plain, h.holder) != want; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the node does not come to status %d", want)
			}
		}
	}
	until(ocsp.Good)
	begun := time.Now()
	whole.revoke(t, h.holder, "keyCompromise")
	until(ocsp.Revoked)
	t.Logf("revoked and seen on the standby in %s", time.Since(begun).Round(time.Millisecond))
}

// startStatusNode serves with copies of the responders' keys only.
func startStatusNode(t *testing.T, whole *running, database string) *service.Served {
	t.Helper()
	data := t.TempDir()
	if err := os.Mkdir(filepath.Join(data, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	keys, err := filepath.Glob(filepath.Join(whole.data, "keys", "ocsp-*"))
	if err != nil || len(keys) == 0 {
		t.Fatal(keys, err)
	}
	for _, key := range keys {
		b, err := os.ReadFile(key)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(data, "keys", filepath.Base(key)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	conf := service.Config{
		Data: data, Store: database, HTTP: "127.0.0.1:0", Ops: "127.0.0.1:0", Roles: service.Roles{service.RoleStatus},
		Publish: whole.Config.Publish, Portal: whole.Config.Portal,
	}
	conf.Defaults()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan *service.Served, 1), make(chan error, 1)
	var log safeBuffer
	go func() {
		ended <- service.Serve(ctx, conf, service.Dev{}, slog.New(slog.NewTextHandler(&log, nil)), func(s *service.Served) { ready <- s })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the node ended with: %v", err)
		}
		checkLog(t, log.String())
	})
	select {
	case err := <-ended:
		ended <- nil
		t.Fatalf("the node did not start: %v", err)
		return nil
	case s := <-ready:
		return s
	}
}

// laterStatus is no status: the node cannot read its database for the moment.
const laterStatus = -1

// statusAt asks for the status of a holder's certificate by OCSP.
func statusAt(t *testing.T, c *client, h *holder) int {
	t.Helper()
	der, err := ocsp.CreateRequest(h.Certificate, h.Chain[0], &ocsp.RequestOptions{Hash: crypto.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	a := c.done(t, postAs("/ocsp/"+string(ca.SignIssuer), "", "application/ocsp-request", der), http.StatusOK, nil)
	if bytes.Equal(a.body, ocsp.TryLaterErrorResponse) {
		return laterStatus
	}
	res, err := ocsp.ParseResponseForCert(a.body, h.Certificate, h.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	return res.Status
}

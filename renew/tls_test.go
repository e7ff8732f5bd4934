package renew_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/renew"
)

// shows sends a request as a browser does that showed the holder's certificate
// in the handshake.
func shows(server http.Handler, h holder, method, kind string, content []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/renew/tls?lang=en", bytes.NewReader(content))
	r.Header.Set("Accept", "text/html")
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	leaf := h.cert
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}}}
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	return w
}

// TestThePageRenewsTheCertificateThatTheBrowserShows: by the handshake and the
// request of a new key, by the rules of every renewal.
func TestThePageRenewsTheCertificateThatTheBrowserShows(t *testing.T) {
	b := newBench(t, func(c *renew.Config) { c.MTLS = "https://holders.test" })
	h := b.enroll(t, sara, ca.NaturalAuth)
	server := b.serve(t)
	if w := call(server, "GET", "/renew/tls?lang=en", "", nil); w.Code != 200 || !strings.Contains(w.Body.String(), `href="https://holders.test/renew/tls"`) {
		t.Errorf("without a certificate: %d %s", w.Code, w.Body)
	}
	_, csr, _ := newKey(t)
	kind, content := form(t, map[string][]byte{"csr": csr})
	if w := call(server, "POST", "/renew/tls", kind, content); w.Code != 403 {
		t.Errorf("without a certificate it renews: %d %s", w.Code, w.Body)
	}
	if w := shows(server, h, "GET", "", nil); w.Code != 200 || strings.Contains(w.Body.String(), "<form") || !strings.Contains(w.Body.String(), "too early") {
		t.Errorf("before its time: %d %s", w.Code, w.Body)
	}
	if w := shows(server, h, "POST", kind, content); w.Code != 409 || !strings.Contains(w.Body.String(), `role="alert"`) {
		t.Errorf("before its time it renews: %d %s", w.Code, w.Body)
	}
	b.open(h)
	if w := shows(server, h, "GET", "", nil); w.Code != 200 || !strings.Contains(w.Body.String(), `id="csr"`) || !strings.Contains(w.Body.String(), h.rec.Serial) {
		t.Errorf("in its time: %d %s", w.Code, w.Body)
	}
	same, _ := requestFor(t, h.key)
	for name, file := range map[string][]byte{"the same key": same, "no request": []byte("x"), "nothing": nil} {
		kind, content := form(t, map[string][]byte{"csr": file})
		if w := shows(server, h, "POST", kind, content); w.Code != 422 || !strings.Contains(w.Body.String(), `id="csr_error"`) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	download := regexp.MustCompile(`/api/v1/renewals/renew-[0-9a-f]{64}/certificate`)
	first := shows(server, h, "POST", kind, content)
	again := shows(server, h, "POST", kind, content)
	if at := download.FindString(first.Body.String()); first.Code != 200 || at == "" || at != download.FindString(again.Body.String()) {
		t.Fatalf("%d %s\nagain: %d %s", first.Code, first.Body, again.Code, again.Body)
	}
	if old, err := b.fixture.Certificate(t.Context(), h.rec.Serial); err != nil || old.ReplacedBy == "" {
		t.Errorf("nothing took its place: %+v %v", old, err)
	}
	kind, content = form(t, map[string][]byte{"csr": func() []byte { _, csr, _ := newKey(t); return csr }()})
	if w := shows(server, h, "POST", kind, content); w.Code != 409 {
		t.Errorf("it is renewed twice: %d %s", w.Code, w.Body)
	}
	signature := b.enroll(t, sara, ca.NaturalSign)
	if w := shows(server, signature, "GET", "", nil); w.Code != 403 {
		t.Errorf("a signature certificate: %d %s", w.Code, w.Body)
	}
}

// TestAKeyThatIsHeldHereIsNotRenewedByAProtocol: a handshake or a message is
// what other software could have had it sign.
func TestAKeyThatIsHeldHereIsNotRenewedByAProtocol(t *testing.T) {
	b := newBench(t, func(c *renew.Config) {
		c.Verifier.Stated = func(context.Context, string, string) error {
			return fault.New(fault.Denied, "held_no_statement", "no")
		}
	})
	h := b.enroll(t, sara, ca.NaturalAuth)
	b.open(h)
	_, csr, _ := newKey(t)
	for _, s := range []renew.Shown{{Protocol: "est", Old: h.cert, CSR: csr}, {Protocol: "cmp", Old: h.cert, Message: []byte("message"), CSR: csr}} {
		_, err := b.RenewShown(t.Context(), s)
		wantCode(t, err, "held_no_statement")
	}
	b.Verifier.Stated = nil
	_, err := b.RenewShown(t.Context(), renew.Shown{Protocol: "est", Old: h.cert, CSR: csr})
	must(t, err)
}

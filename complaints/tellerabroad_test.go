package complaints_test

import (
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"mohr/complaints"
	"mohr/internal/gateway"
)

// inside is a TLS server on an address of this machine that counts connections.
func inside(t *testing.T, address string, answer http.HandlerFunc) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", address+":0")
	if err != nil {
		t.Fatal(err)
	}
	visits := new(atomic.Int32)
	s := httptest.NewUnstartedServer(answer)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			visits.Add(1)
		}
	}
	s.Listener.Close()
	s.Listener = l
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, visits
}

func takes(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// abroad is the client with which the service in use posts to webhooks.
func abroad(t *testing.T, s *httptest.Server, allow ...netip.Prefix) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	d, err := gateway.NewDialer(gateway.DialConfig{Allow: allow, Roots: roots})
	if err != nil {
		t.Fatal(err)
	}
	return d.Client("")
}

func TestAbuseAWebhookReachesNothingInside(t *testing.T) {
	b := newBench(t, nil)
	secret, seen := inside(t, "127.0.0.2", takes)
	port := secret.URL[strings.LastIndex(secret.URL, ":"):]
	for _, url := range []string{
		secret.URL + "/hook", "https://127.0.0.2" + port + "/hook", "https://localhost" + port + "/hook",
		"https://[::ffff:127.0.0.2]" + port + "/hook", "https://[::1]" + port + "/", "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data", "https://0.0.0.0" + port + "/",
	} {
		if _, err := b.SetNotices(t.Context(), shop, b.notices(t, func(s *complaints.NoticesStatement) { s.URL = url })); err != nil {
			t.Fatal(err)
		}
		if err := b.teller(t, abroad(t, secret), nil).Served(t.Context(), shop, "c-1", b.clock.Now()); err == nil {
			t.Errorf("%s counts as told", url)
		}
	}
	if n := seen.Load(); n != 0 {
		t.Errorf("%d visits to what is inside", n)
	}
}

func TestAbuseAWebhookIsNotSentOn(t *testing.T) {
	b := newBench(t, nil)
	secret, seen := inside(t, "127.0.0.2", takes)
	for _, status := range []int{http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		shopfront, visits := inside(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, secret.URL+"/", status)
		})
		if _, err := b.SetNotices(t.Context(), shop, b.notices(t, func(s *complaints.NoticesStatement) { s.URL = shopfront.URL })); err != nil {
			t.Fatal(err)
		}
		allowed := netip.MustParsePrefix("127.0.0.1/32") // stands for a public address
		if err := b.teller(t, abroad(t, shopfront, allowed), nil).Served(t.Context(), shop, "c-1", b.clock.Now()); err == nil {
			t.Errorf("%d counts as told", status)
		}
		if visits.Load() != 1 {
			t.Errorf("%d: the shop was asked %d times", status, visits.Load())
		}
	}
	if n := seen.Load(); n != 0 {
		t.Errorf("%d visits to what is inside", n)
	}
	// The same client does deliver to an address that is allowed.
	shopfront, _ := inside(t, "127.0.0.1", takes)
	if _, err := b.SetNotices(t.Context(), shop, b.notices(t, func(s *complaints.NoticesStatement) { s.URL = shopfront.URL })); err != nil {
		t.Fatal(err)
	}
	if err := b.teller(t, abroad(t, shopfront, netip.MustParsePrefix("127.0.0.1/32")), nil).Served(t.Context(), shop, "c-1", b.clock.Now()); err != nil {
		t.Error(err)
	}
}

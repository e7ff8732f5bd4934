package badge_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"mohr/badge"
	"mohr/internal/gateway"
)

// authority is a CA that browsers trust, or do not.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Web CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return authority{parse(t, der), key}
}

// certify returns a server's certificate for a name.
func (a authority) certify(t testing.TB, name string, from, to time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{name}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// secure is the shop's site over TLS.
type secure struct {
	*httptest.Server
	cert tls.Certificate
	page http.HandlerFunc
}

func contactPage(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/contact" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write([]byte("<!doctype html><title>تماس</title><p>021"))
}

// newSecureBench is a bench whose shop serves TLS too, with a certificate that
// the bench's service trusts.
func newSecureBench(t *testing.T) (*bench, *secure, authority) {
	t.Helper()
	web := newAuthority(t)
	now := time.Now()
	s := &secure{page: contactPage, cert: web.certify(t, domain, now.Add(-time.Hour), now.AddDate(2, 0, 0))}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.page(w, r) }))
	s.Server.TLS = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &s.cert, nil }}
	s.Server.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(web.cert)
	b := newBench(t, func(c *badge.Config) {
		d, err := gateway.NewDialer(gateway.DialConfig{
			Resolvers: c.Dialer.Resolvers(), Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Roots: roots,
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Dialer, c.SitePort = d, int(netip.MustParseAddrPort(s.Listener.Addr().String()).Port())
	})
	b.Desk.DomainPort = int(netip.MustParseAddrPort(b.shop.Listener.Addr().String()).Port())
	return b, s, web
}

func TestTheSecondStarNeedsASafeSiteWithAContactPage(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		name         string
		set          func(*testing.T, *bench, *secure, authority)
		tls, contact badge.Why
		level        int
	}{
		{"a valid certificate and a contact page", func(*testing.T, *bench, *secure, authority) {}, "site_certificate_valid", "site_contact_found", 2},
		{"an expired certificate", func(t *testing.T, _ *bench, s *secure, a authority) {
			s.cert = a.certify(t, domain, now.Add(-48*time.Hour), now.Add(-time.Hour))
		}, "site_certificate_expired", "site_contact_unreachable", 1},
		{"a certificate for another name", func(t *testing.T, _ *bench, s *secure, a authority) {
			s.cert = a.certify(t, "evil.example", now.Add(-time.Hour), now.AddDate(1, 0, 0))
		}, "site_certificate_other_name", "site_contact_unreachable", 1},
		{"a certificate of a CA that nobody trusts", func(t *testing.T, _ *bench, s *secure, _ authority) {
			s.cert = newAuthority(t).certify(t, domain, now.Add(-time.Hour), now.AddDate(1, 0, 0))
		}, "site_certificate_untrusted", "site_contact_unreachable", 1},
		{"nothing at the port", func(_ *testing.T, _ *bench, s *secure, _ authority) { s.Close() }, "site_unreachable", "site_contact_unreachable", 1},
		{"no contact page", func(_ *testing.T, _ *bench, s *secure, _ authority) { s.page = http.NotFound }, "site_certificate_valid", "site_contact_missing", 1},
		{"a contact page that is a picture", func(_ *testing.T, _ *bench, s *secure, _ authority) {
			s.page = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "image/png")
				w.Write([]byte("x"))
			}
		}, "site_certificate_valid", "site_contact_missing", 1},
		{"a contact page that fails", func(_ *testing.T, _ *bench, s *secure, _ authority) {
			s.page = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
		}, "site_certificate_valid", "site_contact_unreachable", 1},
		{"a contact page on another host", func(_ *testing.T, _ *bench, s *secure, _ authority) {
			s.page = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://evil.example/contact", http.StatusFound)
			}
		}, "site_certificate_valid", "site_contact_missing", 1},
		{"a contact page that leads back to plain HTTP", func(_ *testing.T, b *bench, s *secure, _ authority) {
			s.page = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://"+domain+"/contact", http.StatusFound)
			}
		}, "site_certificate_valid", "site_contact_missing", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, s, web := newSecureBench(t)
			test.set(t, b, s, web)
			got := b.granted(t)
			if f := finding(t, got, "site.tls@1"); f.Why != test.tls {
				t.Errorf("TLS: %s, want %s", f.Why, test.tls)
			}
			if f := finding(t, got, "site.contact@1"); f.Why != test.contact {
				t.Errorf("contact: %s, want %s", f.Why, test.contact)
			}
			if got.Level != test.level {
				t.Errorf("%d stars, want %d", got.Level, test.level)
			}
			b.replays(t, got.ID)
		})
	}
}

func TestARequestForTwoStarsIsRefusedWhereTheyAreNotReached(t *testing.T) {
	b, s, _ := newSecureBench(t)
	s.page = http.NotFound
	two := 2
	a := b.ask()
	a.Level = &two
	got, err := b.Request(t.Context(), b.sign(t, b.key, a))
	if err != nil || got.State != badge.Refused || got.Why != "site_contact_missing" {
		t.Fatalf("state %s, why %s, %v", got.State, got.Why, err)
	}
	s.page = contactPage
	a = b.ask()
	a.Level, a.Request = &two, "request-2"
	if got, err = b.Request(t.Context(), b.sign(t, b.key, a)); err != nil || got.State != badge.Waiting {
		t.Fatalf("state %s, why %s, %v", got.State, got.Why, err)
	}
	b.shop.put(got.Challenge)
	if got, err = b.Check(t.Context(), got.ID); err != nil || got.State != badge.Active || got.Level != 2 {
		t.Fatalf("state %s, level %d, %v", got.State, got.Level, err)
	}
	s.page = http.NotFound
	b.clock.pass(25 * time.Hour)
	b.recheck(t)
	if state, why := b.state(t, got.ID); state != badge.Suspended || why != "site_contact_missing" {
		t.Errorf("without what it asked for it is %s, %s", state, why)
	}
}

func TestStarsComeAndGo(t *testing.T) {
	b, s, web := newSecureBench(t)
	got := b.granted(t)
	step := func(name string, level int, why badge.Why, notes int) {
		t.Helper()
		b.clock.pass(25 * time.Hour)
		b.recheck(t)
		r, err := b.Show(t.Context(), got.ID)
		if err != nil {
			t.Fatal(err)
		}
		if last := r.History[len(r.History)-1]; r.State != badge.Active || r.Level != level || last.Why != why || len(r.History) != notes {
			t.Fatalf("%s: %s, %d stars, history %v", name, r.State, r.Level, r.History)
		}
	}
	n := 3
	step("nothing changed", 2, "all_checks_hold", n)
	good := s.cert
	s.cert = web.certify(t, "evil.example", time.Now().Add(-time.Hour), time.Now().AddDate(2, 0, 0))
	step("the certificate is for another name", 1, "level_lowered", n+1)
	s.cert = good
	step("it is mended", 2, "level_raised", n+2)
	s.page = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	step("the page fails: nothing is known", 2, "level_raised", n+2)
	for _, r := range b.resolvers {
		r.set(domain, "")
	}
	step("the resolvers are blind", 2, "level_raised", n+2)
}

func TestATemporaryBadgeNeedsNoLicenceAndGetsItsStarLater(t *testing.T) {
	b := newBench(t)
	zero := 0
	a := b.ask()
	a.Level = &zero
	held := b.registry.licence
	b.registry.set(func(r *registry) { r.licence = gateway.Licence{} })
	got, err := b.Request(t.Context(), b.sign(t, b.key, a))
	if err != nil {
		t.Fatal(err)
	}
	b.shop.put(got.Challenge)
	if got, err = b.Check(t.Context(), got.ID); err != nil || got.State != badge.Active || got.Level != 0 {
		t.Fatalf("state %s, level %d, %v: %v", got.State, got.Level, err, why(got))
	}
	if want := start.Add(90 * 24 * time.Hour); !got.ValidTo.Equal(want) {
		t.Errorf("valid to %s, want %s", got.ValidTo, want)
	}
	b.registry.set(func(r *registry) { r.licence = held })
	b.clock.pass(25 * time.Hour)
	b.recheck(t)
	r, err := b.Show(t.Context(), got.ID)
	if err != nil || r.Level != 1 || len(r.Licences) != 1 || !r.ValidTo.Equal(start.AddDate(1, 0, 0)) {
		t.Errorf("level %d, licences %v, valid to %s, %v", r.Level, r.Licences, r.ValidTo, err)
	}
	b.replays(t, got.ID)
}

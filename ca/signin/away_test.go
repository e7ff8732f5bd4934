package signin_test

import (
	"encoding/pem"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/signin"
	"mohr/internal/eid"
	"mohr/internal/eid/eidtest"
	"mohr/internal/store"
)

func at(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// path cuts the host off an address that must begin with it.
func path(t testing.TB, address, host string) string {
	t.Helper()
	p, ok := strings.CutPrefix(address, host)
	if !ok {
		t.Fatalf("%q does not lead to %s", address, host)
	}
	return p
}

func TestACertificateShownInTLSSignsIn(t *testing.T) {
	b := newBench(t, nil)
	operator := b.fixture.SigningKey(t, "operator", ca.Service{Profile: ca.OperatorAuth, CommonName: "op-1"})
	server := b.fixture.SigningKey(t, "tls", ca.Service{Profile: ca.ServiceTLS, CommonName: "localhost", DNSNames: []string{"localhost"}})
	person, record := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalAuth, "r-1")
	sign, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSignC, "r-2")
	revoked, gone := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalAuth, "r-3")
	must(t, b.fixture.Revoke(t.Context(), gone.Serial, ca.Unspecified, "test"))
	// The operator is known as a person, and yet comes as an operator alone.
	must(t, b.Store.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, "ca_operator_persons", "op-1", record.Holder) }))
	for _, c := range []struct {
		name     string
		key      ca.SigningKey
		holder   ca.HolderID
		operator string
		ok       bool
	}{
		{"a person's for signing in", person, record.Holder, "", true},
		{"an operator's", operator, "", "op-1", true},
		{"the service's own", server, "", "", false},
		{"a person's for signing", sign, "", "", false},
		{"one that was revoked", revoked, "", "", false},
		{"none", ca.SigningKey{}, "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := b.browser(t)
			show := path(t, w.get("/signin/certificate?to=/my/devices").to, mtls)
			other := b.browser(t) // the other listener: no cookie of the portal reaches it
			other.peer = c.key.Certificate
			a := other.get(show)
			if !c.ok {
				if a.status != http.StatusForbidden || a.to != "" {
					t.Errorf("%d to %q", a.status, a.to)
				}
				return
			}
			done := path(t, a.to, catest.Portal)
			if thief := b.browser(t); thief.get(done).status != http.StatusForbidden || thief.in() {
				t.Error("another browser comes back with it")
			}
			a = w.get(done)
			who, err := w.who()
			if a.status != http.StatusSeeOther || a.to != "/my/devices" || err != nil || who.By != signin.ByTLS || who.Holder != c.holder || who.Operator != c.operator {
				t.Fatalf("%d to %q: %+v %v %s", a.status, a.to, who, err, told(a.page))
			}
			w.post("/signin/out", url.Values{})
			if w.get(done); w.in() {
				t.Error("the ticket serves twice")
			}
		})
	}
}

// TestNobodyIsSignedInAsAnother: a link that an attacker made, with a ticket
// of his own certificate, signs nobody in.
func TestNobodyIsSignedInAsAnother(t *testing.T) {
	b := newBench(t, nil)
	key, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalAuth, "r-1")
	evil := b.browser(t)
	show := path(t, evil.get("/signin/certificate").to, mtls)
	evil.peer = key.Certificate
	done := path(t, evil.get(show).to, catest.Portal)
	victim := b.browser(t)
	victim.get("/signin/certificate") // it has an errand of its own
	if a := victim.get(done); a.status != http.StatusForbidden || victim.in() {
		t.Errorf("%d, signed in: %v", a.status, victim.in())
	}
	forged := strings.Replace(done, "serial=", "serial=f", 1)
	if a := evil.get(forged); a.status != http.StatusForbidden || evil.in() {
		t.Errorf("a ticket for another certificate: %d", a.status)
	}
}

// withLogins is a bench with an eID provider at which davood has an account.
func withLogins(t *testing.T) (*bench, *eidtest.Provider) {
	t.Helper()
	idp := eidtest.New(t, "")
	idp.Set(func(s *eidtest.Setup) {
		s.Redirect = catest.Portal + signin.LoginPath
		s.People["davood"] = eidtest.Person{ACR: "high", Claims: map[string]any{"national_code": davood.NationalCode}}
		s.People["weak"] = eidtest.Person{ACR: "low", Claims: map[string]any{"national_code": davood.NationalCode}}
		s.People["zahra"] = eidtest.Person{ACR: "high", Claims: map[string]any{"national_code": catest.Zahra.NationalCode}}
	})
	p, err := eid.New(eid.Config{File: eid.File{
		Name: "eid-test@1", Issuer: idp.URL, Environment: "simulated", ClientID: "mohr", SecretFile: idp.SecretFile(),
		ACR: map[string]string{"high": "high", "low": "low"}, Claims: map[string]string{"national_code": "token.national_code"},
		RootFile: idp.Root, Allow: []string{"127.0.0.1/32"},
	}, Redirect: catest.Portal + signin.LoginPath, Key: make([]byte, 32)})
	must(t, err)
	return newBench(t, func(c *signin.Config) { c.EID = p }), idp
}

func TestALoginWithAnEIDSignsIn(t *testing.T) {
	b, idp := withLogins(t)
	_, record := b.fixture.IssueTo(t, davood, ca.NaturalSign, "r-1")
	for name, ok := range map[string]bool{"davood": true, "weak": false} {
		w := b.browser(t)
		back := idp.LogIn(w.get("/signin/eid?to=/my/devices").to, name).RequestURI()
		if thief := b.browser(t); thief.get(back).status != http.StatusForbidden || thief.in() {
			t.Errorf("%s: another browser comes back with it", name)
		}
		a := w.get(back)
		if who, err := w.who(); (err == nil) != ok || ok && (who.Holder != record.Holder || who.By != signin.ByEID || who.Certificate != "" || a.to != "/my/devices") {
			t.Errorf("%s: %d to %q: %+v %v", name, a.status, a.to, who, err)
		}
		w.post("/signin/out", url.Values{})
		if w.get(back); w.in() {
			t.Errorf("%s: it serves twice", name)
		}
	}
}

func TestALoginConfirmsForItsOwnPersonAlone(t *testing.T) {
	b, idp := withLogins(t)
	key, _ := b.fixture.IssueTo(t, davood, ca.NaturalSign, "r-1")
	for name, ok := range map[string]bool{"davood": true, "zahra": false, "weak": false} {
		w := b.browser(t)
		w.signIn(key)
		back := idp.LogIn(w.get(w.loginLink("revoke/1f")).to, name).RequestURI()
		a := w.get(back)
		who, err := w.who()
		must(t, err)
		_, err = b.Confirmed(t.Context(), who, "revoke/1f")
		if (err == nil) != ok || ok && (a.status != http.StatusSeeOther || a.to != "/my/devices") || !ok && a.status != http.StatusForbidden {
			t.Errorf("%s: %d to %q: %v", name, a.status, a.to, err)
		}
	}
}

var shownLogin = regexp.MustCompile(`href="(/signin/eid\?purpose=[^"]+)"`)

// loginLink is the link to the eID provider on the page of a purpose.
func (w *browser) loginLink(p signin.Purpose) string {
	w.t.Helper()
	a := w.get("/signin/confirm?" + url.Values{"purpose": {string(p)}, "to": {"/my/devices"}}.Encode())
	m := shownLogin.FindStringSubmatch(a.page)
	if m == nil {
		w.t.Fatalf("%d: the page has no link to the provider", a.status)
	}
	return html.UnescapeString(m[1])
}

// TestALinkOfAnotherSiteConfirmsNothing: what leads to the provider for a
// purpose is made by our page of that purpose, in this session.
func TestALinkOfAnotherSiteConfirmsNothing(t *testing.T) {
	b, _ := withLogins(t)
	key, _ := b.fixture.IssueTo(t, davood, ca.NaturalSign, "r-1")
	theirs, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-2")
	w, other := b.browser(t), b.browser(t)
	w.signIn(key)
	other.signIn(theirs)
	foreign, statement := other.loginLink(revoke), w.challenge(revoke)
	another, err := url.Parse(w.loginLink("revoke/2f"))
	must(t, err)
	for _, c := range []struct{ name, link string }{
		{"without a nonce", "/signin/eid?purpose=revoke/1f&to=/my/devices"},
		{"with one of another session", foreign},
		{"with one of another purpose", "/signin/eid?purpose=revoke/1f&nonce=" + another.Query().Get("nonce")},
		{"with that of a statement", "/signin/eid?purpose=revoke/1f&nonce=" + statement},
	} {
		if a := w.get(c.link); a.status != http.StatusForbidden || a.to != "" || w.cookies["__Host-mohr-begin"] != "" {
			t.Errorf("%s: %d to %q", c.name, a.status, a.to)
		}
	}
	late := w.loginLink(revoke)
	if a := w.get(late); a.status != http.StatusSeeOther {
		t.Errorf("the page's own: %d to %q", a.status, a.to)
	}
	b.clock = b.clock.Add(11 * time.Minute)
	if a := w.get(late); a.status != http.StatusForbidden || a.to != "" {
		t.Errorf("one of long ago: %d to %q", a.status, a.to)
	}
	if a := b.browser(t).get(late); !strings.HasPrefix(a.to, "/signin?") {
		t.Errorf("signed out: %d to %q", a.status, a.to)
	}
}

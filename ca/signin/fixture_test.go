package signin_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"html"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/ca/signature"
	"mohr/ca/signin"
	"mohr/internal/eid"
	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/nonce"
	"mohr/internal/session"
	"mohr/internal/store/storetest"
	"mohr/internal/web"
)

const mtls = "https://localhost:8444"

// bench is a desk on a portal, with a clock of its own.
type bench struct {
	*signin.Desk
	fixture *catest.Fixture
	nonces  *nonce.Source
	clock   time.Time
	portal  http.Handler
}

func newBench(t testing.TB, change func(*signin.Config)) *bench {
	t.Helper()
	b := &bench{clock: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return b.clock }
	b.fixture = catest.New(t, now)
	b.nonces = &nonce.Source{Key: make([]byte, 32), Now: now}
	c := signin.Config{
		Store: storetest.Twice(b.fixture.Store), CA: b.fixture.Authority, Verifier: &signature.Verifier{Authority: b.fixture.Authority},
		Nonces: b.nonces, Audience: catest.Portal, MTLS: mtls, Name: "Mohr Test", Now: now, Gate: web.NewGate(1000, 1000),
	}
	if change != nil {
		change(&c)
	}
	var err error
	b.Desk, err = signin.New(c)
	must(t, err)
	// One more purpose, as a room would have.
	texts, err := i18n.Parse(web.Texts, ca.Texts, evidence.Texts, signature.Texts, eid.Texts, session.Texts, signin.Texts,
		[]byte(`signin.purpose.revoke: {en: "To revoke", fa: "ابطال"}`))
	must(t, err)
	s, err := web.New(web.Config{Store: b.fixture.Store, Texts: texts, Pages: []fs.FS{signin.Pages}, Portal: catest.Portal, Now: now})
	must(t, err)
	b.Routes(s)
	b.portal = s.Handler()
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// statement is what key signs at the bench's time, changed by edit.
func (b *bench) statement(t testing.TB, key ca.SigningKey, typ string, edit func(map[string]any)) string {
	t.Helper()
	m := map[string]any{
		"type": typ, "aud": catest.Portal, "certificate_sha256": sha256Hex(key.Certificate.Raw),
		"nonce": b.nonces.New(signin.NoncePurpose), "iat": b.clock.Unix(), "exp": b.clock.Add(5 * time.Minute).Unix(),
	}
	if edit != nil {
		edit(m)
	}
	payload, err := json.Marshal(m)
	must(t, err)
	jws, err := signature.Signer{Key: key, Now: func() time.Time { return b.clock }}.JWS(typ, payload)
	must(t, err)
	return string(jws)
}

// browser sends requests with its cookies, and follows nothing.
type browser struct {
	t       testing.TB
	b       *bench
	cookies map[string]string
	peer    *x509.Certificate
	header  map[string]string
}

func (b *bench) browser(t testing.TB) *browser {
	return &browser{t: t, b: b, cookies: map[string]string{}, header: map[string]string{"Accept": "text/html", "Accept-Language": "en", "User-Agent": "Firefox"}}
}

// answer is what came back.
type answer struct {
	status   int
	page, to string
	header   http.Header
}

func (w *browser) send(method, address string, form url.Values) answer {
	w.t.Helper()
	r := httptest.NewRequest(method, address, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range w.header {
		r.Header.Set(name, value)
	}
	for name, value := range w.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if w.peer != nil {
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{w.peer}, VerifiedChains: [][]*x509.Certificate{{w.peer}}}
	}
	rec := httptest.NewRecorder()
	w.b.portal.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		if w.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(w.cookies, c.Name)
		}
	}
	return answer{rec.Code, rec.Body.String(), rec.Header().Get("Location"), rec.Header()}
}

func (w *browser) get(address string) answer { w.t.Helper(); return w.send("GET", address, nil) }

func (w *browser) post(address string, form url.Values) answer {
	w.t.Helper()
	return w.send("POST", address, form)
}

// signIn signs in with the key.
func (w *browser) signIn(key ca.SigningKey) {
	w.t.Helper()
	if a := w.post("/signin/statement", url.Values{"statement": {w.b.statement(w.t, key, signin.StatementType, nil)}}); a.status != http.StatusSeeOther {
		w.t.Fatalf("signing in: %d %s", a.status, told(a.page))
	}
}

// who is signed in in the browser.
func (w *browser) who() (signin.Who, error) {
	r := httptest.NewRequest("GET", "/", nil)
	for name, value := range w.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return w.b.Who(w.t.Context(), r)
}

// in reports whether somebody is signed in in the browser.
func (w *browser) in() bool {
	w.t.Helper()
	_, err := w.who()
	if err != nil && fault.Code(err) != "session_none" {
		w.t.Fatal(err)
	}
	return err == nil
}

var errorBox = regexp.MustCompile(`(?s)class="errors" role="alert" tabindex="-1"><p>(.*?)</p>`)

// told is what a page says went wrong.
func told(page string) string {
	if m := errorBox.FindStringSubmatch(page); m != nil {
		return html.UnescapeString(m[1])
	}
	return page
}

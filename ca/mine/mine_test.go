package mine_test

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"crypto/sha256"
	"encoding/hex"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/ca/mandate"
	"mohr/ca/mine"
	"mohr/ca/receipt"
	"mohr/ca/signature"
	"mohr/ca/signin"
	"mohr/internal/i18n"
	"mohr/internal/ledger"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/session"
	"mohr/internal/store/storetest"
	"mohr/internal/web"
)

var davood = catest.Person{NationalCode: "0877778681", FirstName: "داود", LastName: "رضایی", BirthDate: "1975-05-05", Mobile: "+989901112233"}

// bench is a portal with the rooms of signing in and of certificates.
type bench struct {
	t       *testing.T
	fixture *catest.Fixture
	nonces  *nonce.Source
	log     *ledger.Log
	portal  http.Handler
	cookies map[string]string
	header  map[string]string
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, fixture: catest.New(t, nil), nonces: &nonce.Source{Key: make([]byte, 32)}, cookies: map[string]string{}, header: map[string]string{"Accept": "text/html", "Accept-Language": "en"}}
	db := storetest.Twice(b.fixture.Store)
	in, err := signin.New(signin.Config{Store: db, CA: b.fixture.Authority, Verifier: &signature.Verifier{Authority: b.fixture.Authority}, Nonces: b.nonces,
		Audience: catest.Portal, Name: "Mohr", Gate: web.NewGate(1000, 1000)})
	must(t, err)
	key, err := b.fixture.Keys.Key(t.Context(), "checkpoint")
	must(t, err)
	b.log, err = ledger.New(ledger.Config{Store: b.fixture.Store, Signer: key, Origin: "test.example/log"})
	must(t, err)
	audit := b.fixture.Current(t, "audit", ca.Service{Profile: ca.Audit, CommonName: "Audit"})
	box, err := seal.New(make([]byte, seal.SecretSize))
	must(t, err)
	mandates, err := mandate.New(mandate.Config{Store: db, CA: b.fixture.Authority, Verifier: &signature.Verifier{Authority: b.fixture.Authority}, Nonces: b.nonces,
		Registry: register{}, Seal: box, Audience: catest.Portal})
	must(t, err)
	desk, err := mine.New(mine.Config{Store: db, Mandates: mandates, CA: b.fixture.Authority, SignIn: in, Proofs: b.log, Receipts: receipt.New(receipt.Config{Key: audit, Issuer: catest.Portal})})
	must(t, err)
	texts, err := i18n.Parse(web.Texts, mandate.Texts, ca.Texts, evidence.Texts, signature.Texts, session.Texts, signin.Texts, mine.Texts)
	must(t, err)
	s, err := web.New(web.Config{Store: b.fixture.Store, Texts: texts, Pages: []fs.FS{signin.Pages, mine.Pages}, Portal: catest.Portal})
	must(t, err)
	in.Routes(s)
	desk.Routes(s)
	b.portal = s.Handler()
	return b
}

func (b *bench) send(method, address string, form url.Values) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest(method, address, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.header {
		r.Header.Set(name, value)
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.portal.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c.Value
	}
	return w
}

// statement is signed with the key: it signs in or, with a purpose, confirms.
func (b *bench) statement(key ca.SigningKey, typ, n, purpose string) string {
	b.t.Helper()
	sum, now := sha256.Sum256(key.Certificate.Raw), time.Now().Unix()
	m := map[string]any{"type": typ, "aud": catest.Portal, "certificate_sha256": hex.EncodeToString(sum[:]), "nonce": n, "iat": now, "exp": now + 300}
	if purpose != "" {
		m["purpose"] = purpose
	}
	payload, err := json.Marshal(m)
	must(b.t, err)
	jws, err := signature.SignJWS(key, typ, payload)
	must(b.t, err)
	return string(jws)
}

func (b *bench) signIn(key ca.SigningKey) {
	b.t.Helper()
	w := b.send("POST", "/signin/statement", url.Values{"statement": {b.statement(key, signin.StatementType, b.nonces.New(signin.NoncePurpose), "")}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/my" {
		b.t.Fatalf("signing in: %d to %q", w.Code, w.Header().Get("Location"))
	}
}

var shownNonce = regexp.MustCompile(`--nonce ([\w-]{54})`)

// confirm gives a fresh proof for the end of the certificate.
func (b *bench) confirm(key ca.SigningKey, serial string) {
	b.t.Helper()
	purpose := "revoke/" + serial
	page := b.send("GET", "/signin/confirm?"+url.Values{"purpose": {purpose}, "to": {"/my"}}.Encode(), nil).Body.String()
	m := shownNonce.FindStringSubmatch(page)
	if m == nil {
		b.t.Fatalf("no nonce:\n%s", page)
	}
	form := url.Values{"statement": {b.statement(key, signin.ConfirmType, m[1], purpose)}, "purpose": {purpose}, "to": {"/my"}}
	if w := b.send("POST", "/signin/confirm/statement", form); w.Code != http.StatusSeeOther {
		b.t.Fatalf("confirming: %d", w.Code)
	}
}

func (b *bench) end(serial string, reason ca.Reason) int {
	b.t.Helper()
	return b.send("POST", "/my/certificates/"+serial+"/revoke", url.Values{"reason": {string(reason)}}).Code
}

// state is how the certificate stands: "good" or the reason of its end.
func (b *bench) state(serial string) string {
	b.t.Helper()
	c, err := b.fixture.Certificate(b.t.Context(), serial)
	must(b.t, err)
	if c.Revoked == nil {
		return "good"
	}
	return string(c.Revoked.Reason)
}

func TestOneSeesWhatOneHoldsInTheCapacityOfOnesKey(t *testing.T) {
	b := newBench(t)
	person, own := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	member, company := b.fixture.IssueTo(t, catest.Zahra, ca.OrganisationSign, "r-2")
	_, seal := b.fixture.IssueTo(t, catest.Zahra, ca.OrganisationSeal, "r-3")
	_, foreign := b.fixture.IssueTo(t, davood, ca.NaturalSign, "r-4")
	for name, c := range map[string]struct {
		key  ca.SigningKey
		sees string
	}{"as oneself": {person, own.Serial}, "for an organisation": {member, company.Serial}} {
		b.cookies = map[string]string{}
		b.signIn(c.key)
		page := b.send("GET", "/my", nil).Body.String()
		for _, serial := range []string{own.Serial, company.Serial, seal.Serial, foreign.Serial} {
			wanted := serial == c.sees
			code := map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[wanted]
			if strings.Contains(page, serial) != wanted {
				t.Errorf("%s: the list shows %s: %v", name, serial, !wanted)
			}
			for _, path := range []string{"", "/certificate.pem", "/revoke"} {
				if w := b.send("GET", "/my/certificates/"+serial+path, nil); w.Code != code {
					t.Errorf("%s: %s%s: %d, want %d", name, serial, path, w.Code, code)
				}
			}
		}
	}
	for _, serial := range []string{"x", "ffff", strings.Repeat("a", 200), "%2e%2e"} {
		if w := b.send("GET", "/my/certificates/"+serial, nil); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", serial, w.Code)
		}
	}
}

func TestASessionAloneEndsNothing(t *testing.T) {
	b := newBench(t)
	key, c := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	_, other := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSignC, "r-2")
	_, foreign := b.fixture.IssueTo(t, davood, ca.NaturalSign, "r-3")
	b.signIn(key)
	if code := b.end(c.Serial, ca.Unspecified); code != http.StatusForbidden || b.state(c.Serial) != "good" {
		t.Fatalf("%d, %s", code, b.state(c.Serial))
	}
	w := b.send("GET", "/my/certificates/"+c.Serial+"/revoke?reason=unspecified", nil)
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/signin/confirm?purpose=revoke%2F"+c.Serial) {
		t.Errorf("%d to %q", w.Code, w.Header().Get("Location"))
	}
	b.confirm(key, other.Serial)
	if code := b.end(c.Serial, ca.Unspecified); code != http.StatusForbidden || b.state(c.Serial) != "good" {
		t.Errorf("a proof for another certificate ends it: %d", code)
	}
	if code := b.end(other.Serial, ca.Superseded); code != http.StatusUnprocessableEntity || b.state(other.Serial) != "good" {
		t.Errorf("a reason that is not a person's: %d", code)
	}
	b.confirm(key, foreign.Serial)
	if code := b.end(foreign.Serial, ca.Unspecified); code != http.StatusNotFound || b.state(foreign.Serial) != "good" {
		t.Errorf("another person's certificate: %d", code)
	}
	if code := b.end(other.Serial, ca.CessationOfOperation); code != http.StatusOK || b.state(other.Serial) != "cessationOfOperation" {
		t.Errorf("with its proof: %d, %s", code, b.state(other.Serial))
	}
	if code := b.end(other.Serial, ca.Unspecified); code != http.StatusForbidden {
		t.Errorf("the proof serves twice: %d", code)
	}
}

func TestASuspendedCertificateCanBeEndedForGood(t *testing.T) {
	b := newBench(t)
	key, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	_, c := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSignC, "r-2")
	b.signIn(key)
	for _, step := range []struct {
		reason ca.Reason
		code   int
		state  string
	}{{ca.CertificateHold, 200, "certificateHold"}, {ca.KeyCompromise, 200, "keyCompromise"}, {ca.Unspecified, 409, "keyCompromise"}} {
		b.confirm(key, c.Serial)
		if code := b.end(c.Serial, step.reason); code != step.code || b.state(c.Serial) != step.state {
			t.Errorf("%s: %d, %s", step.reason, code, b.state(c.Serial))
		}
	}
}

// TestAFormOfAnotherSiteEndsNothing is CSRF, with a proof waiting.
func TestAFormOfAnotherSiteEndsNothing(t *testing.T) {
	b := newBench(t)
	key, c := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	b.signIn(key)
	b.confirm(key, c.Serial)
	b.header["Sec-Fetch-Site"] = "cross-site"
	if code := b.end(c.Serial, ca.Unspecified); code != http.StatusForbidden || b.state(c.Serial) != "good" {
		t.Errorf("%d, %s", code, b.state(c.Serial))
	}
}

func TestWhoIsNotSignedInSeesNothing(t *testing.T) {
	b := newBench(t)
	_, c := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	for _, path := range []string{"/my", "/my/certificates/" + c.Serial, "/my/certificates/" + c.Serial + "/certificate.pem", "/my/certificates/" + c.Serial + "/revoke"} {
		if w := b.send("GET", path, nil); w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/signin?") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if code := b.end(c.Serial, ca.Unspecified); code != http.StatusSeeOther || b.state(c.Serial) != "good" {
		t.Errorf("%d", code)
	}
}

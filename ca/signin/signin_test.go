package signin_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/signature"
	"mohr/ca/signin"
)

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func TestAStatementSignsItsHolderIn(t *testing.T) {
	b := newBench(t, nil)
	for _, c := range []struct {
		name, profile string
		business      ca.BusinessID
		code          string // of the refusal, as the page tells it
	}{
		{"a person's signing certificate", ca.NaturalSign, "", ""},
		{"a person's sign-in certificate", ca.NaturalAuth, "", ""},
		{"a person in an organisation", ca.OrganisationSign, ca.BusinessID(catest.Zahra.LegalID), ""},
		{"a seal, whose key many may use", ca.OrganisationSeal, "", "signs nobody in"},
	} {
		t.Run(c.name, func(t *testing.T) {
			key, record := b.fixture.IssueTo(t, catest.Zahra, c.profile, "r-"+c.profile)
			w := b.browser(t)
			a := w.post("/signin/statement", url.Values{"statement": {b.statement(t, key, signin.StatementType, nil)}, "to": {"/my/devices?x=1"}})
			if c.code != "" {
				if a.status != http.StatusForbidden || !strings.Contains(told(a.page), c.code) || w.in() {
					t.Errorf("%d %s", a.status, told(a.page))
				}
				return
			}
			who, err := w.who()
			if a.status != http.StatusSeeOther || a.to != "/my/devices?x=1" || err != nil {
				t.Fatalf("%d to %q: %v %s", a.status, a.to, err, told(a.page))
			}
			if who.Holder != record.Holder || who.Business != c.business || who.By != signin.ByKey || who.Certificate != record.Serial || who.CertificateSHA256 != sha256Hex(record.DER) {
				t.Errorf("%+v", who)
			}
		})
	}
}

func TestAStatementThatDoesNotHoldSignsNobodyIn(t *testing.T) {
	b := newBench(t, nil)
	key, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	service := b.fixture.SigningKey(t, "audit", ca.Service{Profile: ca.Audit, CommonName: "Audit"})
	edit := func(name string, value any) func(map[string]any) {
		return func(m map[string]any) { m[name] = value }
	}
	used := b.statement(t, key, signin.StatementType, nil)
	b.browser(t).post("/signin/statement", url.Values{"statement": {used}})
	for name, statement := range map[string]string{
		"nothing":                        "",
		"no statement":                   "hello",
		"too long":                       strings.Repeat("A", signin.MaxStatement+1),
		"of a service":                   b.statement(t, service, signin.StatementType, nil),
		"for another service":            b.statement(t, key, signin.StatementType, edit("aud", "https://evil.example")),
		"of another kind":                b.statement(t, key, "mohr-renew/1", nil),
		"that confirms":                  b.statement(t, key, signin.ConfirmType, edit("purpose", "revoke/1f")),
		"naming another certificate":     b.statement(t, key, signin.StatementType, edit("certificate_sha256", strings.Repeat("0", 64))),
		"with a nonce of ours elsewhere": b.statement(t, key, signin.StatementType, edit("nonce", b.nonces.New("renew"))),
		"with an invented nonce":         b.statement(t, key, signin.StatementType, edit("nonce", strings.Repeat("A", 54))),
		"of an hour ago":                 b.statement(t, key, signin.StatementType, edit("iat", b.clock.Add(-time.Hour).Unix())),
		"with something more":            b.statement(t, key, signin.StatementType, edit("holder", "h-other")),
		"used before":                    used,
		"with its signature cut off":     used[:strings.LastIndex(used, ".")+1],
	} {
		w := b.browser(t)
		if a := w.post("/signin/statement", url.Values{"statement": {statement}}); a.status < 400 || a.status >= 500 || w.in() || len(w.cookies) != 0 {
			t.Errorf("%s: %d, signed in: %v", name, a.status, w.in())
		}
	}
}

func TestACMSWithItsContentSignsInToo(t *testing.T) {
	b := newBench(t, nil)
	key, record := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	payload := []byte(`{"type":"mohr-signin/1","aud":"` + catest.Portal + `","certificate_sha256":"` + sha256Hex(record.DER) + `","nonce":"` +
		b.nonces.New(signin.NoncePurpose) + `","iat":` + at(b.clock) + `,"exp":` + at(b.clock.Add(time.Minute)) + `}`)
	cms, err := signature.Signer{Key: key, Now: func() time.Time { return b.clock }}.EnclosedCMS(payload)
	must(t, err)
	w := b.browser(t)
	if a := w.post("/signin/statement", url.Values{"statement": {pemOf("CMS", cms)}}); a.status != http.StatusSeeOther || !w.in() {
		t.Errorf("%d %s", a.status, told(a.page))
	}
}

func TestASessionEndsWithTheCertificateItRestsOn(t *testing.T) {
	b := newBench(t, nil)
	for name, end := range map[string]func(serial string) error{
		"revoked":     func(s string) error { return b.fixture.Revoke(t.Context(), s, ca.CessationOfOperation, "test") },
		"suspended":   func(s string) error { return b.fixture.Suspend(t.Context(), s, "test") },
		"compromised": func(s string) error { return b.fixture.Revoke(t.Context(), s, ca.KeyCompromise, "test") },
	} {
		key, record := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-"+name)
		other, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-other-"+name)
		w, elsewhere := b.browser(t), b.browser(t)
		w.signIn(key)
		elsewhere.signIn(other)
		must(t, end(record.Serial))
		if w.in() || !elsewhere.in() {
			t.Errorf("%s: signed in by it: %v, by another: %v", name, w.in(), elsewhere.in())
		}
	}
	key, record := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-superseded")
	w := b.browser(t)
	w.signIn(key)
	must(t, b.fixture.Revoke(t.Context(), record.Serial, ca.Superseded, "test"))
	if !w.in() {
		t.Error("a session ended because its certificate was replaced")
	}
}

// TestSessionFixation: what a browser had before signing in opens nothing
// afterwards, whoever put it there.
func TestSessionFixation(t *testing.T) {
	b := newBench(t, nil)
	attacker, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	victim, _ := b.fixture.IssueTo(t, davood, ca.NaturalSign, "r-2")
	evil, w := b.browser(t), b.browser(t)
	evil.signIn(attacker)
	for name, value := range evil.cookies {
		w.cookies[name] = value
	}
	w.signIn(victim)
	if evil.in() || !w.in() {
		t.Error("the session of before the sign-in lives on")
	}
	who, err := w.who()
	if _, record := b.fixture.IssueTo(t, davood, ca.NaturalSign, "r-3"); err != nil || who.Holder != record.Holder {
		t.Errorf("%+v, %v", who, err)
	}
}

var davood = catest.Person{NationalCode: "0877778681", FirstName: "داود", LastName: "رضایی", BirthDate: "1975-05-05", Mobile: "+989901112233"}

// TestCrossSiteRequestsDoNothing is CSRF: forms of other sites, with the
// cookies of the victim.
func TestCrossSiteRequestsDoNothing(t *testing.T) {
	b := newBench(t, nil)
	key, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	w := b.browser(t)
	w.signIn(key)
	for _, from := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}} {
		evil := b.browser(t)
		evil.cookies = w.cookies
		for name, value := range from {
			evil.header[name] = value
		}
		for _, path := range []string{"/signin/out", "/my/devices/end", "/my/passkeys/remove", "/signin/confirm/statement", "/my/passkeys", "/signin/passkey"} {
			if a := evil.post(path, url.Values{"everywhere": {"yes"}}); a.status != http.StatusForbidden {
				t.Errorf("%v: POST %s is answered with %d", from, path, a.status)
			}
		}
		login := b.browser(t)
		login.header = evil.header
		if login.post("/signin/statement", url.Values{"statement": {b.statement(t, key, signin.StatementType, nil)}}); login.in() {
			t.Errorf("%v: another site signs somebody in", from)
		}
	}
	if !w.in() {
		t.Error("another site signed the victim out")
	}
}

// TestPagesCannotBeFramed is clickjacking.
func TestPagesCannotBeFramed(t *testing.T) {
	b := newBench(t, nil)
	key, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	w := b.browser(t)
	w.signIn(key)
	for _, path := range []string{"/signin", "/my/devices", "/signin/confirm?purpose=revoke/1f&to=/my"} {
		a := w.get(path)
		if policy := a.header.Get("Content-Security-Policy"); a.status != http.StatusOK || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %d %s", path, a.status, policy)
		}
		if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Cross-Origin-Opener-Policy") != "same-origin" {
			t.Errorf("%s may be kept, or be opened with a handle to it", path)
		}
	}
}

// TestNothingWrittenByOthersBecomesCode is XSS: in what a browser says of
// itself, in addresses, in purposes.
func TestNothingWrittenByOthersBecomesCode(t *testing.T) {
	const evil = `"><script>alert(1)</script>`
	b := newBench(t, nil)
	key, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	w := b.browser(t)
	w.header["User-Agent"] = evil
	w.signIn(key)
	for _, path := range []string{"/my/devices", "/signin?to=" + url.QueryEscape("/x"+evil), "/signin?to=javascript:alert(1)",
		"/signin/confirm?purpose=" + url.QueryEscape("revoke/"+evil), "/signin/confirm?purpose=revoke/1&to=" + url.QueryEscape("javascript:alert(1)")} {
		a := w.get(path)
		if strings.Contains(a.page, "<script>alert") || strings.Contains(a.page, "javascript:") {
			t.Errorf("%s: the page has what was written:\n%s", path, a.page)
		}
	}
}

// TestOpenRedirect: after signing in one comes to a page of this portal.
func TestOpenRedirect(t *testing.T) {
	for address, ok := range map[string]bool{
		"/my/devices": true, "/renew?serial=1f#x": true, "/a/%2f%2fevil.example": true,
		"": false, "my": false, "//evil.example": false, "/\\evil.example": false, "\\\\evil.example": false, "https://evil.example": false,
		"javascript:alert(1)": false, "/\t/evil.example": false, "/\n/evil.example": false, " /my": false, "/%0d%0aSet-Cookie:x": true, "/my\r\nx": false, "///evil.example": false,
		"/" + strings.Repeat("a", 600): false, "/%zz": false, "/؟": false,
	} {
		if got := signin.Local(address); (got == address) != ok || !ok && got != signin.Home {
			t.Errorf("%q leads to %q", address, got)
		}
	}
	b := newBench(t, nil)
	key, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	a := b.browser(t).post("/signin/statement", url.Values{"statement": {b.statement(t, key, signin.StatementType, nil)}, "to": {"//evil.example/"}})
	if a.status != http.StatusSeeOther || a.to != signin.Home {
		t.Errorf("%d to %q", a.status, a.to)
	}
}

func TestWhoIsNotSignedInIsAskedToAndComesBack(t *testing.T) {
	b := newBench(t, nil)
	w := b.browser(t)
	if a := w.get("/my/devices?page=2"); a.status != http.StatusSeeOther || a.to != "/signin?to=%2Fmy%2Fdevices%3Fpage%3D2" {
		t.Errorf("%d to %q", a.status, a.to)
	}
	if a := w.post("/my/devices/end", url.Values{"id": {"x"}}); a.status != http.StatusSeeOther || a.to != "/signin?to="+url.QueryEscape(signin.Home) {
		t.Errorf("%d to %q", a.status, a.to)
	}
}

func TestOneSignsOutHereOrEverywhere(t *testing.T) {
	b := newBench(t, nil)
	key, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	var ws []*browser
	for range 3 {
		w := b.browser(t)
		w.signIn(key)
		ws = append(ws, w)
	}
	kept := map[string]string{}
	for name, value := range ws[0].cookies {
		kept[name] = value
	}
	if a := ws[0].post("/signin/out", url.Values{}); a.status != http.StatusSeeOther || len(ws[0].cookies) != 0 {
		t.Errorf("%d, cookies left: %v", a.status, ws[0].cookies)
	}
	if ws[0].cookies = kept; ws[0].in() || !ws[1].in() {
		t.Error("signing out here does not end the session, or ends another")
	}
	page := ws[1].get("/my/devices").page
	if n := strings.Count(page, "/my/devices/end"); n != 1 {
		t.Errorf("the page shows %d other devices", n)
	}
	ws[1].post("/signin/out", url.Values{"everywhere": {"yes"}})
	if ws[2].in() {
		t.Error("signing out everywhere leaves one signed in")
	}
	if a := ws[2].post("/signin/out", url.Values{}); a.status != http.StatusSeeOther {
		t.Errorf("signing out when one is out: %d", a.status)
	}
}

func TestTheNetworkThatTriesAgainAndAgainWaits(t *testing.T) {
	b := newBench(t, func(c *signin.Config) { c.Gate = nil })
	w := b.browser(t)
	last := 0
	for range 200 {
		last = w.post("/signin/statement", url.Values{"statement": {"x"}}).status
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the 200th try is answered with %d", last)
	}
}

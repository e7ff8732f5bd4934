package signin_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/store"
)

const revoke signin.Purpose = "revoke/1f"

var shownNonce = regexp.MustCompile(`--nonce ([\w-]{54})`)

// challenge is the nonce that the page shows for a purpose.
func (w *browser) challenge(p signin.Purpose) string {
	w.t.Helper()
	a := w.get("/signin/confirm?" + url.Values{"purpose": {string(p)}, "to": {"/my/devices"}}.Encode())
	m := shownNonce.FindStringSubmatch(a.page)
	if m == nil {
		w.t.Fatalf("%d: the page shows no nonce", a.status)
	}
	return m[1]
}

// confirm proves p by a statement of the key, over the nonce.
func (w *browser) confirm(key ca.SigningKey, p signin.Purpose, n string) answer {
	w.t.Helper()
	s := w.b.statement(w.t, key, signin.ConfirmType, func(m map[string]any) { m["purpose"], m["nonce"] = string(p), n })
	return w.post("/signin/confirm/statement", url.Values{"statement": {s}, "purpose": {string(p)}, "to": {"/my/devices"}})
}

func TestAProofServesOnceForItsPurposeInItsSession(t *testing.T) {
	b := newBench(t, nil)
	key, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	w, other := b.browser(t), b.browser(t)
	w.signIn(key)
	other.signIn(key)
	who, _ := w.who()
	if _, err := b.Confirmed(t.Context(), who, revoke); fault.Code(err) != "confirm_needed" {
		t.Fatalf("a session alone confirms: %v", err)
	}
	if a := w.confirm(key, revoke, w.challenge(revoke)); a.status != http.StatusSeeOther || a.to != "/my/devices" {
		t.Fatalf("%d to %q: %s", a.status, a.to, told(a.page))
	}
	if _, err := b.Confirmed(t.Context(), who, revoke); fault.Code(err) != "session_none" {
		t.Errorf("the session of before is confirmed: %v", err)
	}
	who, _ = w.who()
	p, err := b.Confirmed(t.Context(), who, revoke)
	must(t, err)
	if p.By() != signin.ByKey {
		t.Errorf("by %s", p.By())
	}
	if _, err := b.Confirmed(t.Context(), who, "revoke/2f"); fault.Code(err) != "confirm_needed" {
		t.Errorf("it serves for another purpose: %v", err)
	}
	elsewhere, _ := other.who()
	if _, err := b.Confirmed(t.Context(), elsewhere, revoke); fault.Code(err) != "confirm_needed" {
		t.Errorf("it serves in another session: %v", err)
	}
	must(t, b.Store.Update(t.Context(), p.Use))
	if err := b.Store.Update(t.Context(), p.Use); fault.Code(err) != "confirm_needed" {
		t.Errorf("it serves twice: %v", err)
	}
	if err := b.Store.Update(t.Context(), signin.Proof{}.Use); fault.Code(err) != "confirm_needed" {
		t.Errorf("a proof that nobody gave serves: %v", err)
	}
}

// TestWhoSawTheCookieBeforeAConfirmationHasNothingAfterIt is session fixation
// at the second step: the cookie changes, and the old one opens nothing.
func TestWhoSawTheCookieBeforeAConfirmationHasNothingAfterIt(t *testing.T) {
	b := newBench(t, nil)
	key, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	w, thief := b.browser(t), b.browser(t)
	w.signIn(key)
	for name, value := range w.cookies {
		thief.cookies[name] = value
	}
	if !thief.in() {
		t.Fatal("the cookie opens nothing before either")
	}
	w.confirm(key, revoke, w.challenge(revoke))
	if thief.in() || !w.in() {
		t.Errorf("after the confirmation the old cookie opens the session: %t, the new one: %t", thief.in(), w.in())
	}
}

func TestAProofDoesNotWaitForLong(t *testing.T) {
	b := newBench(t, nil)
	key, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	w := b.browser(t)
	w.signIn(key)
	w.confirm(key, revoke, w.challenge(revoke))
	who, _ := w.who()
	p, err := b.Confirmed(t.Context(), who, revoke)
	must(t, err)
	b.clock = b.clock.Add(5 * time.Minute)
	if _, err := b.Confirmed(t.Context(), who, revoke); fault.Code(err) != "confirm_needed" {
		t.Errorf("it still waits: %v", err)
	}
	w.post("/signin/out", url.Values{})
	if err := b.Store.Update(t.Context(), p.Use); fault.Code(err) != "session_none" {
		t.Errorf("it serves after signing out: %v", err)
	}
}

func TestWhatDoesNotProveThePurposeConfirmsNothing(t *testing.T) {
	b := newBench(t, nil)
	key, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	second, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSignC, "r-2")
	company, _ := b.fixture.IssueTo(t, catest.Zahra, ca.OrganisationSign, "r-3")
	stranger, _ := b.fixture.IssueTo(t, davood, ca.NaturalSign, "r-4")
	w := b.browser(t)
	w.signIn(key)
	other := b.browser(t)
	other.signIn(key)
	for _, c := range []struct {
		name string
		do   func() answer
		ok   bool
	}{
		{"another person's key", func() answer { return w.confirm(stranger, revoke, w.challenge(revoke)) }, false},
		{"the person's key for an organisation", func() answer { return w.confirm(company, revoke, w.challenge(revoke)) }, false},
		{"a nonce for another purpose", func() answer { return w.confirm(key, revoke, w.challenge("revoke/2f")) }, false},
		{"a nonce of another session", func() answer { return w.confirm(key, revoke, other.challenge(revoke)) }, false},
		{"a nonce for signing in", func() answer { return w.confirm(key, revoke, b.nonces.New(signin.NoncePurpose)) }, false},
		{"a statement for another purpose", func() answer {
			s := b.statement(t, key, signin.ConfirmType, func(m map[string]any) { m["purpose"], m["nonce"] = "revoke/2f", w.challenge(revoke) })
			return w.post("/signin/confirm/statement", url.Values{"statement": {s}, "purpose": {string(revoke)}})
		}, false},
		{"a statement that signs in", func() answer {
			s := b.statement(t, key, signin.StatementType, nil)
			return w.post("/signin/confirm/statement", url.Values{"statement": {s}, "purpose": {string(revoke)}})
		}, false},
		{"another key of the same person", func() answer { return w.confirm(second, revoke, w.challenge(revoke)) }, true},
	} {
		a := c.do()
		who, _ := w.who() // its cookie is another once it has confirmed
		if _, err := b.Confirmed(t.Context(), who, revoke); (err == nil) != c.ok {
			t.Errorf("%s: confirmed: %v, %d %s", c.name, err == nil, a.status, told(a.page))
		}
	}
}

func TestOnlyKnownPurposesAreAskedFor(t *testing.T) {
	b := newBench(t, nil)
	key, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	w := b.browser(t)
	w.signIn(key)
	for purpose, status := range map[string]int{"revoke/1f": 200, "passkey/new": 200, "pay/1f": 404, "revoke": 422, "revoke/": 422, "revoke/1 f": 422, "": 422, "REVOKE/1f": 422} {
		if a := w.get("/signin/confirm?" + url.Values{"purpose": {purpose}}.Encode()); a.status != status {
			t.Errorf("%q: %d, want %d", purpose, a.status, status)
		}
	}
}

// TestAPasskeyIsAddedByAKeyOrALoginAlone: a session is not enough.
func TestAPasskeyIsAddedByAKeyOrALoginAlone(t *testing.T) {
	b := newBench(t, nil)
	key, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	w := b.browser(t)
	w.signIn(key)
	w.header["Accept"] = "application/json"
	if a := w.post("/my/passkeys/options", url.Values{}); a.status != http.StatusForbidden {
		t.Errorf("a session alone: %d %s", a.status, a.page)
	}
	w.header["Accept"] = "text/html"
	if a := w.get("/my/passkeys/new"); a.to != "/signin/confirm?purpose=passkey%2Fnew&to=%2Fmy%2Fpasskeys%2Fnew" {
		t.Errorf("%d to %q", a.status, a.to)
	}
	w.confirm(key, signin.NewPasskey, w.challenge(signin.NewPasskey))
	if a := w.get("/my/passkeys/new"); a.status != http.StatusOK {
		t.Errorf("once confirmed: %d", a.status)
	}
	if a := w.post("/my/passkeys/options", url.Values{}); a.status != http.StatusOK {
		t.Errorf("once confirmed: %d %s", a.status, a.page)
	}
}

// TestAProofEndsWithTheCertificateThatGaveIt, though the session rests on
// another one.
func TestAProofEndsWithTheCertificateThatGaveIt(t *testing.T) {
	b := newBench(t, nil)
	key, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	second, record := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSignB, "r-2")
	w := b.browser(t)
	w.signIn(key)
	w.confirm(second, revoke, w.challenge(revoke))
	who, _ := w.who()
	p, err := b.Confirmed(t.Context(), who, revoke)
	must(t, err)
	must(t, b.fixture.Revoke(t.Context(), record.Serial, ca.KeyCompromise, "test"))
	if err := b.Store.Update(t.Context(), p.Use); fault.Code(err) != "session_none" {
		t.Errorf("the proof of a compromised key serves: %v", err)
	}
}

// TestAPasskeyEndsWithItsCertificate: when the newest of the line has expired,
// nobody signs in with what it lent its name to.
func TestAPasskeyEndsWithItsCertificate(t *testing.T) {
	b := newBench(t, nil)
	_, record := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	must(t, b.Store.Update(t.Context(), func(tx store.Tx) error {
		k := signin.Passkey{ID: "k", Name: "phone", Holder: record.Holder, Certificate: record.Serial, Added: b.clock}
		return store.Save(tx, "signin_passkeys", string(record.Holder)+"/k", k)
	}))
	for _, c := range []struct {
		name string
		at   time.Time
		keys int
	}{{"while it is valid", record.NotAfter, 1}, {"after its end", record.NotAfter.Add(time.Second), 0}} {
		b.clock = c.at
		list, err := b.Passkeys(t.Context(), signin.Who{Holder: record.Holder})
		if err != nil || len(list) != c.keys {
			t.Errorf("%s: %d passkeys, %v", c.name, len(list), err)
		}
	}
}

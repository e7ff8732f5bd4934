package badge_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
)

func parse(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// handSigned makes a JWS with any protected header; sign false leaves the signature empty.
func (b *bench) handSigned(t *testing.T, header map[string]any, payload any, sign bool) []byte {
	t.Helper()
	full := map[string]any{"typ": badge.RequestType, "alg": "ES256", "iat": b.clock.Now().Unix(), "x5c": []string{base64.StdEncoding.EncodeToString(b.key.Certificate.Raw)}}
	for k, v := range header {
		full[k] = v
	}
	h, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	p, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	e := base64.RawURLEncoding
	input := e.EncodeToString(h) + "." + e.EncodeToString(p)
	if !sign {
		return []byte(input + ".")
	}
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, b.key.Signer.(*ecdsa.PrivateKey), sum[:])
	if err != nil {
		t.Fatal(err)
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return []byte(input + "." + e.EncodeToString(sig))
}

func TestRequestsAreRefusedAndLeaveNothing(t *testing.T) {
	other := catest.Zahra
	other.NationalCode, other.LegalID, other.Mobile = "0087654326", "10380284790", "+989121234568"
	spoil := func(change func(*badge.Ask)) func(*testing.T, *bench) []byte {
		return func(t *testing.T, b *bench) []byte {
			a := b.ask()
			change(&a)
			return b.sign(t, b.key, a)
		}
	}
	for _, test := range []struct {
		name string
		raw  func(*testing.T, *bench) []byte
		kind fault.Kind
		code string
	}{
		{"a request that is no JWS", func(*testing.T, *bench) []byte { return []byte("hello") }, fault.Invalid, "jws_malformed"},
		{"an empty one", func(*testing.T, *bench) []byte { return nil }, fault.Invalid, "jws_malformed"},
		{"one of 70 kB", func(t *testing.T, b *bench) []byte {
			a := b.ask()
			a.Request = strings.Repeat("x", 70<<10)
			return b.sign(t, b.key, a)
		}, fault.Invalid, "badge_request_too_large"},
		{"alg none", func(t *testing.T, b *bench) []byte {
			return append(b.handSigned(t, map[string]any{"alg": "none"}, b.ask(), false), "AA"...)
		}, fault.Invalid, "jws_alg"},
		{"an unknown crit", func(t *testing.T, b *bench) []byte {
			return b.handSigned(t, map[string]any{"crit": []string{"exp"}, "exp": 1}, b.ask(), true)
		}, fault.Invalid, "jws_crit"},
		{"the typ of a renewal", func(t *testing.T, b *bench) []byte {
			return b.handSigned(t, map[string]any{"typ": "mohr-renew/1"}, b.ask(), true)
		}, fault.Invalid, "jws_typ"},
		{"a changed payload", func(t *testing.T, b *bench) []byte {
			parts := bytes.Split(b.sign(t, b.key, b.ask()), []byte("."))
			a := b.ask()
			a.Domain = "other.example"
			p, _ := json.Marshal(a)
			parts[1] = []byte(base64.RawURLEncoding.EncodeToString(p))
			return bytes.Join(parts, []byte("."))
		}, fault.Denied, "jws_signature"},
		{"a signer of another service", func(t *testing.T, b *bench) []byte {
			strange := catest.New(t, b.clock.Now)
			key, _ := strange.IssueTo(t, catest.Zahra, ca.OrganisationSign, "there")
			return b.sign(t, key, b.askWith(key))
		}, fault.Denied, "certificate_foreign"},
		{"a revoked signer", func(t *testing.T, b *bench) []byte {
			if err := b.ca.Revoke(t.Context(), b.cert.Serial, ca.KeyCompromise, "holder"); err != nil {
				t.Fatal(err)
			}
			return b.sign(t, b.key, b.ask())
		}, fault.Denied, "certificate_revoked"},
		{"a signer whose certificate has expired", func(t *testing.T, b *bench) []byte {
			b.clock.pass(b.cert.NotAfter.Sub(b.clock.Now()) + time.Second)
			return b.sign(t, b.key, b.ask())
		}, fault.Denied, "certificate_expired"},
		{"a certificate of the service itself", func(t *testing.T, b *bench) []byte {
			return b.sign(t, b.Credential(), b.askWith(b.Credential()))
		}, fault.Denied, "badge_certificate_usage"},
		{"a signer of another business", func(t *testing.T, b *bench) []byte {
			key, _ := b.ca.IssueTo(t, other, ca.OrganisationSign, "application-2")
			return b.sign(t, key, b.askWith(key))
		}, fault.Denied, "badge_business_foreign"},
		{"another type inside", spoil(func(a *badge.Ask) { a.Type = "mohr-renew/1" }), fault.Invalid, "statement_type"},
		{"another audience", spoil(func(a *badge.Ask) { a.Audience = "https://elsewhere.example" }), fault.Denied, "statement_audience"},
		{"another certificate named", spoil(func(a *badge.Ask) { a.CertificateSHA256 = strings.Repeat("0", 64) }), fault.Denied, "statement_certificate"},
		{"six minutes of age", spoil(func(a *badge.Ask) { a.IssuedAt -= 360 }), fault.Denied, "statement_time"},
		{"an end in the past", spoil(func(a *badge.Ask) { a.Expires = a.IssuedAt - 1 }), fault.Denied, "statement_time"},
		{"no jti", spoil(func(a *badge.Ask) { a.JTI = "" }), fault.Invalid, "badge_request_id_malformed"},
		{"a request id with a slash", spoil(func(a *badge.Ask) { a.Request = "a/b" }), fault.Invalid, "badge_request_id_malformed"},
		{"a legal id with a wrong digit", spoil(func(a *badge.Ask) { a.LegalID = "14003456781" }), fault.Invalid, "legal_id_invalid"},
		{"no domain", spoil(func(a *badge.Ask) { a.Domain = "" }), fault.Invalid, "badge_domain_malformed"},
		{"a bare public suffix", spoil(func(a *badge.Ask) { a.Domain = "co.ir" }), fault.Invalid, "badge_domain_public_suffix"},
		{"no licence", spoil(func(a *badge.Ask) { a.Licence = badge.Licence{} }), fault.Invalid, "badge_licence_missing"},
		{"an unknown action", spoil(func(a *badge.Ask) { a.Action = "renew" }), fault.Invalid, "badge_action_unknown"},
		{"a nonce of nobody", spoil(func(a *badge.Ask) { a.Nonce = strings.Repeat("A", 54) }), fault.Denied, "nonce_unknown"},
		{"a withdrawal of nothing", spoil(func(a *badge.Ask) { a.Action = badge.ActionWithdrawal }), fault.NotFound, "badge_none_to_withdraw"},
		{"a nonce for renewals", func(t *testing.T, b *bench) []byte {
			a := b.ask()
			a.Nonce = b.Nonces.New("renew")
			return b.sign(t, b.key, a)
		}, fault.Denied, "nonce_unknown"},
		{"a nonce given out long ago", func(t *testing.T, b *bench) []byte {
			n := b.Nonces.New(badge.NoncePurpose)
			b.clock.pass(11 * time.Minute)
			a := b.ask()
			a.Nonce = n
			return b.sign(t, b.key, a)
		}, fault.Denied, "nonce_expired"},
		{"a key twice in the payload", func(t *testing.T, b *bench) []byte {
			p, _ := json.Marshal(b.ask())
			return b.sign(t, b.key, bytes.Replace(p, []byte(`"domain"`), []byte(`"domain":"evil.example","domain"`), 1))
		}, fault.Invalid, "statement_malformed"},
		{"an unknown field in the payload", func(t *testing.T, b *bench) []byte {
			p, _ := json.Marshal(b.ask())
			return b.sign(t, b.key, bytes.Replace(p, []byte(`{`), []byte(`{"stars":2,`), 1))
		}, fault.Invalid, "statement_malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			raw := test.raw(t, b)
			_, err := b.Request(t.Context(), raw)
			if fault.Code(err) != test.code || !errors.Is(err, test.kind) {
				t.Fatalf("got %q (%v), want %q of kind %s", fault.Code(err), err, test.code, test.kind)
			}
			if n := b.count(t, "badge_badges") + b.count(t, "badge_requests") + b.count(t, "badge_jti") + b.count(t, "nonce_used"); n != 0 {
				t.Errorf("the refused request left %d records", n)
			}
		})
	}
}

func TestTheSameRequestAgainGivesTheSameBadge(t *testing.T) {
	b := newBench(t)
	raw := b.sign(t, b.key, b.ask())
	first, err := b.Request(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	leaves := b.count(t, "ledger_pending")
	b.clock.pass(time.Hour) // the statement and its nonce are long out of their time
	again, err := b.Request(t.Context(), append(raw, '\n'))
	if err != nil || again.ID != first.ID {
		t.Fatalf("got %s, %v; want %s", again.ID, err, first.ID)
	}
	named, err := b.Request(t.Context(), b.sign(t, b.key, b.ask())) // another statement of the same request id
	if err != nil || named.ID != first.ID {
		t.Fatalf("same request id: got %s, %v; want %s", named.ID, err, first.ID)
	}
	if n := b.count(t, "badge_badges"); n != 1 {
		t.Errorf("%d badges", n)
	}
	if n := b.count(t, "ledger_pending"); n != leaves {
		t.Errorf("%d leaves, then %d", leaves, n)
	}
}

func TestAStatementServesOnce(t *testing.T) {
	b := newBench(t)
	first := b.ask()
	if _, err := b.Request(t.Context(), b.sign(t, b.key, first)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*badge.Ask)
		code   string
	}{
		{"its nonce does not serve another", func(a *badge.Ask) {
			a.Nonce, a.Request, a.Domain = first.Nonce, "request-2", "second.example"
		}, "nonce_used"},
		{"its jti does not serve another", func(a *badge.Ask) {
			a.JTI, a.Request, a.Domain = first.JTI, "request-2", "second.example"
		}, "badge_request_replayed"},
		{"its request id stands for nothing else", func(a *badge.Ask) { a.Domain = "second.example" }, "badge_request_id_used"},
		{"another request for the domain waits for the first", func(a *badge.Ask) { a.Request = "request-2" }, "badge_request_open"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := b.ask()
			test.change(&a)
			if _, err := b.Request(t.Context(), b.sign(t, b.key, a)); fault.Code(err) != test.code {
				t.Errorf("got %v, want %s", err, test.code)
			}
		})
	}
	if n := b.count(t, "badge_badges"); n != 1 {
		t.Errorf("%d badges", n)
	}
}

func TestARequestThatCannotBeStampedIsNotTaken(t *testing.T) {
	down := fault.New(fault.Unavailable, "stamp_unavailable", "no stamps now")
	b := newBench(t, func(c *badge.Config) { c.Stamper = stamper{err: down} })
	if _, err := b.Request(t.Context(), b.sign(t, b.key, b.ask())); !errors.Is(err, fault.Unavailable) {
		t.Fatalf("got %v", err)
	}
	if n := b.count(t, "badge_badges") + b.count(t, "nonce_used"); n != 0 {
		t.Errorf("%d records left", n)
	}
}

func TestTheSameRequestSentManyTimesAtOnceIsOne(t *testing.T) {
	b := newBench(t)
	raw := b.sign(t, b.key, b.ask())
	type result struct {
		badge.Badge
		err error
	}
	results := make(chan result, 8)
	for range cap(results) {
		go func() {
			got, err := b.Request(context.WithoutCancel(t.Context()), raw)
			results <- result{got, err}
		}()
	}
	ids := map[badge.ID]bool{}
	for range cap(results) {
		r := <-results
		if r.err != nil {
			t.Error(r.err)
		}
		ids[r.ID] = true
	}
	if n := b.count(t, "badge_badges"); n != 1 || len(ids) != 1 {
		t.Errorf("%d badges, %d ids", n, len(ids))
	}
}

package renew_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/gateway"
	"mohr/renew"
)

// edit changes a good wish before it is sent.
type edit func(t *testing.T, b *bench, h holder, w *renew.Wish)

// said returns an edit that signs another document.
func said(change func(b *bench, doc map[string]any)) edit {
	return func(t *testing.T, b *bench, h holder, w *renew.Wish) {
		_, csr, spki := newKey(t)
		w.CSR = csr
		w.Document = b.document(t, h, spki, func(doc map[string]any) { change(b, doc) })
		w.Statement = b.sign(t, h, w.Document)
	}
}

func at(when func(h holder) time.Time) edit {
	return func(t *testing.T, b *bench, h holder, w *renew.Wish) {
		b.clock = when(h)
		*w, _ = b.wish(t, h)
	}
}

func TestWishesAreRefusedByTheirRule(t *testing.T) {
	for _, c := range []struct {
		name string
		edit edit
		code string
	}{
		{"too early by a second", at(func(h holder) time.Time { return h.rec.NotAfter.Add(-30*day - time.Second) }), "renewal_early"},
		{"at the opening", at(func(h holder) time.Time { return h.rec.NotAfter.Add(-30 * day) }), ""},
		{"at the close", at(func(h holder) time.Time { return h.rec.NotAfter }), ""},
		{"too late by a second", at(func(h holder) time.Time { return h.rec.NotAfter.Add(time.Second) }), "renewal_late"},
		{"the old certificate is revoked", func(t *testing.T, b *bench, h holder, w *renew.Wish) {
			must(t, b.fixture.Revoke(t.Context(), h.rec.Serial, ca.KeyCompromise, "test"))
		}, "certificate_revoked"},
		{"the certificate is not ours", func(t *testing.T, b *bench, h holder, w *renew.Wish) {
			other := newBench(t, nil)
			other.clock = b.clock
			alien := other.enroll(t, sara, ca.NaturalSign)
			w.Document = b.document(t, alien, strings.Repeat("0", 64), nil)
			w.Statement = b.sign(t, alien, w.Document)
		}, "certificate_foreign"},
		{"the certificate is the service's own", func(t *testing.T, b *bench, h holder, w *renew.Wish) {
			sk := b.fixture.SigningKey(t, "audit", ca.Service{Profile: ca.Audit, CommonName: "Audit"})
			w.Statement = b.sign(t, holder{key: sk.Signer, cert: sk.Certificate}, w.Document)
		}, "renewal_not_a_person"},
		{"another holder signs for it", func(t *testing.T, b *bench, h holder, w *renew.Wish) {
			w.Statement = b.sign(t, b.enroll(t, omid, ca.NaturalSign), w.Document)
		}, "statement_certificate"},
		{"another document beside it", func(t *testing.T, b *bench, h holder, w *renew.Wish) {
			w.Document = append(bytes.Clone(w.Document), ' ')
		}, "cms_digest"},
		{"a truncated CMS", func(t *testing.T, b *bench, h holder, w *renew.Wish) {
			w.Statement = w.Statement[:len(w.Statement)-1]
		}, "cms_malformed"},
		{"something after the CMS", func(t *testing.T, b *bench, h holder, w *renew.Wish) {
			w.Statement = append(w.Statement, 0)
		}, "cms_malformed"},
		{"a statement larger than the limit", func(t *testing.T, b *bench, h holder, w *renew.Wish) {
			w.Statement = make([]byte, 64<<10+1)
		}, "renewal_too_large"},
		{"a document larger than the limit", func(t *testing.T, b *bench, h holder, w *renew.Wish) {
			w.Document = make([]byte, 16<<10+1)
		}, "renewal_too_large"},
		{"another audience", said(func(_ *bench, doc map[string]any) { doc["aud"] = "https://elsewhere.example" }), "statement_audience"},
		{"another type", said(func(_ *bench, doc map[string]any) { doc["type"] = "mohr-badge-request/1" }), "statement_type"},
		{"signed six minutes ago", said(func(b *bench, doc map[string]any) { doc["iat"] = b.clock.Add(-6 * time.Minute).Unix() }), "statement_time"},
		{"ended", said(func(b *bench, doc map[string]any) { doc["exp"] = b.clock.Unix() }), "statement_time"},
		{"an unknown field", said(func(_ *bench, doc map[string]any) { doc["validity"] = "10y" }), "statement_malformed"},
		{"another profile", said(func(_ *bench, doc map[string]any) { doc["profile"] = ca.OrganisationSign }), "renewal_profile"},
		{"terms of last year", said(func(_ *bench, doc map[string]any) { doc["terms_sha256"] = strings.Repeat("0", 64) }), "renewal_terms"},
		{"a nonce for another purpose", said(func(b *bench, doc map[string]any) { doc["nonce"] = b.nonces.New("badge") }), "nonce_unknown"},
		{"no nonce", said(func(_ *bench, doc map[string]any) { delete(doc, "nonce") }), "nonce_unknown"},
		{"a key that is not the statement's", func(t *testing.T, b *bench, h holder, w *renew.Wish) {
			_, w.CSR, _ = newKey(t)
		}, "renewal_key_differs"},
		{"the old key again", func(t *testing.T, b *bench, h holder, w *renew.Wish) {
			csr, spki := requestFor(t, h.key)
			w.CSR, w.Document = csr, b.document(t, h, spki, nil)
			w.Statement = b.sign(t, h, w.Document)
		}, "renewal_same_key"},
		{"a key that is another holder's", func(t *testing.T, b *bench, h holder, w *renew.Wish) {
			other := b.enroll(t, omid, ca.NaturalSign)
			csr, spki := requestFor(t, other.key)
			w.CSR, w.Document = csr, b.document(t, h, spki, nil)
			w.Statement = b.sign(t, h, w.Document)
		}, "key_in_use"},
		{"a request that proves nothing", func(t *testing.T, b *bench, h holder, w *renew.Wish) {
			w.CSR = bytes.Clone(w.CSR)
			w.CSR[len(w.CSR)-1] ^= 1
		}, "csr_possession_unproven"},
		{"the person has died", func(t *testing.T, b *bench, h holder, w *renew.Wish) {
			p := b.registry.persons[sara]
			p.Alive = false
			b.registry.persons[sara] = p
		}, "renewal_refused"},
		{"the register no longer knows the person", func(t *testing.T, b *bench, h holder, w *renew.Wish) {
			delete(b.registry.persons, sara)
		}, "renewal_refused"},
		{"the register contradicts itself", func(t *testing.T, b *bench, h holder, w *renew.Wish) { b.registry.twice = true }, "renewal_review"},
		{"the register is down", func(t *testing.T, b *bench, h holder, w *renew.Wish) { b.registry.down = true }, "renewal_registry_unavailable"},
		{"the date of birth is not known any more", func(t *testing.T, b *bench, h holder, w *renew.Wish) { clear(b.papers) }, "renewal_birth_date"},
		{"the date of birth from the holder", func(t *testing.T, b *bench, h holder, w *renew.Wish) {
			clear(b.papers)
			w.BirthDate = "1990-05-01"
		}, ""},
		{"a wrong date of birth from the holder", func(t *testing.T, b *bench, h holder, w *renew.Wish) {
			clear(b.papers)
			w.BirthDate = "1990-05-02"
		}, "renewal_refused"},
		{"papers win over what the holder says", func(t *testing.T, b *bench, h holder, w *renew.Wish) { w.BirthDate = "1990-05-02" }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, nil)
			h := b.enroll(t, sara, ca.NaturalSign)
			b.open(h)
			w, _ := b.wish(t, h)
			c.edit(t, b, h, &w)
			r, err := b.Renew(t.Context(), w)
			wantCode(t, err, c.code)
			if c.code == "" {
				return
			}
			if len(r.Chain) > 0 || len(b.phones.sent) > 0 {
				t.Error("a refused wish left something")
			}
			was, err := b.fixture.Certificate(t.Context(), h.rec.Serial)
			if err != nil || was.ReplacedBy != "" {
				t.Errorf("a refused wish touched the old certificate: %+v, %v", was, err)
			}
		})
	}
}

func TestWhatTheRegisterSaysOfAnOrganisationCounts(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*gateway.Legal)
		code   string
	}{
		{"as before", func(*gateway.Legal) {}, ""},
		{"dissolved", func(l *gateway.Legal) { l.Status = "dissolved" }, "renewal_refused"},
		{"no signatory any more", func(l *gateway.Legal) { l.Signatories = nil }, "renewal_refused"},
		{"only jointly now", func(l *gateway.Legal) { l.Signatories[0].Alone = false }, "renewal_refused"},
		{"unknown to the register", func(l *gateway.Legal) { *l = gateway.Legal{Result: gateway.Mismatch} }, "renewal_refused"},
		{"renamed", func(l *gateway.Legal) { l.Name = "شرکت نمونه نو" }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, nil)
			h := b.enroll(t, sara, ca.OrganisationSign)
			b.open(h)
			c.change(&b.registry.legal)
			w, key := b.wish(t, h)
			r, err := b.Renew(t.Context(), w)
			wantCode(t, err, c.code)
			if c.name != "renamed" {
				return
			}
			if got := b.holder(t, key, r.Certificate).cert.Subject.Organization; len(got) != 1 || got[0] != "شرکت نمونه نو" {
				t.Errorf("organisation %q: the register's name is to be used", got)
			}
		})
	}
}

func TestANonceIsGoodForOneStatement(t *testing.T) {
	b := newBench(t, nil)
	first, second := b.enroll(t, sara, ca.NaturalSign), b.enroll(t, omid, ca.NaturalSign)
	b.open(first)
	n := b.nonces.New(renew.NoncePurpose)
	for i, h := range []holder{first, second} {
		_, csr, spki := newKey(t)
		doc := b.document(t, h, spki, func(doc map[string]any) { doc["nonce"] = n })
		_, err := b.Renew(t.Context(), renew.Wish{Statement: b.sign(t, h, doc), Document: doc, CSR: csr})
		wantCode(t, err, []string{"", "nonce_used"}[i])
	}
	if c, err := b.fixture.Certificate(t.Context(), second.rec.Serial); err != nil || c.ReplacedBy != "" {
		t.Errorf("the second certificate was touched: %+v, %v", c, err)
	}
	b.clock = b.clock.Add(11 * time.Minute)
	_, csr, spki := newKey(t)
	doc := b.document(t, second, spki, func(doc map[string]any) { doc["nonce"] = n })
	_, err := b.Renew(t.Context(), renew.Wish{Statement: b.sign(t, second, doc), Document: doc, CSR: csr})
	wantCode(t, err, "nonce_expired")
}

func TestUnknownRenewalsAreNotFound(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	for _, request := range []string{"", "renew-", "renew-" + strings.Repeat("0", 64), h.rec.Request, "service/x"} {
		_, err := b.Issued(t.Context(), request)
		wantCode(t, err, "renewal_unknown")
	}
}

func TestTheWindowIsPureArithmetic(t *testing.T) {
	from, to := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		rules evidence.Rules
		now   time.Time
		code  string
	}{
		{"before it opens", evidence.Rules{OpensBefore: 10 * day}, to.Add(-10*day - 1), "renewal_early"},
		{"as it opens", evidence.Rules{OpensBefore: 10 * day}, to.Add(-10 * day), ""},
		{"as it closes", evidence.Rules{OpensBefore: 10 * day}, to, ""},
		{"after it closed", evidence.Rules{OpensBefore: 10 * day}, to.Add(1), "renewal_late"},
		{"after the end, within what the policy allows", evidence.Rules{OpensBefore: day, ClosesAfter: 5 * day}, to.Add(5 * day), ""},
		{"opening before the certificate begins", evidence.Rules{OpensBefore: 100 * day}, from.Add(-1), "renewal_early"},
		{"open all its life", evidence.Rules{OpensBefore: 100 * day}, from, ""},
	} {
		t.Run(c.name, func(t *testing.T) { wantCode(t, renew.WindowOf(from, to, c.rules).Fault(c.now), c.code) })
	}
}

func TestStatementsWithoutSignedAttributesAreRefused(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	b.open(h)
	w, _ := b.wish(t, h)
	w.Statement = withoutAttributes(t, h, w.Document)
	_, err := b.Renew(t.Context(), w)
	wantCode(t, err, "cms_attributes_missing")
}

func TestADeskSaysAllThatItLacks(t *testing.T) {
	_, err := renew.New(renew.Config{})
	for _, want := range []string{"store", "authority", "policy", "verifier", "nonces", "registry", "notifier", "seal", "hash of the terms", "audience"} {
		if err == nil || !strings.Contains(err.Error(), "no "+want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

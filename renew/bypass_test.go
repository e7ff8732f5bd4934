package renew_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/renew"
)

// stillGood asks that the desk knows the holder: the certificate is good and
// the signature of the wish is hers. What is refused after this is refused by
// the policy.
func stillGood(t *testing.T, b *bench, h holder) {
	t.Helper()
	s, err := b.fixture.Standing(t.Context(), h.cert)
	must(t, err)
	must(t, s.Fault())
}

// TestCVE202120179AStolenKeyDoesNotRenewForEver: an authority let whoever was
// authenticated by a certificate's key renew it over and over again, as long
// as nobody revoked it. Here each renewal counts against the last full proofing,
// and after some of them, or some years, the key opens nothing any more.
func TestCVE202120179AStolenKeyDoesNotRenewForEver(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	rules, _ := b.policy.Rules(ca.NaturalSign)
	last := h.rec.ProofAt
	for n := 1; n <= rules.MaxDepth; n++ {
		b.open(h)
		stillGood(t, b, h)
		w, key := b.wish(t, h)
		r, err := b.Renew(t.Context(), w)
		must(t, err)
		c := r.Certificate
		if c.Depth != n || !c.ProofAt.Equal(last) {
			t.Fatalf("renewal %d is recorded as %d since %s", n, c.Depth, c.ProofAt)
		}
		h = b.holder(t, key, c)
	}
	for range 3 { // and again, and again
		b.open(h)
		stillGood(t, b, h)
		w, _ := b.wish(t, h)
		_, err := b.Renew(t.Context(), w)
		wantCode(t, err, "renewal_proof_due")
		b.clock = b.clock.Add(day)
	}
}

// TestCVE202120179OnesOwnCertificateRenewsNobodyElses: to be known is not to be
// the one who may ask.
func TestCVE202120179OnesOwnCertificateRenewsNobodyElses(t *testing.T) {
	b := newBench(t, nil)
	victim, thief := b.enroll(t, sara, ca.NaturalSign), b.enroll(t, omid, ca.NaturalSign)
	b.open(victim)
	stillGood(t, b, thief)
	_, csr, spki := newKey(t)
	doc := b.document(t, victim, spki, nil)
	_, err := b.Renew(t.Context(), renew.Wish{Statement: b.sign(t, thief, doc), Document: doc, CSR: csr})
	wantCode(t, err, "statement_certificate")
	c, err := b.fixture.Certificate(t.Context(), victim.rec.Serial)
	must(t, err)
	if c.ReplacedBy != "" {
		t.Error("the victim's certificate was renewed")
	}
}

// TestRenewalBypassesPolicyNever: an authority by default renewed whatever was
// authenticated, under the rules of the day it was issued or under none. Here
// the policy of today is asked, all of it.
func TestRenewalBypassesPolicyNever(t *testing.T) {
	text, err := os.ReadFile("../ca/evidence/policy.yaml")
	must(t, err)
	today := func(oldNew ...string) func(*testing.T) *evidence.Policy {
		return func(t *testing.T) *evidence.Policy {
			b := text
			for i := 0; i < len(oldNew); i += 2 {
				if !bytes.Contains(b, []byte(oldNew[i])) {
					t.Fatalf("the policy has no %q", oldNew[i])
				}
				b = bytes.ReplaceAll(b, []byte(oldNew[i]), []byte(oldNew[i+1]))
			}
			p, err := evidence.ParsePolicy(b)
			must(t, err)
			return p
		}
	}
	for _, c := range []struct {
		name   string
		policy func(*testing.T) *evidence.Policy
		code   string
	}{
		{"the policy is as it was", today(), ""},
		{"no certificate is renewed any more", today("max_depth: 3", "max_depth: 0"), "renewal_profile_closed"},
		{"a proofing is good for a month", today("max_age: 1461d", "max_age: 30d"), "renewal_proof_due"},
		{"the key may no longer be software", today("      software: 2.999.1.1.1\n", ""), "renewal_refused"},
		{"the mobile is asked about again, and the code is not there", today("evidence: [civil_registry]", "evidence: [civil_registry, otp_sms, mobile_ownership]"), "renewal_registry_unavailable"},
		{"the kind is not offered any more", today("  natural-sign:\n", "  natural-login:\n"), "renewal_profile_closed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			policy := c.policy(t)
			b := newBench(t, func(r *renew.Config) { r.Policy = policy })
			h := b.enroll(t, sara, ca.NaturalSign) // under the policy of then
			b.open(h)
			stillGood(t, b, h)
			w, _ := b.wish(t, h)
			r, err := b.Renew(t.Context(), w)
			wantCode(t, err, c.code)
			if c.code != "" && len(r.Chain) > 0 {
				t.Error("a refused renewal left a certificate")
			}
		})
	}
}

// TestASealIsNotRenewedByItsKey: a seal names no person who could be asked for;
// who may bind the organisation applies anew.
func TestASealIsNotRenewedByItsKey(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.OrganisationSeal)
	b.open(h)
	stillGood(t, b, h)
	w, _ := b.wish(t, h)
	_, err := b.Renew(t.Context(), w)
	wantCode(t, err, "renewal_profile_closed")
}

// TestRenewalBypassesPolicyNotByTheCAsDoor: a room that asks no policy cannot
// order, even with the holder's own signature and key in its hands.
func TestRenewalBypassesPolicyNotByTheCAsDoor(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	b.open(h)
	stillGood(t, b, h)
	_, der, _ := newKey(t)
	csr, err := ca.ParseCSR(der)
	must(t, err)
	for name, o := range map[string]ca.Order{
		"no decision":             {Request: "1", CSR: csr, Replaces: h.rec.Serial},
		"a decision that rejects": {Request: "2", CSR: csr, Replaces: h.rec.Serial, Decision: b.policy.Evaluate(evidence.Case{Profile: ca.NaturalSign, Home: evidence.Software}, b.clock)},
		"a service of that kind":  {Request: "3", CSR: csr, Replaces: h.rec.Serial, Service: ca.Service{Profile: ca.NaturalSign, CommonName: "x"}},
		"a decision of yesterday": {Request: "4", CSR: csr, Replaces: h.rec.Serial, Decision: b.decided(t, b.clock.Add(-24*time.Hour))},
	} {
		if c, err := b.fixture.Issue(t.Context(), o); err == nil {
			t.Errorf("%s was enough for %s", name, c.Serial)
		}
	}
	c, err := b.fixture.Certificate(t.Context(), h.rec.Serial)
	must(t, err)
	if c.ReplacedBy != "" {
		t.Error("the certificate was renewed")
	}
}

// decided is an approval of that time.
func (b *bench) decided(t *testing.T, at time.Time) evidence.Decision {
	t.Helper()
	now := b.clock
	b.clock = at
	defer func() { b.clock = now }()
	d := b.fixture.Decide(t, catest.Zahra, ca.NaturalSign)
	if !d.At().Equal(at) {
		t.Fatalf("decided at %s", d.At())
	}
	return d
}

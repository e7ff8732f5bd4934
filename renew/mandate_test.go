package renew_test

import (
	"testing"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/ca/mandate"
	"mohr/ca/mandate/mandatetest"
	"mohr/internal/gateway"
)

// byMandate enrolls sara as one who acts for the company by mandate alone.
func (b *bench) byMandate(t *testing.T, scopes ...mandate.Scope) (holder, mandatetest.Given) {
	t.Helper()
	given := mandatetest.Give(t, b.fixture, company, sara, scopes...)
	h := b.enroll(t, sara, ca.OrganisationSign)
	b.registry.legal.Signatories = []gateway.Signatory{{NationalCode: mandatetest.Boss.NationalCode, Role: "مدیرعامل", Alone: true}}
	b.clock = h.rec.NotAfter.Add(-29 * day)
	return h, given
}

func TestR8ARenewalLooksForTheMandateAgain(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*testing.T, *bench)
		code   string
	}{
		{"none any more", func(*testing.T, *bench) {}, "renewal_refused"},
		{"a new one", func(t *testing.T, b *bench) { mandatetest.Give(t, b.fixture, company, sara, mandate.Sign) }, ""},
		{"one for another scope", func(t *testing.T, b *bench) { mandatetest.Give(t, b.fixture, company, sara, mandate.BadgeRequest) }, "renewal_refused"},
		{"another person's", func(t *testing.T, b *bench) { mandatetest.Give(t, b.fixture, company, omid, mandate.Sign) }, "renewal_refused"},
		{"one for another organisation", func(t *testing.T, b *bench) { mandatetest.Give(t, b.fixture, "14003456780", sara, mandate.Sign) }, "renewal_refused"},
		{"one that was taken back", func(t *testing.T, b *bench) {
			mandatetest.Give(t, b.fixture, company, sara, mandate.Sign).Revoke(false)
		}, "renewal_refused"},
		{"one of a dissolved organisation", func(t *testing.T, b *bench) {
			mandatetest.Give(t, b.fixture, company, sara, mandate.Sign)
			b.registry.legal.Status = "dissolved"
		}, "renewal_refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, nil)
			h, given := b.byMandate(t, mandate.Sign) // a year ago: that one has ended
			if b.clock.Before(given.ValidTo) {
				t.Fatal("the first mandate still stands")
			}
			test.change(t, b)
			w, _ := b.wish(t, h)
			r, err := b.Renew(t.Context(), w)
			wantCode(t, err, test.code)
			if test.code == "" && (r.Certificate.Mandate == "" || r.Certificate.NotAfter.After(b.clock.Add(mandatetest.Life))) {
				t.Errorf("it rests on %q and ends %s", r.Certificate.Mandate, r.Certificate.NotAfter)
			}
		})
	}
}

func TestRemovalEndsRenewalAndCertificate(t *testing.T) {
	b := newBench(t, nil)
	h, _ := b.byMandate(t, mandate.Sign)
	given := mandatetest.Give(t, b.fixture, company, sara, mandate.Sign)
	w, key := b.wish(t, h)
	r, err := b.Renew(t.Context(), w)
	must(t, err)
	given.Revoke(true)
	c, err := b.fixture.Certificate(t.Context(), r.Certificate.Serial)
	must(t, err)
	if c.Revoked == nil || c.Revoked.Reason != ca.AffiliationChanged {
		t.Errorf("the certificate: %+v", c.Revoked)
	}
	again := b.holder(t, key, c)
	b.open(again)
	w, _ = b.wish(t, again)
	_, err = b.Renew(t.Context(), w)
	wantCode(t, err, "certificate_revoked")
}

func TestWhoHasBecomeASignatoryRenewsWithoutAMandate(t *testing.T) {
	b := newBench(t, nil)
	h, _ := b.byMandate(t, mandate.Sign)
	b.registry.legal.Signatories = append(b.registry.legal.Signatories, gateway.Signatory{NationalCode: sara, Role: "مدیرعامل", Alone: true})
	w, _ := b.wish(t, h)
	r, err := b.Renew(t.Context(), w)
	must(t, err)
	if r.Certificate.Mandate != "" || r.Certificate.Environment != evidence.Simulated {
		t.Errorf("%+v", r.Certificate)
	}
}

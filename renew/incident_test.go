package renew_test

import (
	"testing"

	"mohr/ca"
	"mohr/internal/store"
)

func TestAnIncidentOpensTheWindowAtOnce(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	w, _ := b.wish(t, h)
	_, err := b.Renew(t.Context(), w)
	wantCode(t, err, "renewal_early")
	must(t, b.fixture.Store.Update(t.Context(), func(tx store.Tx) error {
		_, err := ca.MarkRenewNowIn(tx, h.rec.Serial, "p-1", true, b.clock)
		return err
	}))
	w, _ = b.wish(t, h)
	r, err := b.Renew(t.Context(), w)
	must(t, err)
	if r.Certificate.Replaces != h.rec.Serial {
		t.Errorf("renewed %+v", r.Certificate)
	}
}

func TestASuspendedCertificateIsNotRenewedUntilItIsResumed(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	b.open(h)
	must(t, b.fixture.Suspend(t.Context(), h.rec.Serial, "holder"))
	w, _ := b.wish(t, h)
	if _, err := b.Renew(t.Context(), w); err == nil {
		t.Fatal("a suspended certificate was renewed")
	} else {
		wantCode(t, err, "certificate_suspended")
	}
	must(t, b.fixture.Resume(t.Context(), h.rec.Serial, "operator:a"))
	w, _ = b.wish(t, h)
	_, err := b.Renew(t.Context(), w)
	must(t, err)
}

package ceremony_test

import (
	"crypto/x509"
	"math/big"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/ceremony"
	"mohr/internal/store"
)

func (h *hall) crl(t *testing.T) *x509.RevocationList {
	t.Helper()
	list, err := x509.ParseRevocationList([]byte(h.kept(t)[rootCRL]))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTheRootsCRLIsRenewed(t *testing.T) {
	h := newHall(t)
	g := h.open(t)
	first := h.crl(t)
	if first.Number.Cmp(big.NewInt(1)) != 0 || !first.NextUpdate.Equal(h.at.Add(year)) {
		t.Errorf("number %d, next %s", first.Number, first.NextUpdate)
	}
	revokeIssuer(t, h, g)
	h.at = h.at.Add(7 * year / 12)
	if err := ceremony.RenewCRL(t.Context(), h.Config); err != nil {
		t.Fatal(err)
	}
	if now := h.crl(t); now.Number.Cmp(big.NewInt(2)) != 0 {
		t.Errorf("renewed before its time: %d", now.Number)
	}
	h.at = h.at.Add(2 * year / 12)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := ceremony.RenewCRL(t.Context(), h.Config); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	now := h.crl(t)
	if now.Number.Cmp(big.NewInt(3)) != 0 || !now.ThisUpdate.Equal(h.at) || !now.NextUpdate.Equal(h.at.Add(year)) {
		t.Errorf("number %d, from %s to %s", now.Number, now.ThisUpdate, now.NextUpdate)
	}
	if err := now.CheckSignatureFrom(g.Root); err != nil {
		t.Error(err)
	}
	if len(now.RevokedCertificateEntries) != 1 {
		t.Errorf("%d entries: a renewal lifted a revocation", len(now.RevokedCertificateEntries))
	}
	h.at = h.at.Add(-100 * 24 * time.Hour) // the clock was set back
	if err := ceremony.RenewCRL(t.Context(), h.Config); err != nil || h.crl(t).Number.Cmp(now.Number) != 0 {
		t.Errorf("number %d, %v", h.crl(t).Number, err)
	}
	before := newHall(t)
	if err := ceremony.RenewCRL(t.Context(), before.Config); err == nil || len(before.kept(t)) != 0 {
		t.Errorf("a CRL before the first ceremony: %v", err)
	}
}

// revokeIssuer puts a CRL in place that names a certificate, as a ceremony
// that revokes an issuing CA would.
func revokeIssuer(t *testing.T, h *hall, g *ceremony.Hierarchy) {
	t.Helper()
	key, err := h.keys.Key(t.Context(), ca.RootName)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateRevocationList(nil, &x509.RevocationList{
		Number: big.NewInt(2), ThisUpdate: h.at, NextUpdate: h.at.Add(year),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(77), RevocationTime: h.at}},
	}, g.Root, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Store.Update(t.Context(), func(tx store.Tx) error { return ca.SaveRootCRL(tx, ca.RootName, 2, h.at, der) }); err != nil {
		t.Fatal(err)
	}
}

package status_test

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ocsp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// shard returns the serials on the CRL of a shard, and its bytes.
func (s *service) shard(t testing.TB, n int) (serials []string, der []byte) {
	t.Helper()
	c, err := s.CRL(t.Context(), ca.SignIssuer, n)
	if err != nil {
		t.Fatal(err)
	}
	l, err := x509.ParseRevocationList(c.DER)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range l.RevokedCertificateEntries {
		serials = append(serials, e.SerialNumber.Text(16))
	}
	return serials, c.DER
}

func TestARevocationTouchesOnlyTheCRLOfItsShard(t *testing.T) {
	s := serve(t, newClock())
	s.Fixture.Authority.ShardSize = 2
	var records []ca.Certificate
	var certs []*x509.Certificate
	for n := range 5 {
		cert, record := s.issue(t, fmt.Sprint("application-", n))
		certs, records = append(certs, cert), append(records, record)
	}
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := map[int][]byte{}
	for n := range 3 {
		_, before[n] = s.shard(t, n)
	}
	s.revoke(t, records[3].Serial, ca.Superseded)
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		serials, der := s.shard(t, n)
		if touched := n == 1; !bytes.Equal(der, before[n]) != touched {
			t.Errorf("shard %d was signed anew: %v, want %v", n, !touched, touched)
		}
		if want := records[3].Serial; n == 1 && !slices.Equal(serials, []string{want}) {
			t.Errorf("shard 1 lists %v, want %s", serials, want)
		}
	}
	res, b := get(t, s.url+certs[3].CRLDistributionPoints[0][len(catest.Publish):])
	if l, err := x509.ParseRevocationList(b); err != nil || len(l.RevokedCertificateEntries) != 1 {
		t.Errorf("the CRL at the address in the certificate: status %d, %v", res.StatusCode, err)
	}
}

func TestAShardHasItsCRLFromItsFirstCertificateOn(t *testing.T) {
	s := serve(t, newClock())
	s.Fixture.Authority.ShardSize = 1
	if _, err := s.CRL(t.Context(), ca.SignIssuer, 1); fault.Code(err) != "crl_unknown" {
		t.Errorf("a shard that has not begun: %v, want crl_unknown", err)
	}
	s.issue(t, "application-1")
	cert, record := s.issue(t, "application-2")
	if record.Shard != 1 {
		t.Fatalf("the second certificate is in shard %d", record.Shard)
	}
	if res, b := get(t, s.url+cert.CRLDistributionPoints[0][len(catest.Publish):]); res.StatusCode != http.StatusOK {
		t.Errorf("the CRL of a shard that just began: status %d, %s", res.StatusCode, b)
	}
	if _, err := s.CRL(t.Context(), ca.SignIssuer, 2); fault.Code(err) != "crl_unknown" {
		t.Errorf("the shard after it: %v, want crl_unknown", err)
	}
}

func TestASuspensionIsOnTheCRLUntilItIsLifted(t *testing.T) {
	s := serve(t, newClock())
	cert, record := s.issue(t, "application-1")
	if got := s.ask(t, cert); got.Status != ocsp.Good {
		t.Errorf("before: %+v", got)
	}
	if err := s.Suspend(t.Context(), record.Serial, "operator:test"); err != nil {
		t.Fatal(err)
	}
	if got := s.ask(t, cert); got.Status != ocsp.Revoked || got.RevocationReason != ocsp.CertificateHold {
		t.Errorf("suspended: %+v", got)
	}
	l := s.list(t)
	if len(l.RevokedCertificateEntries) != 1 || l.RevokedCertificateEntries[0].ReasonCode != 6 {
		t.Errorf("the CRL of a suspension: %+v", l.RevokedCertificateEntries)
	}
	if err := s.Resume(t.Context(), record.Serial, "operator:test"); err != nil {
		t.Fatal(err)
	}
	if got := s.ask(t, cert); got.Status != ocsp.Good {
		t.Errorf("resumed: %+v", got)
	}
	if after := s.list(t); len(after.RevokedCertificateEntries) != 0 || after.Number.Cmp(l.Number) <= 0 {
		t.Errorf("the CRL %v after %v has %+v", after.Number, l.Number, after.RevokedCertificateEntries)
	}
	s.revoke(t, record.Serial, ca.KeyCompromise)
	if got := s.ask(t, cert); got.Status != ocsp.Revoked || got.RevocationReason != ocsp.KeyCompromise {
		t.Errorf("revoked after all: %+v", got)
	}
}

func TestWhatNamesNoCRLIsOnNoneAndOCSPKnowsIt(t *testing.T) {
	s := serve(t, newClock())
	key, record := s.IssueTo(t, catest.Zahra, ca.NaturalSignShort, "application-1")
	if len(key.Certificate.CRLDistributionPoints) != 0 || record.Shard != ca.NoShard {
		t.Fatalf("a short-lived certificate is in shard %d", record.Shard)
	}
	if got := s.ask(t, key.Certificate); got.Status != ocsp.Good {
		t.Errorf("issued: %+v", got)
	}
	if err := s.Store.Update(t.Context(), func(tx store.Tx) error { return ca.RevokeIn(tx, record.Serial, ca.KeyCompromise, "test", s.Now()) }); err != nil {
		t.Fatal(err)
	}
	if got := s.ask(t, key.Certificate); got.Status != ocsp.Revoked {
		t.Errorf("its key was compromised: %+v", got)
	}
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if serials, _ := s.shard(t, 0); len(serials) != 0 {
		t.Errorf("it is on a CRL that it does not name: %v", serials)
	}
}

func TestRefreshGoesByFewOctetsAShard(t *testing.T) {
	s := serve(t, newClock())
	s.Fixture.Authority.ShardSize = 1
	var records []ca.Certificate
	for n := range 3 {
		_, record := s.issue(t, fmt.Sprint("application-", n))
		records = append(records, record)
	}
	s.revoke(t, records[0].Serial, ca.Superseded)
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &watched{Store: s.Fixture.Store}
	other, _ := s.second(t, withStore(w))
	if err := other.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.read["ca_revoked"] != 0 || w.read["status_crls"] != 0 {
		t.Errorf("nothing changed, and it read %v", w.read)
	}
	s.revoke(t, records[1].Serial, ca.Superseded)
	if err := other.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]int{"ca_revoked": 1}, map[string]int{"ca_revoked": w.read["ca_revoked"]}); d != "" {
		t.Errorf("one entry of one shard is to be read (-want +got):\n%s", d)
	}
}

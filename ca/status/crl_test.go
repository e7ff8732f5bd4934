package status_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/ca/status"
	"mohr/internal/fault"
)

func (s *service) list(t testing.TB) *x509.RevocationList {
	t.Helper()
	c, err := s.CRL(t.Context(), ca.SignIssuer, 0)
	if err != nil {
		t.Fatal(err)
	}
	l, err := x509.ParseRevocationList(c.DER)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.CheckSignatureFrom(s.issuer); err != nil {
		t.Fatalf("the CRL's signature: %v", err)
	}
	if l.Number.Int64() != c.Number {
		t.Fatalf("the CRL has the number %v, its record %d", l.Number, c.Number)
	}
	return l
}

// issuingPoint is issuingDistributionPoint as encoding/asn1 reads it.
type issuingPoint struct {
	Point struct {
		FullName []asn1.RawValue `asn1:"tag:0"`
	} `asn1:"tag:0"`
}

func TestACRLHasExactlyItsExtensions(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	cert, record := s.issue(t, "application-1")
	s.revoke(t, record.Serial, ca.Superseded)
	l := s.list(t)
	got := map[string]bool{}
	values := map[string][]byte{}
	for _, e := range l.Extensions {
		got[e.Id.String()] = e.Critical
		values[e.Id.String()] = e.Value
	}
	want := map[string]bool{
		"2.5.29.35": false, // authorityKeyIdentifier
		"2.5.29.20": false, // CRLNumber
		"2.5.29.28": true,  // issuingDistributionPoint
		"2.5.29.60": false, // expiredCertsOnCRL
	}
	if d := cmp.Diff(want, got); d != "" || len(l.Extensions) != len(want) {
		t.Errorf("extensions (-want +got):\n%s", d)
	}
	var p issuingPoint
	if rest, err := asn1.Unmarshal(values["2.5.29.28"], &p); err != nil || len(rest) > 0 || len(p.Point.FullName) != 1 {
		t.Fatalf("issuingDistributionPoint: %v, %x", err, values["2.5.29.28"])
	}
	name := p.Point.FullName[0]
	if name.Class != asn1.ClassContextSpecific || name.Tag != 6 || string(name.Bytes) != cert.CRLDistributionPoints[0] {
		t.Errorf("issuingDistributionPoint is %q, the certificate says %q", name.Bytes, cert.CRLDistributionPoints[0])
	}
	since, err := asn1.MarshalWithParams(s.issuer.NotBefore, "generalized")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(values["2.5.29.60"], since) {
		t.Errorf("expiredCertsOnCRL is %x, want %x", values["2.5.29.60"], since)
	}
	if !bytes.Equal(l.AuthorityKeyId, s.issuer.SubjectKeyId) || !l.ThisUpdate.Equal(c.at) || !l.NextUpdate.Equal(c.at.Add(24*time.Hour)) {
		t.Errorf("the CRL is by %x, from %v to %v", l.AuthorityKeyId, l.ThisUpdate, l.NextUpdate)
	}
}

func TestEntriesSayWhenAndWhy(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	want := map[string]int{}
	for n, reason := range []ca.Reason{ca.Unspecified, ca.KeyCompromise, ca.AffiliationChanged, ca.Superseded, ca.CessationOfOperation, ca.PrivilegeWithdrawn} {
		_, record := s.issue(t, "application-"+string(rune('a'+n)))
		s.revoke(t, record.Serial, reason)
		want[record.Serial], _ = reason.Code()
	}
	s.issue(t, "application-good")
	l := s.list(t)
	got := map[string]int{}
	for _, e := range l.RevokedCertificateEntries {
		got[e.SerialNumber.Text(16)] = e.ReasonCode
		if !e.RevocationTime.Equal(c.at) {
			t.Errorf("%x was revoked at %v, want %v", e.SerialNumber, e.RevocationTime, c.at)
		}
		if e.ReasonCode == 0 && len(e.Extensions) != 0 {
			t.Error("the reason unspecified is spelled out")
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("entries (-want +got):\n%s", d)
	}
}

func TestACRLIsMadeWhenTheShardChangesOrTimePasses(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	_, record := s.issue(t, "application-1")
	first := s.list(t)
	if again := s.list(t); !bytes.Equal(again.Raw, first.Raw) {
		t.Error("a CRL was signed though nothing changed")
	}
	s.revoke(t, record.Serial, ca.Superseded)
	second := s.list(t)
	if len(second.RevokedCertificateEntries) != 1 || second.Number.Cmp(first.Number) <= 0 {
		t.Errorf("after a revocation the CRL %v has %d entries", second.Number, len(second.RevokedCertificateEntries))
	}
	c.at = c.at.Add(13 * time.Hour)
	if third := s.list(t); !bytes.Equal(third.Raw, second.Raw) {
		t.Error("a reader waited for a CRL that is due and not yet late")
	}
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	third := s.list(t)
	if third.Number.Cmp(second.Number) <= 0 || !third.ThisUpdate.Equal(c.at) {
		t.Errorf("past half of its life the job left the CRL %v of %v", third.Number, third.ThisUpdate)
	}
	c.at = c.at.Add(19 * time.Hour)
	if fourth := s.list(t); fourth.Number.Cmp(third.Number) <= 0 || !fourth.ThisUpdate.Equal(c.at) {
		t.Errorf("near its end a reader got the CRL %v of %v", fourth.Number, fourth.ThisUpdate)
	}
	// Long after the certificate expired its entry is still there.
	c.at = record.NotAfter.Add(10 * 24 * time.Hour)
	if last := s.list(t); len(last.RevokedCertificateEntries) != 1 {
		t.Errorf("after expiry the CRL has %d entries", len(last.RevokedCertificateEntries))
	}
}

func TestNodesShareCRLsAndNumbers(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	other, _ := s.second(t)
	first := s.list(t)
	if got, err := other.CRL(t.Context(), ca.SignIssuer, 0); err != nil || !bytes.Equal(got.DER, first.Raw) {
		t.Errorf("the other node has CRL %d, %v", got.Number, err)
	}
	const rounds = 10
	var serials []string
	for n := range rounds {
		_, record := s.issue(t, "application-"+string(rune('a'+n)))
		serials = append(serials, record.Serial)
	}
	// Both sign at once while certificates are revoked; a higher number never
	// has fewer entries.
	var mu sync.Mutex
	seen := map[int64]int{}
	var wg sync.WaitGroup
	for _, r := range []*status.Responder{s.Responder, other} {
		wg.Go(func() {
			for {
				got, err := r.CRL(t.Context(), ca.SignIssuer, 0)
				if err != nil {
					t.Errorf("CRL: %v", err)
					return
				}
				l, err := x509.ParseRevocationList(got.DER)
				if err != nil {
					t.Errorf("CRL: %v", err)
					return
				}
				mu.Lock()
				if n, ok := seen[got.Number]; ok && n != len(l.RevokedCertificateEntries) {
					t.Errorf("number %d was given to CRLs of %d and %d entries", got.Number, n, len(l.RevokedCertificateEntries))
				}
				seen[got.Number] = len(l.RevokedCertificateEntries)
				mu.Unlock()
				if len(l.RevokedCertificateEntries) == rounds {
					return
				}
			}
		})
	}
	for _, serial := range serials {
		s.revoke(t, serial, ca.Superseded)
	}
	wg.Wait()
	for a, n := range seen {
		for b, m := range seen {
			if a < b && n > m {
				t.Errorf("CRL %d has %d entries, the later %d only %d", a, n, b, m)
			}
		}
	}
}

func TestOnlyShardsThatAreThereHaveACRL(t *testing.T) {
	s := serve(t, newClock())
	for _, n := range []int{-1, 1, 1 << 30} {
		if _, err := s.CRL(t.Context(), ca.SignIssuer, n); fault.Code(err) != "crl_unknown" {
			t.Errorf("shard %d: %v, want crl_unknown", n, err)
		}
	}
	if _, err := s.CRL(t.Context(), "nobody", 0); !errors.Is(err, fault.NotFound) {
		t.Errorf("an issuer that is not there: %v, want NotFound", err)
	}
}

func TestRefreshMakesAllAndTellsOfAnOldRootCRL(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, i := range s.Fixture.Issuers {
		if got, err := s.CRL(t.Context(), i.ID, 0); err != nil || got.Number != c.at.Unix() {
			t.Errorf("CRL of %s: %d, %v", i.ID, got.Number, err)
		}
	}
	first := s.list(t)
	if err := s.Refresh(t.Context()); err != nil || !bytes.Equal(s.list(t).Raw, first.Raw) {
		t.Errorf("Refresh signed anew what had not changed, %v", err)
	}
	c.at = c.at.Add(2 * 365 * 24 * time.Hour)
	if err := s.Refresh(t.Context()); err == nil {
		t.Error("Refresh does not tell of a root CRL that is out of date")
	}
	if got := s.list(t); got.Number.Cmp(first.Number) <= 0 || !got.ThisUpdate.Equal(c.at) {
		t.Errorf("the CRL after two years is %v of %v", got.Number, got.ThisUpdate)
	}
}

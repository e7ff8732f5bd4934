package ca_test

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
)

func TestTheSuggestedWindowLiesInTheFirstHalfOfTheTimeToRenew(t *testing.T) {
	from := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for _, c := range []struct {
		name       string
		life, lead time.Duration
		opens      time.Duration // before the end, at the earliest
	}{
		{"a person's", 365 * day, 30 * day, 30 * day},
		{"a server's, without a policy", 90 * day, 0, 30 * day},
		{"one of hours", 6 * time.Hour, 6 * time.Hour, 6 * time.Hour},
		{"a policy that opens before the beginning", 6 * time.Hour, 30 * day, 6 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			end := from.Add(c.life)
			starts := map[time.Time]bool{}
			for n := range 1000 {
				record := ca.Certificate{Serial: fmt.Sprintf("1%x", n), NotBefore: from, NotAfter: end}
				i := ca.RenewalInfoOf(record, c.lead)
				if again := ca.RenewalInfoOf(record, c.lead); again != i {
					t.Fatal("the second time is another")
				}
				if i.Start.Before(end.Add(-c.opens)) || i.Start.Before(from) || i.End.After(end.Add(-c.opens/2)) || !i.End.After(i.Start) || i.Again < time.Minute {
					t.Fatalf("%s to %s, again after %s; the time to renew is the last %s before %s", i.Start, i.End, i.Again, c.opens, end)
				}
				starts[i.Start] = true
			}
			if len(starts) < 900 {
				t.Errorf("1000 certificates begin at only %d times", len(starts))
			}
		})
	}
	for name, c := range map[string]ca.Certificate{
		"to be renewed now": {Serial: "1", NotBefore: from, NotAfter: from.Add(90 * day), RenewNow: &ca.RenewNow{At: from.Add(day)}},
		"revoked":           {Serial: "1", NotBefore: from, NotAfter: from.Add(90 * day), Revoked: &ca.Revoked{At: from.Add(day)}},
	} {
		if i := ca.RenewalInfoOf(c, 0); !i.End.Equal(from.Add(day)) || !i.Start.Before(i.End) {
			t.Errorf("%s: %s to %s", name, i.Start, i.End)
		}
	}
	suspended := ca.Certificate{Serial: "1", NotBefore: from, NotAfter: from.Add(90 * day), Revoked: &ca.Revoked{At: from.Add(day), Reason: ca.CertificateHold}}
	if i := ca.RenewalInfoOf(suspended, 0); i.Start.Before(from.Add(60 * day)) {
		t.Errorf("suspended: %s to %s", i.Start, i.End)
	}
}

// certID is the identifier as clients make it (RFC 9773 section 4.1).
func certID(c *x509.Certificate) string {
	enc := base64.RawURLEncoding
	return enc.EncodeToString(c.AuthorityKeyId) + "." + enc.EncodeToString(c.SerialNumber.Bytes())
}

func TestACertificateIsFoundByItsRenewalIdentifier(t *testing.T) {
	f := catest.New(t, nil)
	key, record := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	id := certID(key.Certificate)
	if c, err := f.ByCertID(t.Context(), id); err != nil || c.Serial != record.Serial {
		t.Fatalf("%s, %v", c.Serial, err)
	}
	aki, serial, _ := strings.Cut(id, ".")
	other := f.Hierarchy.Root.SubjectKeyId
	for _, c := range []struct{ name, id, code string }{
		{"nothing", "", "certid_malformed"},
		{"no dot", aki + serial, "certid_malformed"},
		{"two dots", id + ".", "certid_malformed"},
		{"no authority", "." + serial, "certid_malformed"},
		{"no serial", aki + ".", "certid_malformed"},
		{"padding", id + "=", "certid_malformed"},
		{"a line end", aki + "." + serial + "\n", "certid_malformed"},
		{"a negative serial", aki + "." + base64.RawURLEncoding.EncodeToString([]byte{0x81}), "certid_malformed"},
		{"a serial in a longer form", aki + "." + base64.RawURLEncoding.EncodeToString(append([]byte{0}, key.Certificate.SerialNumber.Bytes()...)), "certid_malformed"},
		{"much", strings.Repeat("A", 1000) + "." + serial, "certid_malformed"},
		{"another authority", base64.RawURLEncoding.EncodeToString(other) + "." + serial, "certid_unknown"},
		{"an unknown serial", aki + "." + base64.RawURLEncoding.EncodeToString([]byte{1, 2, 3}), "certid_unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := f.ByCertID(t.Context(), c.id); fault.Code(err) != c.code {
				t.Errorf("%v, want %s", err, c.code)
			}
		})
	}
}

func FuzzCertID(f *testing.F) {
	fixture := catest.New(f, nil)
	key, _ := fixture.IssueTo(f, catest.Zahra, ca.NaturalSign, "one")
	f.Add(certID(key.Certificate))
	f.Add("AA.AA")
	f.Add(".")
	f.Fuzz(func(t *testing.T, id string) {
		c, err := fixture.ByCertID(t.Context(), id)
		if err == nil && certID(key.Certificate) != id {
			t.Fatalf("%q is %s", id, c.Serial)
		}
		if _, ok := fault.Of(err); err != nil && !ok {
			t.Fatalf("no fault: %v", err)
		}
	})
}

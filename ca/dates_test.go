package ca_test

import (
	"crypto/x509"
	"encoding/asn1"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
)

// validityTags returns the ASN.1 tags of notBefore and notAfter.
func validityTags(t *testing.T, c *x509.Certificate) (tags [2]int) {
	t.Helper()
	var tbs struct {
		Version   int `asn1:"explicit,tag:0"`
		Serial    asn1.RawValue
		Algorithm asn1.RawValue
		Issuer    asn1.RawValue
		Validity  struct{ NotBefore, NotAfter asn1.RawValue }
		Rest      asn1.RawValue
	}
	if _, err := asn1.Unmarshal(c.RawTBSCertificate, &tbs); err != nil {
		t.Fatal(err)
	}
	return [2]int{tbs.Validity.NotBefore.Tag, tbs.Validity.NotAfter.Tag}
}

// TestDatesFrom2050AreGeneralizedTime: RFC 5280 section 4.1.2.5.
func TestDatesFrom2050AreGeneralizedTime(t *testing.T) {
	end := time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name string
		from time.Time // a server's certificate has 90 days
		want [2]int
	}{
		{"ending in 2049's last second", end.Add(-90 * day), [2]int{asn1.TagUTCTime, asn1.TagUTCTime}},
		{"ending in 2050's first second", end.Add(time.Second - 90*day), [2]int{asn1.TagUTCTime, asn1.TagGeneralizedTime}},
		{"beginning in 2050", end, [2]int{asn1.TagGeneralizedTime, asn1.TagGeneralizedTime}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := catest.New(t, func() time.Time { return test.from })
			_, csr := catest.NewKey(t)
			c := issue(t, f.Authority, tlsOrder("r", csr))
			cert, err := x509.ParseCertificate(c.DER)
			if err != nil {
				t.Fatal(err)
			}
			if got := validityTags(t, cert); got != test.want {
				t.Errorf("tags %v, want %v", got, test.want)
			}
			if !cert.NotBefore.Equal(test.from) || !cert.NotAfter.Equal(test.from.Add(90*day-time.Second)) {
				t.Errorf("from %s to %s", cert.NotBefore, cert.NotAfter)
			}
			if !c.NotBefore.Equal(cert.NotBefore) || !c.NotAfter.Equal(cert.NotAfter) {
				t.Errorf("the record says from %s to %s", c.NotBefore, c.NotAfter)
			}
		})
	}
}

// TestACertificateBeginsWhenItIsMade: nothing is dated back.
func TestACertificateBeginsWhenItIsMade(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 999, time.FixedZone("", 3*3600+1800))
	f := catest.New(t, func() time.Time { return now })
	for _, k := range kinds {
		cert := issueKind(t, f, k.profile)
		if !cert.NotBefore.Equal(now.Truncate(time.Second)) {
			t.Errorf("%s begins at %s", k.profile, cert.NotBefore)
		}
		longest := 3 * 366 * day
		if k.profile == ca.NaturalSignShort {
			longest = day
		}
		if life := cert.NotAfter.Sub(cert.NotBefore); life <= 0 || life > longest {
			t.Errorf("%s lives for %s", k.profile, life)
		}
	}
}

package catest

import (
	"crypto/ecdsa"
	"crypto/x509"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
)

// Person is whom a fixture's evidence speaks of.
type Person struct {
	NationalCode, FirstName, LastName, BirthDate, Mobile string
	LegalID, LegalName, Role                             string
}

// Zahra is a person who may sign alone for a company.
var Zahra = Person{
	NationalCode: "0012345679", FirstName: "زهرا", LastName: "محمدی", BirthDate: "1990-05-14", Mobile: "+989121234567",
	LegalID: "14003456780", LegalName: "فروشگاه نمونه", Role: "مدیرعامل",
}

// Evidence is the complete evidence of the reference registries for a profile, at now.
func (p Person) Evidence(profile string, now time.Time) []evidence.Record {
	alive, quiet := true, 400
	base := func(t evidence.Type, c evidence.Claims) evidence.Record {
		return evidence.Record{
			ID: string(t), Type: t, Source: "test@1", Environment: evidence.Simulated, Result: evidence.Match,
			Claims: c, RawSHA256: "00", CheckedAt: now.UTC().Truncate(time.Second),
		}
	}
	list := []evidence.Record{
		base(evidence.CivilRegistry, evidence.Claims{NationalCode: p.NationalCode, FirstName: p.FirstName, LastName: p.LastName, BirthDate: p.BirthDate, Alive: &alive}),
		base(evidence.MobileOwnership, evidence.Claims{NationalCode: p.NationalCode, Mobile: p.Mobile, SIMChangedDays: &quiet}),
		base(evidence.OTPSMS, evidence.Claims{Mobile: p.Mobile}),
		base(evidence.FaceMatch, evidence.Claims{NationalCode: p.NationalCode, ScorePercent: 95}),
	}
	if profile == ca.OrganisationSign || profile == ca.OrganisationSeal {
		list = append(list, base(evidence.LegalRegistry, evidence.Claims{
			NationalCode: p.NationalCode, LegalID: p.LegalID, LegalName: p.LegalName, LegalStatus: evidence.LegalActive, Role: p.Role, SignsAlone: true,
		}))
	}
	return list
}

// Decide runs the built-in policy over the person's complete evidence.
func (f *Fixture) Decide(t testing.TB, p Person, profile string) evidence.Decision {
	t.Helper()
	policy, err := evidence.DefaultPolicy()
	if err != nil {
		t.Fatal(err)
	}
	now := f.Now()
	d := policy.Evaluate(evidence.Case{Profile: profile, Home: evidence.Software, Records: p.Evidence(profile, now)}, now)
	if d.Outcome() != evidence.Approved {
		t.Fatalf("the fixture's evidence is not approved: %v", d.Trace())
	}
	return d
}

// IssueTo issues a certificate of a person's profile to a fresh key.
func (f *Fixture) IssueTo(t testing.TB, p Person, profile, request string) (ca.SigningKey, ca.Certificate) {
	t.Helper()
	key, csr := NewKey(t)
	return f.issueTo(t, p, profile, request, key, csr)
}

func (f *Fixture) issueTo(t testing.TB, p Person, profile, request string, key *ecdsa.PrivateKey, csr ca.CSR) (ca.SigningKey, ca.Certificate) {
	t.Helper()
	c, err := f.Issue(t.Context(), ca.Order{Request: request, CSR: csr, Decision: f.Decide(t, p, profile)})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(c.DER)
	if err != nil {
		t.Fatal(err)
	}
	issuer, _ := f.Authority.Issuer(c.Issuer)
	return ca.SigningKey{Certificate: cert, Chain: issuer.Delivery(), Signer: key}, c
}

package ca_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/internal/fault"
)

// decideAs decides over Zahra's evidence in an environment, under a policy
// for it: the built-in one, with OIDs of its own where it is for production.
func decideAs(t *testing.T, f *catest.Fixture, e evidence.Environment, now time.Time) evidence.Decision {
	t.Helper()
	b, err := os.ReadFile("evidence/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if e == evidence.Production {
		b = bytes.ReplaceAll(b, []byte("environment: simulated"), []byte("environment: production"))
		b = bytes.ReplaceAll(b, []byte("2.999.1."), []byte("1.3.6.1.4.1.99999.1."))
	}
	policy, err := evidence.ParsePolicy(b)
	if err != nil {
		t.Fatal(err)
	}
	records := catest.Zahra.Evidence(ca.NaturalSign, now)
	for i := range records {
		records[i].Environment = e
	}
	d := policy.Evaluate(evidence.Case{Profile: ca.NaturalSign, Home: evidence.Software, Records: records}, now)
	if d.Outcome() != evidence.Approved {
		t.Fatalf("not approved: %v", d.Trace())
	}
	return d
}

// with returns an authority on f's store with a changed configuration.
func with(t *testing.T, f *catest.Fixture, change func(*ca.Config)) *ca.Authority {
	t.Helper()
	c := f.Authority.Config
	change(&c)
	a, err := ca.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTestPoliciesAndProductionNeverMeet(t *testing.T) {
	f := catest.New(t, nil)
	production := with(t, f, func(c *ca.Config) { c.Simulated = false })
	for _, test := range []struct {
		name        string
		authority   *ca.Authority
		environment evidence.Environment
		code        string
	}{
		{"a development authority issues under a test policy", f.Authority, evidence.Simulated, ""},
		{"a development authority never issues under a production policy", f.Authority, evidence.Production, "evidence_simulated"},
		{"a production authority issues under a production policy", production, evidence.Production, ""},
		{"a production authority never issues under a test policy", production, evidence.Simulated, "evidence_simulated"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, csr := catest.NewKey(t)
			_, err := test.authority.Issue(t.Context(), ca.Order{Request: test.name, CSR: csr, Decision: decideAs(t, f, test.environment, time.Now())})
			if fault.Code(err) != test.code || (err != nil) != (test.code != "") {
				t.Errorf("%v, want code %q", err, test.code)
			}
		})
	}
}

func TestApprovalsOutOfTheirTimeOrderNothing(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f := catest.New(t, func() time.Time { return now })
	for _, test := range []struct {
		name  string
		shift time.Duration
		code  string
	}{
		{"an approval of this moment", 0, ""},
		{"an approval of ten minutes ago", 10 * time.Minute, ""},
		{"an approval of longer ago", 10*time.Minute + time.Second, "approval_expired"},
		{"an approval of tomorrow, the clock was set back", -24 * time.Hour, "approval_expired"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, csr := catest.NewKey(t)
			d := decideAs(t, f, evidence.Simulated, now)
			later := with(t, f, func(c *ca.Config) { c.Now = func() time.Time { return now.Add(test.shift) } })
			if test.shift < 0 {
				now = now.Add(2 * -test.shift)
				defer func() { now = now.Add(2 * test.shift) }()
				d = decideAs(t, f, evidence.Simulated, now)
			}
			_, err := later.Issue(t.Context(), ca.Order{Request: test.name, CSR: csr, Decision: d})
			if fault.Code(err) != test.code || (err != nil) != (test.code != "") {
				t.Errorf("%v, want code %q", err, test.code)
			}
		})
	}
}

// TestCertificatesLiveWithinTheirIssuers: whatever the clock says.
func TestCertificatesLiveWithinTheirIssuers(t *testing.T) {
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	now := start
	f := catest.New(t, func() time.Time { return now })
	issuer, _ := f.Authority.Issuer(ca.ServiceIssuer)
	for _, test := range []struct {
		name string
		at   time.Time
		code string
	}{
		{"at the issuer's first second", issuer.Certificate.NotBefore, ""},
		{"a second before the issuer, the clock was set back", issuer.Certificate.NotBefore.Add(-time.Second), "issuer_inactive"},
		{"ending with the issuer", issuer.Certificate.NotAfter.Add(time.Second - 90*24*time.Hour), ""},
		{"ending a second after the issuer", issuer.Certificate.NotAfter.Add(2*time.Second - 90*24*time.Hour), "issuer_out_of_time"},
		{"after the issuer's end", issuer.Certificate.NotAfter.Add(time.Hour), "issuer_inactive"},
	} {
		t.Run(test.name, func(t *testing.T) {
			now = test.at
			_, csr := catest.NewKey(t)
			c, err := f.Issue(t.Context(), tlsOrder(test.name, csr))
			if fault.Code(err) != test.code || (err != nil) != (test.code != "") {
				t.Fatalf("%v, want code %q", err, test.code)
			}
			if err == nil && (c.NotBefore.Before(issuer.Certificate.NotBefore) || c.NotAfter.After(issuer.Certificate.NotAfter)) {
				t.Errorf("valid from %s to %s", c.NotBefore, c.NotAfter)
			}
		})
	}
}

func TestOrdersThatMixAPersonWithAServiceAreRefused(t *testing.T) {
	f := catest.New(t, nil)
	_, csr := catest.NewKey(t)
	d := f.Decide(t, catest.Zahra, ca.NaturalSign)
	for name, s := range map[string]ca.Service{
		"a service's profile": {Profile: ca.ServiceTLS, CommonName: "node", DNSNames: []string{"node.test"}},
		"a person's profile":  {Profile: ca.NaturalSign},
		"a service's name":    {CommonName: "node"},
		"a host":              {DNSNames: []string{"node.test"}},
		"an address":          {IPs: []string{"127.0.0.1"}},
		"an issuer":           {Issuer: ca.ServiceIssuer},
	} {
		if c, err := f.Issue(t.Context(), ca.Order{Request: name, CSR: csr, Decision: d, Service: s}); err == nil {
			t.Errorf("%s beside a decision was issued as %s %q", name, c.Profile, c.Service)
		}
	}
}

// TestADecisionAloneNeverOrdersAService: a policy may know a profile by the
// name of a service's; what it rejects least of all becomes a certificate.
func TestADecisionAloneNeverOrdersAService(t *testing.T) {
	f := catest.New(t, nil)
	policy, err := evidence.ParsePolicy([]byte(`
version: "1"
environment: simulated
profiles:
  operator:
    level: low
    policy_oids: {software: 2.999.1.9}
    evidence: {any_of: [[civil_registry]], max_age: {civil_registry: 24h}}
    validity: 365d
    approved_for: 30m
    terms_version: "1"
`))
	if err != nil {
		t.Fatal(err)
	}
	_, csr := catest.NewKey(t)
	d := policy.Evaluate(evidence.Case{Profile: ca.OperatorAuth, Home: evidence.Software}, time.Now())
	if d.Outcome() == evidence.Approved || d.Profile() != ca.OperatorAuth {
		t.Fatalf("decision %s for %s", d.Outcome(), d.Profile())
	}
	if c, err := f.Issue(t.Context(), ca.Order{Request: "r", CSR: csr, Decision: d, Service: ca.Service{CommonName: "operator"}}); err == nil {
		t.Errorf("a rejected decision became a certificate of %s for %q", c.Profile, c.Service)
	}
}

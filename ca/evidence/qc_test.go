package evidence_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca/evidence"
	"mohr/hsm/attest"
)

// production is the built-in policy as one for production, with a part qc in
// the profile of natural persons.
func production(qc string, oldNew ...string) []string {
	return append([]string{
		"environment: simulated", "environment: production", "2.999.1.", "1.3.6.1.4.1.99999.",
		"  natural-sign:\n    level: substantial\n", "  natural-sign:\n    level: substantial\n    qc: " + qc + "\n",
	}, oldNew...)
}

// hardware leaves the token alone and asks for its attestation.
var hardware = []string{
	"      software: 1.3.6.1.4.1.99999.1.1\n      token:", "      token:", "\n      hsm: 1.3.6.1.4.1.99999.1.3", "",
	"otp_sms, face_match]\n", "otp_sms, face_match, device_attestation]\n", "otp_sms, eid_oidc]", "otp_sms, eid_oidc, device_attestation]", "evidence: [civil_registry]", "evidence: [civil_registry, device_attestation]",
	"        officer_review: 7d\n      officers: 2 # persons who sign what is decided of a case at review\n      face_score: 80 #", "      face_score: 80 #",
}

func TestStatementsOfAPolicy(t *testing.T) {
	full := `{compliance: true, legislation: [IR], limit: {currency: IRR, amount: 50, exponent: 9}, retention_years: 7, identification: 1.2.3.4}`
	want := evidence.QC{Compliance: true, Legislation: []string{"IR"}, Limit: evidence.Limit{Currency: "IRR", Amount: 50, Exponent: 9}, RetentionYears: 7, Identification: "1.2.3.4"}
	for _, tt := range []struct {
		name   string
		edit   []string
		reason string // "": taken
		want   evidence.QC
	}{
		{"all that needs no device", production(full), "", want},
		{"nothing stated", production("{}"), "", evidence.QC{}},
		{"a limit alone is no claim", []string{"natural-sign:\n    level", "natural-sign:\n    qc: {limit: {currency: IRR, amount: 1}}\n    level"}, "", evidence.QC{Limit: evidence.Limit{Currency: "IRR", Amount: 1}}},
		{"a device with its attestation", production("{sscd: true}", hardware...), "", evidence.QC{SSCD: true}},
		{"a device without its attestation", production("{sscd: true}", hardware[:4]...), "needs device_attestation in set 1", evidence.QC{}},
		{"a device without its attestation at renewal", production("{sscd: true}", append(hardware[:8:8], hardware[10:]...)...), "needs device_attestation in renewal.evidence", evidence.QC{}},
		{"a device where the key may be software", production("{sscd: true}"), "policy_oids has software", evidence.QC{}},
		{"compliance with no law", production("{compliance: true}"), "claims the law of the EU", evidence.QC{}},
		{"compliance of simulated evidence", []string{"natural-sign:\n    level", "natural-sign:\n    qc: {compliance: true, legislation: [IR]}\n    level"}, "never supports", evidence.QC{}},
		{"legislation of simulated evidence", []string{"natural-sign:\n    level", "natural-sign:\n    qc: {legislation: [IR]}\n    level"}, "never supports", evidence.QC{}},
		{"a device of simulated evidence", []string{"natural-sign:\n    level", "natural-sign:\n    qc: {sscd: true}\n    level"}, "never supports", evidence.QC{}},
		{"a country in small letters", production("{legislation: [ir]}"), "two capital letters", evidence.QC{}},
		{"a country twice", production("{legislation: [IR, IR]}"), "IR twice", evidence.QC{}},
		{"a currency that is none", production("{limit: {currency: rial, amount: 1}}"), "three capital letters", evidence.QC{}},
		{"a limit of nothing", production("{limit: {currency: IRR}}"), "not positive", evidence.QC{}},
		{"a limit beyond reason", production("{limit: {currency: IRR, amount: 1, exponent: 99}}"), "qc.limit.exponent", evidence.QC{}},
		{"a retention of a thousand years", production("{retention_years: 1000}"), "qc.retention_years", evidence.QC{}},
		{"a method that is no OID", production("{identification: video}"), "no object identifier", evidence.QC{}},
		{"an unknown statement", production("{qualified: true}"), "qualified", evidence.QC{}},
		{"statements of what signs nothing", []string{"natural-auth:\n    level", "natural-auth:\n    qc: {retention_years: 7}\n    level"}, "profiles that sign", evidence.QC{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := evidence.ParsePolicy(policyWith(t, tt.edit...))
			if tt.reason != "" {
				if err == nil || !strings.Contains(err.Error(), tt.reason) {
					t.Errorf("%v, want %q", err, tt.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			r, _ := p.Rules("natural-sign")
			if diff := cmp.Diff(tt.want, r.QC); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestADecisionNamesTheAttestedKey: statement 4 is true of that key alone.
func TestADecisionNamesTheAttestedKey(t *testing.T) {
	p, err := evidence.ParsePolicy(policyWith(t, production("{sscd: true}", hardware...)...))
	if err != nil {
		t.Fatal(err)
	}
	records := append(natural(), record(evidence.DeviceAttestation, evidence.Claims{SPKISHA256: "ab", Attestation: attest.TPM}))
	for i := range records {
		records[i].Environment = evidence.Production
	}
	d := p.Evaluate(evidence.Case{Profile: "natural-sign", Home: evidence.Token, Records: records}, now)
	if d.Outcome() != evidence.Approved || d.AttestedKey() != "ab" || !d.QC().SSCD {
		t.Errorf("%s, key %q, %+v\n%v", d.Outcome(), d.AttestedKey(), d.QC(), d.Trace())
	}
	without := p.Evaluate(evidence.Case{Profile: "natural-sign", Home: evidence.Token, Records: records[:len(records)-1]}, now)
	if without.Outcome() != evidence.Waiting || without.AttestedKey() != "" {
		t.Errorf("without it: %s, key %q", without.Outcome(), without.AttestedKey())
	}
}

// TestShortLivedMeansADay: what is never revoked must end by itself.
func TestShortLivedMeansADay(t *testing.T) {
	p, err := evidence.DefaultPolicy()
	if err != nil {
		t.Fatal(err)
	}
	if r, ok := p.Rules("natural-sign-short"); !ok || r.Validity > 24*time.Hour || r.MaxDepth != 0 {
		t.Errorf("%v, %+v", ok, r)
	}
	if _, err := evidence.ParsePolicy(policyWith(t, "validity: 12h", "validity: 25h")); err == nil || !strings.Contains(err.Error(), "natural-sign-short: validity") {
		t.Errorf("a short-lived certificate of 25 hours: %v", err)
	}
}

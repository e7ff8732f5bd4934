package ca_test

import (
	"crypto/x509"
	"encoding/asn1"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/hsm/attest/attesttest"
)

// statement is a QCStatement (RFC 3739 section 3.2.6) with its info in DER.
type statement struct {
	ID   string
	Info []byte
}

func qcStatementsOf(t *testing.T, c *x509.Certificate) (list []statement) {
	t.Helper()
	for _, e := range c.Extensions {
		if e.Id.String() != "1.3.6.1.5.5.7.1.3" {
			continue
		}
		var raw []struct {
			ID   asn1.ObjectIdentifier
			Info asn1.RawValue `asn1:"optional"`
		}
		if rest, err := asn1.Unmarshal(e.Value, &raw); err != nil || len(rest) > 0 || e.Critical {
			t.Fatalf("qcStatements: %v, %d bytes more, critical %v", err, len(rest), e.Critical)
		}
		for _, s := range raw {
			list = append(list, statement{s.ID.String(), s.Info.FullBytes})
		}
	}
	return list
}

const qcType, qcPDS, semantics = "0.4.0.1862.1.6", "0.4.0.1862.1.5", "1.3.6.1.5.5.7.11.2"

func objectID(t *testing.T, dots string) []byte {
	t.Helper()
	id, err := x509.ParseOID(dots)
	if err != nil {
		t.Fatal(err)
	}
	content, err := id.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return wrap(cbasn1.OBJECT_IDENTIFIER, content)
}

func printable(s string) []byte { return wrap(cbasn1.PrintableString, []byte(s)) }

func disclosed() []byte {
	at := func(lang string) []byte {
		return wrap(cbasn1.SEQUENCE, wrap(cbasn1.IA5String, []byte("https://localhost:8443/repository/pds-"+lang)), printable(lang))
	}
	return wrap(cbasn1.SEQUENCE, at("en"), at("fa"))
}

// TestQCStatementsSayTypeDisclosureAndSemantics asserts the bytes: no
// compliance, no SSCD, no legislation; the semantics as a SEQUENCE.
func TestQCStatementsSayTypeDisclosureAndSemantics(t *testing.T) {
	f := catest.New(t, nil)
	id := func(dots string) []byte { return wrap(cbasn1.SEQUENCE, objectID(t, dots)) }
	sign := []statement{{qcType, id("0.4.0.1862.1.6.1")}, {qcPDS, disclosed()}, {semantics, id("0.4.0.194121.1.1")}}
	for profile, want := range map[string][]statement{
		ca.NaturalSign:      sign,
		ca.NaturalSignB:     sign,
		ca.NaturalSignC:     sign,
		ca.NaturalSignShort: sign,
		ca.OrganisationSign: sign,
		ca.OrganisationSeal: {{qcType, id("0.4.0.1862.1.6.2")}, {qcPDS, disclosed()}, {semantics, id("0.4.0.194121.1.2")}},
		ca.NaturalAuth:      {{semantics, id("0.4.0.194121.1.1")}},
	} {
		key, _ := f.IssueTo(t, catest.Zahra, profile, profile)
		if diff := cmp.Diff(want, qcStatementsOf(t, key.Certificate)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", profile, diff)
		}
	}
}

// stating is the built-in policy as one for production whose certificates of
// natural persons state what qc says, with further edits.
func stating(t *testing.T, qc string, oldNew ...string) *evidence.Policy {
	t.Helper()
	b, err := os.ReadFile("evidence/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(append([]string{
		"environment: simulated", "environment: production", "2.999.1.", "1.3.6.1.4.1.99999.",
		"  natural-sign:\n", "  natural-sign:\n    qc: " + qc + "\n",
	}, oldNew...)...).Replace(string(b))
	policy, err := evidence.ParsePolicy([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

func decideBy(t *testing.T, policy *evidence.Policy, home evidence.KeyHome, more ...evidence.Record) evidence.Decision {
	t.Helper()
	now := time.Now()
	records := append(catest.Zahra.Evidence(ca.NaturalSign, now), more...)
	for i := range records {
		records[i].Environment = evidence.Production
	}
	d := policy.Evaluate(evidence.Case{Profile: ca.NaturalSign, Home: home, Records: records}, now)
	if d.Outcome() != evidence.Approved {
		t.Fatalf("not approved: %v", d.Trace())
	}
	return d
}

func TestAPolicyStatesWhatItSays(t *testing.T) {
	f := catest.New(t, nil)
	production := with(t, f, func(c *ca.Config) { c.Simulated = false })
	policy := stating(t, "{compliance: true, legislation: [IR], limit: {currency: IRR, amount: 50, exponent: 9}, retention_years: 7, identification: 1.2.3.4}")
	_, csr := catest.NewKey(t)
	c := issue(t, production, ca.Order{Request: "stated", CSR: csr, Decision: decideBy(t, policy, evidence.Software)})
	cert, err := x509.ParseCertificate(c.DER)
	if err != nil {
		t.Fatal(err)
	}
	number := func(n byte) []byte { return wrap(cbasn1.INTEGER, []byte{n}) }
	id := func(dots string) []byte { return wrap(cbasn1.SEQUENCE, objectID(t, dots)) }
	want := []statement{
		{"0.4.0.1862.1.1", nil},
		{"0.4.0.1862.1.2", wrap(cbasn1.SEQUENCE, printable("IRR"), number(50), number(9))},
		{"0.4.0.1862.1.3", number(7)},
		{"0.4.0.1862.1.7", wrap(cbasn1.SEQUENCE, printable("IR"))},
		{"0.4.0.1862.1.8", id("1.2.3.4")},
		{qcType, id("0.4.0.1862.1.6.1")}, {qcPDS, disclosed()}, {semantics, id("0.4.0.194121.1.1")},
	}
	if diff := cmp.Diff(want, qcStatementsOf(t, cert)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestADeviceIsStatedOnlyOfTheAttestedKey: the statement is about that key.
func TestADeviceIsStatedOnlyOfTheAttestedKey(t *testing.T) {
	f := catest.New(t, nil)
	production := with(t, f, func(c *ca.Config) { c.Simulated = false })
	policy := stating(t, "{sscd: true}", "      software: 2.999.1.1.1\n", "", "      token: 2.999.1.1.2\n      hsm: 2.999.1.1.3\n", "      token: 1.3.6.1.4.1.99999.1.2\n",
		"otp_sms, face_match]\n", "otp_sms, face_match, device_attestation]\n", "otp_sms, eid_oidc]", "otp_sms, eid_oidc, device_attestation]", "evidence: [civil_registry]", "evidence: [civil_registry, device_attestation]",
		"        officer_review: 7d\n      officers: 2 # persons who sign what is decided of a case at review\n      face_score: 80 #", "      face_score: 80 #")
	signer, attested := catest.NewKey(t)
	_, other := catest.NewKey(t)
	key := attesttest.New(t).Key(signer, "production", time.Now())
	d := decideBy(t, policy, evidence.Token, evidence.DeviceRecord(key, nil))
	_, err := production.Issue(t.Context(), ca.Order{Request: "other", CSR: other, Decision: d, Attested: key})
	wantCode(t, "another key than the attested one", err, "key_unattested")
	c := issue(t, production, ca.Order{Request: "attested", CSR: attested, Decision: d, Attested: key})
	cert, err := x509.ParseCertificate(c.DER)
	if err != nil {
		t.Fatal(err)
	}
	if got := qcStatementsOf(t, cert); len(got) != 4 || got[0].ID != "0.4.0.1862.1.4" || got[0].Info != nil {
		t.Errorf("statements %v", got)
	}
}

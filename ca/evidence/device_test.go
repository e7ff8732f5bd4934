package evidence_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mohr/ca/evidence"
	"mohr/hsm/attest"
)

// device is the record of an attestation.
func device(f attest.Format) evidence.Record {
	return record(evidence.DeviceAttestation, evidence.Claims{SPKISHA256: "ab", Attestation: f})
}

func TestAKeyThatIsSaidToLiveInADeviceNeedsItsWord(t *testing.T) {
	stale := device(attest.TPM)
	stale.CheckedAt = now.Add(-2 * time.Hour)
	strange := device(attest.TPM)
	strange.Claims.SPKISHA256 = ""
	tpmAlone := []string{"attestation: &devices {token: [tpm2, piv]}", "attestation: &devices {token: [tpm2]}"}
	for _, tt := range []struct {
		name    string
		policy  []string
		home    evidence.KeyHome
		records []evidence.Record
		outcome evidence.Outcome
		missing []evidence.Type
	}{
		{"software asks for none", nil, evidence.Software, nil, evidence.Approved, nil},
		{"software takes none", nil, evidence.Software, []evidence.Record{device(attest.TPM)}, evidence.Approved, nil},
		{"a token without", nil, evidence.Token, nil, evidence.Waiting, []evidence.Type{evidence.DeviceAttestation}},
		{"a token with a TPM's", nil, evidence.Token, []evidence.Record{device(attest.TPM)}, evidence.Approved, nil},
		{"a token with a PIV device's", nil, evidence.Token, []evidence.Record{device(attest.PIV)}, evidence.Approved, nil},
		{"a kind that the policy does not take", tpmAlone, evidence.Token, []evidence.Record{device(attest.PIV)}, evidence.Waiting, []evidence.Type{evidence.DeviceAttestation}},
		{"a kind that there is not", nil, evidence.Token, []evidence.Record{device("none")}, evidence.Waiting, []evidence.Type{evidence.DeviceAttestation}},
		{"one that is too old", nil, evidence.Token, []evidence.Record{stale}, evidence.Waiting, []evidence.Type{evidence.DeviceAttestation}},
		{"a key of the service's own without its word", nil, evidence.HSM, nil, evidence.Waiting, []evidence.Type{evidence.DeviceAttestation}},
		{"a key of the service's own with a TPM's", nil, evidence.HSM, []evidence.Record{device(attest.TPM)}, evidence.Waiting, []evidence.Type{evidence.DeviceAttestation}},
		{"a key of the service's own with its word", nil, evidence.HSM, []evidence.Record{device(attest.Held)}, evidence.Approved, nil},
		{"a token with the service's word", nil, evidence.Token, []evidence.Record{device(attest.Held)}, evidence.Waiting, []evidence.Type{evidence.DeviceAttestation}},
		{"one that names no key", nil, evidence.Token, []evidence.Record{strange}, evidence.Waiting, []evidence.Type{evidence.DeviceAttestation}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := defaultPolicy(t)
			if tt.policy != nil {
				var err error
				if p, err = evidence.ParsePolicy(policyWith(t, tt.policy...)); err != nil {
					t.Fatal(err)
				}
			}
			d := p.Evaluate(evidence.Case{Profile: "natural-sign", Home: tt.home, Records: append(natural(), tt.records...)}, now)
			if d.Outcome() != tt.outcome || !slices.Equal(d.Missing(), tt.missing) {
				t.Fatalf("got %s, missing %v: %v", d.Outcome(), d.Missing(), d.Trace())
			}
			if attested := tt.home != evidence.Software && tt.outcome == evidence.Approved; (d.AttestedKey() == "ab") != attested || (d.AttestedBy() != "") != attested {
				t.Errorf("attested key %q by %q", d.AttestedKey(), d.AttestedBy())
			}
		})
	}
}

func TestARenewalOfADevicesKeyNeedsItsWordAgain(t *testing.T) {
	again := &evidence.Renewal{Depth: 1, ProofAt: now.Add(-24 * time.Hour), Previous: evidence.Identity{NationalCode: code, GivenName: "علی رضا", Surname: "کریمی", BirthDate: "1990-03-21", Mobile: mobile}}
	records := append(natural()[:1:1], record(evidence.CertSignature, evidence.Claims{NationalCode: code}))
	judge := func(home evidence.KeyHome, more ...evidence.Record) evidence.Decision {
		return defaultPolicy(t).Evaluate(evidence.Case{Profile: "natural-sign", Home: home, Records: append(records, more...), Renewal: again}, now)
	}
	if d := judge(evidence.Software); d.Outcome() != evidence.Approved {
		t.Errorf("software: %s %v", d.Outcome(), d.Trace())
	}
	if d := judge(evidence.Token); d.Outcome() != evidence.Waiting {
		t.Errorf("a token without: %s", d.Outcome())
	}
	if d := judge(evidence.Token, device(attest.TPM)); d.Outcome() != evidence.Approved || d.AttestedKey() != "ab" {
		t.Errorf("a token with: %s, key %q: %v", d.Outcome(), d.AttestedKey(), d.Trace())
	}
}

func TestPoliciesThatSayWrongOfDevices(t *testing.T) {
	const line = "attestation: &devices {token: [tpm2, piv]}"
	for with, reason := range map[string]string{
		"attestation: &devices {token: []}":            "attestation of token is empty",
		"attestation: &devices {token: [none]}":        `attestation of token has "none"`,
		"attestation: &devices {token: [tpm2, tpm2]}":  "has tpm2 twice",
		"attestation: &devices {software: [tpm2]}":     `attestation has "software"`,
		"attestation: &devices {hsm: [tpm2]}":          `attestation of hsm has "tpm2"`,
		"attestation: &devices {usb: [tpm2]}":          `attestation has "usb"`,
		"attestation: &devices {token: [pkcs11, piv]}": `attestation of token has "pkcs11"`,
	} {
		if _, err := evidence.ParsePolicy(policyWith(t, line, with)); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v", with, err)
		}
	}
	silent, err := evidence.ParsePolicy(policyWith(t, line, "attestation: &devices {}"))
	if err != nil {
		t.Fatal(err)
	}
	if r, _ := silent.Rules("natural-sign"); len(r.Attestation[evidence.Token]) != 2 {
		t.Errorf("silence asks for %v", r.Attestation)
	}
	if _, err := evidence.ParsePolicy(policyWith(t, "        device_attestation: 1h # of a key that lives in a device\n", "")); err == nil || !strings.Contains(err.Error(), "max_age has no device_attestation") {
		t.Errorf("an attestation that is good for ever: %v", err)
	}
}

package ca_test

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/hsm/attest"
	"mohr/hsm/attest/attesttest"
	"mohr/internal/fault"
)

// TestAKeyIsHeldAgainstItsHome: what a certificate's policy says of the home
// of its key was shown of that key.
func TestAKeyIsHeldAgainstItsHome(t *testing.T) {
	f := catest.New(t, nil)
	policy, err := evidence.DefaultPolicy()
	if err != nil {
		t.Fatal(err)
	}
	device := attesttest.New(t)
	signer, csr := catest.NewKey(t)
	soft, softCSR := catest.NewKey(t)
	key, another := device.Key(signer, "simulated", time.Now()), device.Key(soft, "simulated", time.Now())
	decide := func(home evidence.KeyHome, more ...evidence.Record) evidence.Decision {
		records := append(catest.Zahra.Evidence(ca.NaturalSign, time.Now()), more...)
		d := policy.Evaluate(evidence.Case{Profile: ca.NaturalSign, Home: home, Records: records}, time.Now())
		if d.Outcome() != evidence.Approved {
			t.Fatalf("%s: %v", d.Outcome(), d.Trace())
		}
		return d
	}
	token := decide(evidence.Token, evidence.DeviceRecord(key, nil))
	_, heldCSR := catest.NewKey(t)
	mine, others := vouched(t, heldCSR, string(f.Holder(catest.Zahra.NationalCode))), vouched(t, heldCSR, "another")
	ours := decide(evidence.HSM, evidence.DeviceRecord(mine, nil))
	byTPM := evidence.DeviceRecord(key, nil)
	byTPM.Claims.Attestation = attest.TPM
	for _, tt := range []struct {
		name string
		o    ca.Order
		code string
	}{
		{"a software key's CSR under an attested profile", ca.Order{Decision: token, CSR: softCSR}, "key_unattested"},
		{"a software key's CSR beside the attested key", ca.Order{Decision: token, CSR: softCSR, Attested: key}, "key_unattested"},
		{"the attested key's CSR without its attestation", ca.Order{Decision: token, CSR: csr}, "key_unattested"},
		{"another attested key than the decision's", ca.Order{Decision: token, CSR: softCSR, Attested: another}, "key_unattested"},
		{"an attestation of another kind than the decision's", ca.Order{Decision: decide(evidence.Token, byTPM), CSR: csr, Attested: key}, "key_unattested"},
		{"a key of the service's HSM that nobody vouched for", ca.Order{Decision: ours, CSR: heldCSR}, "key_unattested"},
		{"a device's key as one of the service's HSM", ca.Order{Decision: ours, CSR: csr, Attested: key}, "key_unattested"},
		{"a key that the service holds for another person", ca.Order{Decision: ours, CSR: heldCSR, Attested: others}, "key_unattested"},
		{"a key of the service's HSM as a device's", ca.Order{Decision: token, CSR: heldCSR, Attested: mine}, "key_unattested"},
		{"the attested key", ca.Order{Decision: token, CSR: csr, Attested: key}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Request = strings.ReplaceAll(tt.name, " ", "-")
			c, err := f.Issue(t.Context(), tt.o)
			if fault.Code(err) != tt.code || (err == nil) != (tt.code == "") {
				t.Fatalf("got %v, want %q", err, tt.code)
			}
			if err == nil && (c.Home != evidence.Token || c.PolicyOID != "2.999.1.1.2") {
				t.Errorf("home %s, policy %s", c.Home, c.PolicyOID)
			}
		})
	}
	c, err := f.Issue(t.Context(), ca.Order{Request: "held", Decision: ours, CSR: heldCSR, Attested: mine})
	if err != nil || c.Home != evidence.HSM || c.PolicyOID != "2.999.1.1.3" {
		t.Errorf("a held key: home %s, policy %s, %v", c.Home, c.PolicyOID, err)
	}
	if _, err := f.Issue(t.Context(), ca.Order{Request: "soft", Decision: decide(evidence.Software), CSR: softCSR, Attested: another}); err == nil || fault.Code(err) != "" {
		t.Errorf("an attested key under a policy for software: %v", err)
	}
}

// vouched is the request's key as the service holds it for a holder.
func vouched(t *testing.T, csr ca.CSR, holder string) attest.Key {
	t.Helper()
	secret := make([]byte, 32)
	v, err := attest.New(attest.Config{Environment: "simulated", Secret: secret, Held: secret})
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(csr.Key())
	if err != nil {
		t.Fatal(err)
	}
	b := attest.Binding{Audience: catest.Portal, Purpose: "application/1", Nonce: "n"}
	k, err := v.Verify(attest.NewVoucher(secret).Vouch(spki, holder, b), b, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestASimulatedDeviceMeetsNoProductionAuthority holds even where the evidence
// lies about it.
func TestASimulatedDeviceMeetsNoProductionAuthority(t *testing.T) {
	f := catest.New(t, nil)
	production := with(t, f, func(c *ca.Config) { c.Simulated = false })
	policy := stating(t, "{}")
	signer, csr := catest.NewKey(t)
	device := attesttest.New(t)
	simulated, real := device.Key(signer, "simulated", time.Now()), device.Key(signer, "production", time.Now())
	d := decideBy(t, policy, evidence.Token, evidence.DeviceRecord(simulated, nil)) // stamps all as production
	if _, err := production.Issue(t.Context(), ca.Order{Request: "a", Decision: d, CSR: csr, Attested: simulated}); err == nil || !strings.Contains(err.Error(), "simulated device") {
		t.Errorf("%v", err)
	}
	issue(t, production, ca.Order{Request: "b", Decision: d, CSR: csr, Attested: real})
}

package enroll_test

import (
	"bytes"
	"crypto/x509"
	"testing"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/ca/held"
	"mohr/enroll"
	"mohr/hsm/attest"
	"mohr/internal/nonce"
)

// TestAKeyThatTheServiceHoldsIsCertifiedForItsHolderAlone: by the service's own
// word, and no device's.
func TestAKeyThatTheServiceHoldsIsCertifiedForItsHolderAlone(t *testing.T) {
	p := newDevices(t)
	secret := bytes.Repeat([]byte{7}, 32)
	voucher := attest.NewVoucher(secret)
	verify, err := attest.New(attest.Config{Environment: "simulated", Secret: secret, Held: secret})
	p.must(err)
	p.desk = newDesk(t, func(c *enroll.Config) { c.Attestation, c.Held = verify, &held.Desk{} })
	who := person(1)
	p.regs.know(who)
	r := p.call("POST", "/applications", "", map[string]any{
		"person":  map[string]string{"national_code": who.code, "birth_date": who.born, "mobile": who.types},
		"profile": ca.NaturalSign, "key_home": "hsm",
	}).want(t, enroll.Created, enroll.NeedConsent)
	a := &applicant{desk: p.desk, id: r.ID, token: r.Token, who: who}
	a.consent().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace, enroll.NeedAttestation)
	a.code(p.regs.code(who.types)).want(t, enroll.Collecting, enroll.NeedFace, enroll.NeedAttestation)
	a.face("live").want(t, enroll.Collecting, enroll.NeedAttestation)
	key := keyOn(t)
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	p.must(err)
	holder := string(p.ca.Holder(who.code))
	bound := attest.Binding{Audience: p.Audience, Purpose: "application/" + a.id, Nonce: p.Nonces.New("attestation/another")}
	a.attest(voucher.Vouch(spki, holder, bound)).refused(t, 403, "nonce_unknown")
	bound.Nonce = p.Nonces.New(nonce.Purpose("attestation/" + a.id))
	a.attest(p.device.Attest(key, bound)).refused(t, 422, "attestation_kind")
	a.attest(voucher.Vouch(spki, string(p.ca.Holder(person(2).code)), bound)).refused(t, 403, "held_other_person")
	a.attest(attest.NewVoucher(make([]byte, 32)).Vouch(spki, holder, bound)).refused(t, 403, "attestation_signature")
	a.state().want(t, enroll.Collecting, enroll.NeedAttestation)
	a.attest(voucher.Vouch(spki, holder, bound)).want(t, enroll.Approved, enroll.NeedCSR)
	a.csr(request(t)).refused(t, 403, "key_unattested")
	a.csr(requestFor(t, key)).want(t, enroll.Issued, enroll.NeedCertificate)
	c, err := p.ca.ByRequest(t.Context(), a.id)
	p.must(err)
	if c.Home != evidence.HSM || c.PolicyOID != "2.999.1.1.3" {
		t.Errorf("home %s, policy %s", c.Home, c.PolicyOID)
	}
}

// TestWhereNoKeysAreHeldNoneIsAppliedFor, on the page as by the API.
func TestWhereNoKeysAreHeldNoneIsAppliedFor(t *testing.T) {
	p := newDevices(t)
	who := person(1)
	p.regs.know(who)
	p.call("POST", "/applications", "", map[string]any{
		"person":  map[string]string{"national_code": who.code, "birth_date": who.born, "mobile": who.types},
		"profile": ca.NaturalSign, "key_home": "hsm",
	}).refused(t, 422, "key_home_unoffered")
}

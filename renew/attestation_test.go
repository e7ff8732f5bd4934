package renew_test

import (
	"crypto/ecdsa"
	"encoding/json"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/hsm/attest"
	"mohr/hsm/attest/attesttest"
	"mohr/renew"
)

// newDevices is a bench that believes the holders' devices.
func newDevices(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, nil)
	device := b.device
	b = newBench(t, func(c *renew.Config) { c.Attestation = device.Verifier("simulated") })
	b.device = device
	return b
}

// deviceWish is a good wish of h for a fresh key in a device, and what its
// statement is bound to.
func (b *bench) deviceWish(t testing.TB, h holder) (renew.Wish, *ecdsa.PrivateKey, attest.Binding) {
	t.Helper()
	w, key := b.wish(t, h)
	var doc renew.Statement
	must(t, json.Unmarshal(w.Document, &doc))
	bound := attest.Binding{Audience: catest.Portal, Purpose: "renewal/" + hexHash(h.cert.Raw), Nonce: doc.Nonce}
	s := b.device.Attest(key, bound)
	w.Attestation = &s
	return w, key, bound
}

func TestAKeyInADeviceIsRenewedWithAFreshAttestation(t *testing.T) {
	b := newDevices(t)
	h := b.enrollAt(t, sara, ca.NaturalSign, evidence.Token)
	b.open(h)
	w, _, _ := b.deviceWish(t, h)
	r, err := b.Renew(t.Context(), w)
	must(t, err)
	if r.Certificate.Home != evidence.Token || r.Certificate.PolicyOID != "2.999.1.1.2" || r.Certificate.Replaces != h.rec.Serial || r.Certificate.Depth != 1 {
		t.Errorf("%+v", r.Certificate)
	}
	again, err := b.Renew(t.Context(), w)
	must(t, err)
	if again.Certificate.Serial != r.Certificate.Serial {
		t.Error("the same statement gave another certificate")
	}
}

func TestRenewalsOfKeysInDevicesThatAreRefused(t *testing.T) {
	b := newDevices(t)
	h, soft, other := b.enrollAt(t, sara, ca.NaturalSign, evidence.Token), b.enroll(t, omid, ca.NaturalSign), b.enrollAt(t, sara, ca.NaturalSignB, evidence.Token)
	b.open(h)
	earlier, _, _ := b.deviceWish(t, h)
	for _, tt := range []struct {
		name string
		h    holder
		edit func(*renew.Wish, *ecdsa.PrivateKey, attest.Binding)
		code string
	}{
		{"without an attestation: an unattested key", h, func(w *renew.Wish, _ *ecdsa.PrivateKey, _ attest.Binding) { w.Attestation = nil }, "renewal_attestation"},
		{"with the attestation of another statement", h, func(w *renew.Wish, _ *ecdsa.PrivateKey, _ attest.Binding) { w.Attestation = earlier.Attestation }, "renewal_attestation"},
		{"with a replayed attestation that claims the nonce", h, func(w *renew.Wish, _ *ecdsa.PrivateKey, bound attest.Binding) {
			s := *earlier.Attestation
			s.Nonce = bound.Nonce
			w.Attestation = &s
		}, "attestation_other_challenge"},
		{"with an attestation for another certificate", h, func(w *renew.Wish, key *ecdsa.PrivateKey, bound attest.Binding) {
			bound.Purpose = "renewal/" + hexHash(other.cert.Raw)
			s := b.device.Attest(key, bound)
			w.Attestation = &s
		}, "attestation_other_challenge"},
		{"with an attestation for an application", h, func(w *renew.Wish, key *ecdsa.PrivateKey, bound attest.Binding) {
			bound.Purpose = "application/" + hexHash(h.cert.Raw)
			s := b.device.Attest(key, bound)
			w.Attestation = &s
		}, "attestation_other_challenge"},
		{"of another key than the request's", h, func(w *renew.Wish, _ *ecdsa.PrivateKey, bound attest.Binding) {
			key, _, _ := newKey(t)
			s := b.device.Attest(key, bound)
			w.Attestation = &s
		}, "key_unattested"},
		{"by a maker who is not believed", h, func(w *renew.Wish, key *ecdsa.PrivateKey, bound attest.Binding) {
			s := attesttest.New(t).Attest(key, bound)
			w.Attestation = &s
		}, "attestation_device_unknown"},
		{"of a certificate whose key lives in software", soft, func(*renew.Wish, *ecdsa.PrivateKey, attest.Binding) {}, "renewal_attestation"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, key, bound := b.deviceWish(t, tt.h)
			tt.edit(&w, key, bound)
			_, err := b.Renew(t.Context(), w)
			wantCode(t, err, tt.code)
		})
	}
	// Nothing was used up by the refusals.
	_, err := b.Renew(t.Context(), earlier)
	must(t, err)
}

func TestWhereNoDeviceIsBelievedNoneIsRenewed(t *testing.T) {
	b := newBench(t, nil)
	h := b.enrollAt(t, sara, ca.NaturalSign, evidence.Token)
	b.open(h)
	w, _, _ := b.deviceWish(t, h)
	_, err := b.Renew(t.Context(), w)
	wantCode(t, err, "renewal_home")
	_, err = b.ChallengeDevice(t.Context(), hexHash(h.cert.Raw), attest.Statement{Format: attest.TPM, Nonce: b.nonces.New(renew.NoncePurpose)})
	wantCode(t, err, "renewal_attestation")
	_, err = b.ChallengeDevice(t.Context(), hexHash(h.cert.Raw), attest.Statement{Format: attest.TPM, Nonce: "none of ours"})
	wantCode(t, err, "nonce_unknown")
}

package main

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mohr/ca"
	"mohr/ca/evidence"
	mohr "mohr/cmd/mohr/client"
	"mohr/hsm"
	"mohr/hsm/attest"
	"mohr/hsm/attest/attesttest"
	"mohr/renew"
)

// believe has all nodes that are started from now on believe the device's maker.
func (p *parted) believe(t *testing.T, d *attesttest.Device) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(p.dir, "makers"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.write(t, filepath.Join("makers", "root.cer"), string(d.Roots["root.cer"].Data))
	p.devices = fmt.Sprintf("attestation: {piv: %s, environment: simulated}\n", filepath.Join(p.dir, "makers"))
}

// vouched takes a new application to the point where only the key is missing,
// which the device has vouched for.
func (p *parted) vouched(t *testing.T, who applicant, d *attesttest.Device) (*applying, crypto.Signer) {
	t.Helper()
	a, key, err := p.applying(who)
	if err != nil {
		t.Fatal(err)
	}
	begun, err := a.api.user().Apply(t.Context(), mohr.Wish{Person: who, Profile: a.profile, Locale: a.locale, KeyHome: "token"})
	if err != nil {
		t.Fatal(err)
	}
	a.id, a.api.token = begun.ID, begun.Token
	steps := a.steps()
	steps.StopAt = "device_attestation"
	if _, err := begun.Run(t.Context(), steps); err != nil {
		t.Fatal(err)
	}
	var c struct{ Nonce string }
	a.api.done(t, post(a.path("/evidence/device_attestation/challenge"), a.api.token, map[string]any{"format": "piv"}), http.StatusOK, &c)
	s := d.Attest(key, attest.ForApplication(p.portalURL(), a.id, c.Nonce))
	a.api.done(t, post(a.path("/evidence/device_attestation"), a.api.token, s), http.StatusOK, nil)
	if _, err := begun.Run(t.Context(), a.steps()); err != nil {
		t.Fatal(err)
	}
	return a, key
}

// inDevices is tourPolicy with a policy identifier for keys in devices.
func inDevices() string {
	return strings.NewReplacer("{software: 2.999.1.1.1}", "{software: 2.999.1.1.1, token: 2.999.1.1.2}",
		"face_match: 1h, cert", "face_match: 1h, device_attestation: 1h, cert").Replace(tourPolicy)
}

// restated changes what the device has said in papers, and the record of it.
func restated(t *testing.T, p ca.Papers, change func(*attest.Statement, *evidence.Record)) ca.Papers {
	t.Helper()
	for i, r := range p.Records {
		if r.Type != evidence.DeviceAttestation {
			continue
		}
		var s attest.Statement
		if err := json.Unmarshal(p.Answers[i], &s); err != nil {
			t.Fatal(err)
		}
		change(&s, &p.Records[i])
		raw, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(raw)
		p.Answers[i], p.Records[i].RawSHA256 = raw, hex.EncodeToString(sum[:])
	}
	return p
}

// TestAKeyInADeviceIsCertifiedOverTheNarrowCall: the node with the keys judges
// by its own roots what the device has said, for an application and a renewal.
func TestAKeyInADeviceIsCertifiedOverTheNarrowCall(t *testing.T) {
	p := newParted(t)
	p.rough = true
	p.write(t, "policy.yaml", inDevices())
	mine, stranger := attesttest.New(t), attesttest.New(t)
	p.believe(t, mine)
	node := p.startCA(t, "policy.yaml")
	portal := p.startPortal(t, "portal", p.portal, p.status)
	zahra, key := p.vouched(t, killPeople[0], mine)
	other, _ := p.vouched(t, killPeople[1], mine)
	node.end(syscall.SIGTERM)
	for _, a := range []*applying{zahra, other} {
		if _, err := a.issue(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "issuer_away") {
			t.Fatalf("without a node that has the keys: %v", err)
		}
	}
	portal.end(syscall.SIGKILL)
	serials, _ := p.waiting(t, zahra.id, other.id)
	bent := func(change func(*attest.Statement, *evidence.Record)) ca.Papers {
		_, list := p.waiting(t, zahra.id)
		return restated(t, list[0], change)
	}
	same := func(*attest.Statement, *evidence.Record) {}
	p.startCA(t, "policy.yaml")
	caller := p.intruder(t, "tls")
	try := func(name, want string, papers ca.Papers) {
		t.Helper()
		if code, der := caller.sign(t, serials[0], papers); code != want || der != nil {
			t.Errorf("%s: code %q, want %q", name, code, want)
		}
	}
	fresh := newHolderKey(t)
	csr, err := csrFor(fresh)
	if err != nil {
		t.Fatal(err)
	}
	another := bent(same)
	another.CSR = csr
	try("another key than the device's", "key_unattested", another)
	try("what the device said for another application", "attestation_other_challenge", bent(func(s *attest.Statement, _ *evidence.Record) {
		*s = mine.Attest(key, attest.ForApplication(p.portalURL(), other.id, s.Nonce))
	}))
	try("a device of another maker", "attestation_device_unknown", bent(func(s *attest.Statement, r *evidence.Record) {
		*s = stranger.Attest(fresh, attest.ForApplication(p.portalURL(), zahra.id, s.Nonce))
		r.Claims.SPKISHA256 = spkiOf(t, csr)
	}))
	try("what a TPM would say", "evidence_unsigned", bent(func(s *attest.Statement, _ *evidence.Record) { s.Format = attest.TPM }))
	try("a record that says another device", "evidence_altered", bent(func(_ *attest.Statement, r *evidence.Record) { r.Claims.Device = strings.Repeat("a", 64) }))
	try("a record without the statement", "evidence_altered", func() ca.Papers {
		papers := bent(same)
		for i, r := range papers.Records {
			if r.Type == evidence.DeviceAttestation {
				papers.Answers[i] = nil
			}
		}
		return papers
	}())
	p.startPortal(t, "portal", p.portal, p.status)
	want := p.issued(t, zahra, other)
	for _, cert := range want {
		if got := cert.PolicyIdentifiers[0].String(); got != "2.999.1.1.2" {
			t.Errorf("policy %s for a key in a device", got)
		}
	}
	renewal, cert := p.renewInDevice(t, &holder{ca.SigningKey{Certificate: want[zahra.id], Signer: key}}, mine)
	want[renewal] = cert
	p.oneEach(t, want)
}

// renewInDevice renews to a key that the device vouches for.
func (p *parted) renewInDevice(t *testing.T, h *holder, d *attesttest.Device) (request string, cert *x509.Certificate) {
	t.Helper()
	s := &running{dir: t.TempDir(), ring: hsm.Open(hsm.Config{}), anyone: p.client(t)}
	defer s.ring.Close()
	r := s.renewal(t, h, nil)
	var said renew.Statement
	if err := json.Unmarshal(r.Document, &said); err != nil {
		t.Fatal(err)
	}
	old := sha256.Sum256(h.Certificate.Raw)
	vouched := d.Attest(r.key, attest.ForRenewal(p.portalURL(), hex.EncodeToString(old[:]), said.Nonce))
	renewed := r.holder(t, s.anyone.done(t, post("/api/v1/renewals", "", struct {
		renewal
		Attestation attest.Statement `json:"attestation"`
	}{r, vouched}), http.StatusOK, nil))
	request, err := renew.RequestOf(r.Statement)
	if err != nil || bytes.Equal(renewed.Certificate.Raw, h.Certificate.Raw) {
		t.Fatalf("not renewed: %v", err)
	}
	return request, renewed.Certificate
}

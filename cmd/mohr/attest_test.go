package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mohr/cmd/mohr/service"
	"mohr/hsm"
	"mohr/hsm/attest"
	"mohr/internal/pkitest"
)

// believing makes the service offer keys in TPMs of the maker.
func believing(t *testing.T, maker *pkitest.TPMMaker) func(*service.Config) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	text := strings.NewReplacer("{software: 2.999.1.1.1}", "{software: 2.999.1.1.1, token: 2.999.1.1.2}",
		"face_match: 1h, cert", "face_match: 1h, device_attestation: 1h, cert").Replace(tourPolicy)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(c *service.Config) {
		c.Policy, c.Attestation = file, service.AttestationConfig{TPM: maker.Roots, Environment: "simulated"}
	}
}

// codeReader answers the one question of apply: the code from the SMS.
type codeReader struct {
	code func() (string, error)
}

func (r codeReader) Read(p []byte) (int, error) {
	code, err := r.code()
	if err != nil {
		return 0, err
	}
	return copy(p, code+"\n"), nil
}

// saidTo is said with somebody at the keyboard.
func saidTo(ctx context.Context, in io.Reader, args ...string) (string, error) {
	root := newRoot()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetIn(in)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return out.String(), err
}

// applyWithTPM runs mohr apply for a key in a TPM.
func (s *running) applyWithTPM(t *testing.T, who applicant, key, out string) (string, error) {
	t.Helper()
	return saidTo(t.Context(), codeReader{func() (string, error) { return s.code(t, who.Mobile) }},
		"apply", "--server", s.Config.Portal, "--root", filepath.Join(s.data, "root.pem"), "--national-code", who.NationalCode,
		"--birth-date", who.BirthDate, "--mobile", who.Mobile, "--key", key, "--out", out)
}

func leafOf(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := parseChain(b)
	if err != nil {
		t.Fatal(err)
	}
	return chain[0]
}

// TestAKeyInATPMIsAttestedEnrolledAndRenewed is the whole journey of a holder
// with a TPM, by the commands.
func TestAKeyInATPMIsAttestedEnrolledAndRenewed(t *testing.T) {
	t.Parallel()
	maker := pkitest.NewTPMMaker(t)
	s := startService(t, "", believing(t, maker))
	base := maker.TPM().Base
	key, cert := hsm.KeyURI(base, "holder"), filepath.Join(s.dir, "holder.pem")
	if out, err := s.applyWithTPM(t, davood, key, cert); err != nil || !strings.Contains(out, "The TPM vouches for the key.") {
		t.Fatalf("%v\n%s", err, out)
	}
	first := leafOf(t, cert)
	renew := func(newKey, out string) (string, error) {
		return saidTo(t.Context(), nil, "renew", "--server", s.Config.Portal, "--root", filepath.Join(s.data, "root.pem"),
			"--key", key, "--cert", cert, "--new-key", newKey, "--out", out)
	}
	if out, err := renew(filepath.Join(s.dir, "soft.key"), filepath.Join(s.dir, "soft.pem")); err == nil {
		t.Errorf("a key in software renewed one in a TPM: %s", out)
	}
	next := filepath.Join(s.dir, "renewed.pem")
	if out, err := renew(hsm.KeyURI(base, "renewed"), next); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	second := leafOf(t, next)
	ring := hsm.Open(hsm.Config{})
	defer ring.Close()
	for name, c := range map[string]*x509.Certificate{"holder": first, "renewed": second} {
		signer, err := ring.Signer(t.Context(), hsm.KeyURI(base, name))
		if err != nil {
			t.Fatal(err)
		}
		if len(c.PolicyIdentifiers) != 1 || c.PolicyIdentifiers[0].String() != "2.999.1.1.2" || !signer.Public().(*ecdsa.PublicKey).Equal(c.PublicKey) {
			t.Errorf("%s: policies %v", name, c.PolicyIdentifiers)
		}
	}
}

// TestATPMThatIsNotBelievedGetsNoCertificate: its maker is a stranger, or it
// has none.
func TestATPMThatIsNotBelievedGetsNoCertificate(t *testing.T) {
	t.Parallel()
	s := startService(t, "", believing(t, pkitest.NewTPMMaker(t)))
	for name, tc := range map[string]struct{ base, code string }{
		"of another maker": {pkitest.NewTPMMaker(t).TPM().Base, "attestation_device_unknown"},
		"of no maker":      {pkitest.SWTPM(t).Base, "tpm_without_ek_certificate"},
	} {
		_, err := s.applyWithTPM(t, davood, hsm.KeyURI(tc.base, "holder"), filepath.Join(s.dir, "none.pem"))
		if err == nil || !strings.Contains(describe(err), tc.code) {
			t.Errorf("%s: %v, want %s", name, err, tc.code)
		}
		if _, err := os.Stat(filepath.Join(s.dir, "none.pem")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: there is a certificate", name)
		}
	}
}

// TestTheServiceRefusesWhatATPMDidNotSay drives the requests of an attested
// application by hand.
func TestTheServiceRefusesWhatATPMDidNotSay(t *testing.T) {
	t.Parallel()
	maker := pkitest.NewTPMMaker(t)
	s := startService(t, "", believing(t, maker))
	mine, other := hsm.KeyURI(maker.TPM().Base, "holder"), hsm.KeyURI(maker.TPM().Base, "holder")
	for _, uri := range []string{mine, other} {
		if _, err := s.ring.Create(t.Context(), uri, hsm.P256); err != nil {
			t.Fatal(err)
		}
	}
	open := func() *application {
		a := s.apply(t, davood, "")
		var opened applicationState
		s.anyone.done(t, post("/api/v1/applications", "", map[string]any{"person": davood, "profile": a.profile, "locale": a.locale, "key_home": "token"}), 201, &opened)
		a.id, a.token = opened.ID, opened.Token
		a.api.token = opened.Token
		for state := a.state(t); state.Needs[0] != "device_attestation"; state = a.state(t) {
			if err := a.step(t.Context(), state.Needs[0], state.Terms); err != nil {
				t.Fatal(err)
			}
		}
		return a
	}
	hand := func(a *application, s2 attest.Statement) answer {
		return s.anyone.send(t, post(a.path("/evidence/device_attestation"), a.token, s2))
	}
	challenge := func(a *application, uri string) (attest.Statement, attest.Credential, attest.Binding) {
		st, err := s.ring.Introduce(t.Context(), uri)
		if err != nil {
			t.Fatal(err)
		}
		var c struct {
			Nonce, Purpose string
			Audience       string `json:"aud"`
			attest.Credential
		}
		s.anyone.done(t, post(a.path("/evidence/device_attestation/challenge"), a.token, map[string]any{"format": "tpm2", "certificates": st.Certificates, "ak": st.AK}), 200, &c)
		return st, c.Credential, attest.Binding{Audience: c.Audience, Purpose: c.Purpose, Nonce: c.Nonce}
	}
	a, b := open(), open()
	st, c, bound := challenge(a, mine)
	good, err := s.ring.Attest(t.Context(), mine, st, c, bound)
	if err != nil {
		t.Fatal(err)
	}
	theirs, theirC, theirBound := challenge(b, other)
	foreign, err := s.ring.Attest(t.Context(), other, theirs, theirC, theirBound)
	if err != nil {
		t.Fatal(err)
	}
	mixed := good
	mixed.AK, mixed.Info, mixed.Signature, mixed.Key = foreign.AK, foreign.Info, foreign.Signature, foreign.Key
	flipped := good
	flipped.Key = bytes.Clone(good.Key)
	flipped.Key[len(flipped.Key)-1] ^= 1
	garbage := good
	garbage.Signature = append([]byte{0, 0x18, 0, 0x0b, 0, 32}, make([]byte, 32+2+32)...)
	for name, tc := range map[string]struct {
		s    attest.Statement
		code string
	}{
		"another TPM's attestation key": {mixed, "attestation_unactivated"},
		"a flipped public area":         {flipped, "attestation_malformed"},
		"ECDSA-tagged garbage":          {garbage, "attestation_malformed"},
		"another application's":         {foreign, "nonce_unknown"},
	} {
		if got := hand(a, tc.s); got.status >= 500 || !strings.Contains(string(got.body), tc.code) {
			t.Errorf("%s: %d %s, want %s", name, got.status, got.body, tc.code)
		}
	}
	if got := hand(a, good); got.status != 200 {
		t.Fatalf("the good one: %d %s", got.status, got.body)
	}
	if got := s.anyone.send(t, a.submit(a.csr)); got.status != 403 || !strings.Contains(string(got.body), "key_unattested") {
		t.Errorf("a software key's CSR under an attested profile: %d %s", got.status, got.body)
	}
	if got := hand(b, good); !strings.Contains(string(got.body), "nonce_unknown") {
		t.Errorf("replayed in another application: %d %s", got.status, got.body)
	}
	signer, err := s.ring.Signer(t.Context(), mine)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := csrFor(signer)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.anyone.send(t, a.submit(csr)); got.status != 200 {
		t.Errorf("the attested key: %d %s", got.status, got.body)
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"mohr/hsm"
	"mohr/hsm/attest"
	"mohr/renew"
)

// inTPM reports whether a key URI names a key in a TPM.
func inTPM(uri string) bool { return strings.HasPrefix(uri, "tpmkms:") }

// device is a TPM that vouches for a key in it.
type device struct {
	ring    *hsm.Keyring
	uri     string   // of the key
	issuers [][]byte // DER, of its certificate
}

// newDevice returns the TPM of the key; issuers is a PEM file, or "".
func newDevice(ring *hsm.Keyring, uri, issuers string) (*device, error) {
	d := &device{ring: ring, uri: uri}
	if issuers == "" {
		return d, nil
	}
	b, err := os.ReadFile(issuers)
	if err != nil {
		return nil, err
	}
	chain, err := parseChain(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", issuers, err)
	}
	for _, c := range chain {
		d.issuers = append(d.issuers, c.Raw)
	}
	return d, nil
}

// introduce begins a statement.
func (d *device) introduce(ctx context.Context) (attest.Statement, error) {
	s, err := d.ring.Introduce(ctx, d.uri)
	s.Certificates = append(s.Certificates, d.issuers...)
	return s, err
}

// device returns the TPM that the new key is in, nil if it is in none.
func (f *applyFlags) device(ring *hsm.Keyring) (*device, error) {
	if f.csr != "" || !inTPM(f.key) {
		return nil, nil
	}
	return newDevice(ring, f.key, f.ekIssuers)
}

// attest has the TPM vouch for the key of an application.
func (a *applying) attest(ctx context.Context, post func(rest string, in any) error) error {
	if a.device == nil {
		return errors.New("the service wants a device to vouch for the key; apply with a key in a TPM: --key tpmkms:...")
	}
	a.say("The TPM vouches for the key.")
	s, err := a.device.introduce(ctx)
	if err != nil {
		return err
	}
	var c struct {
		Nonce    string `json:"nonce"`
		Audience string `json:"aud"`
		Purpose  string `json:"purpose"`
		attest.Credential
	}
	in := map[string]any{"format": s.Format, "certificates": s.Certificates, "ak": s.AK}
	if err := a.api.call(ctx, request{method: http.MethodPost, path: a.path("/evidence/device_attestation/challenge"), in: in}, &c); err != nil {
		return err
	}
	b := attest.Binding{Audience: c.Audience, Purpose: c.Purpose, Nonce: c.Nonce}
	if s, err = a.device.ring.Attest(ctx, a.device.uri, s, c.Credential, b); err != nil {
		return err
	}
	return post("/evidence/device_attestation", s)
}

// attest has the TPM vouch for the new key of a renewal.
func (f *renewFlags) attest(ctx context.Context, ring *hsm.Keyring, h *holder, api *client, r *renewing) error {
	if f.csr != "" || !inTPM(f.newKey) {
		return errors.New("the old key lives in a TPM, and its certificate says so: the new one has to live in one too; name it with --new-key tpmkms:...")
	}
	d, err := newDevice(ring, f.newKey, f.ekIssuers)
	if err != nil {
		return err
	}
	s, err := d.introduce(ctx)
	if err != nil {
		return err
	}
	var statement renew.Statement
	if err := json.Unmarshal(r.Document, &statement); err != nil {
		return err
	}
	old := sha256Hex(h.Certificate.Raw)
	var c attest.Credential
	in := map[string]any{"nonce": statement.Nonce, "certificate_sha256": old, "certificates": s.Certificates, "ak": s.AK}
	if err := api.call(ctx, request{method: http.MethodPost, path: "/api/v1/renewals/challenge", in: in}, &c); err != nil {
		return err
	}
	b := attest.Binding{Audience: statement.Audience, Purpose: "renewal/" + old, Nonce: statement.Nonce}
	if s, err = ring.Attest(ctx, f.newKey, s, c, b); err != nil {
		return err
	}
	r.Attestation = &s
	return nil
}

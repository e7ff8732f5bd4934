package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	mohr "mohr/cmd/mohr/client"
	"mohr/hsm"
	"mohr/hsm/attest"
	"mohr/renew"
)

// newDevice returns the TPM of the key; issuers is a PEM file, or "".
func newDevice(ring *hsm.Keyring, uri, issuers string) (*mohr.Device, error) {
	d := &mohr.Device{Ring: ring, URI: uri}
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
		d.Issuers = append(d.Issuers, c.Raw)
	}
	return d, nil
}

// device returns the TPM that the new key is in, nil if it is in none.
func (f *applyFlags) device(ring *hsm.Keyring) (*mohr.Device, error) {
	if f.csr != "" || !mohr.InTPM(f.key) {
		return nil, nil
	}
	return newDevice(ring, f.key, f.ekIssuers)
}

// attest has the TPM vouch for the new key of a renewal.
func (f *renewFlags) attest(ctx context.Context, ring *hsm.Keyring, h *holder, api *client, r *renewing) error {
	if f.csr != "" || !mohr.InTPM(f.newKey) {
		return errors.New("the old key lives in a TPM, and its certificate says so: the new one has to live in one too; name it with --new-key tpmkms:...")
	}
	d, err := newDevice(ring, f.newKey, f.ekIssuers)
	if err != nil {
		return err
	}
	s, err := d.Introduce(ctx)
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

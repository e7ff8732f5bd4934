package client

import (
	"context"
	"errors"

	"mohr/hsm"
	"mohr/hsm/attest"
)

// Device is a TPM that vouches for a key in it.
type Device struct {
	Ring    *hsm.Keyring
	URI     string   // of the key
	Issuers [][]byte // DER, of the TPM's certificate, where the service lacks them; may be nil
}

// introduce begins a statement.
func (d *Device) introduce(ctx context.Context) (attest.Statement, error) {
	s, err := d.Ring.Introduce(ctx, d.URI)
	s.Certificates = append(s.Certificates, d.Issuers...)
	return s, err
}

// vouch has the TPM vouch for the key of the application.
func (a *Application) vouch(ctx context.Context, d *Device) error {
	if d == nil {
		return errors.New("the service wants a device to vouch for the key; apply with a key in a TPM (a tpmkms: URI)")
	}
	s, err := d.introduce(ctx)
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
	if err := a.c.post(ctx, a.path("/evidence/device_attestation/challenge"), in, &c); err != nil {
		return err
	}
	b := attest.Binding{Audience: c.Audience, Purpose: c.Purpose, Nonce: c.Nonce}
	if s, err = d.Ring.Attest(ctx, d.URI, s, c.Credential, b); err != nil {
		return err
	}
	return a.c.post(ctx, a.path("/evidence/device_attestation"), s, nil)
}

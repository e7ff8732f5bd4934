package client

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/hsm/attest"
	"mohr/renew"
)

// Window is when a certificate should be renewed (RFC 9773 section 4.2).
type Window struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Due reports whether the time to renew has come.
func (w Window) Due(now time.Time) bool { return !now.Before(w.Start) }

// RenewalWindow asks when a certificate should be renewed. The service moves
// the window when it has to: ask often, at most each hour.
func (c *Client) RenewalWindow(ctx context.Context, cert *x509.Certificate) (Window, error) {
	var info struct {
		Window Window `json:"suggestedWindow"`
	}
	if err := c.Call(ctx, Request{Method: http.MethodGet, Path: "/api/v1/renewal-info/" + certID(cert)}, &info); err != nil {
		return Window{}, err
	}
	if info.Window.Start.IsZero() {
		return Window{}, errors.New("the service does not say when to renew")
	}
	return info.Window, nil
}

// certID names a certificate as RFC 9773 section 4.1 does.
func certID(c *x509.Certificate) string {
	serial := c.SerialNumber.Bytes()
	if len(serial) > 0 && serial[0] >= 0x80 {
		serial = append([]byte{0}, serial...) // as in DER
	}
	b64 := base64.RawURLEncoding
	return b64.EncodeToString(c.AuthorityKeyId) + "." + b64.EncodeToString(serial)
}

// Renewal is a renewal that was signed. Sent again it brings the same
// certificate: who keeps it (it is JSON) until that is there loses nothing to
// a crash. A new key from another renewal is another certificate.
type Renewal struct {
	Document  []byte `json:"document"`  // what the old key signed
	Statement []byte `json:"statement"` // CMS over it, DER
	CSR       []byte `json:"csr"`       // PEM, of the new key

	Attestation *attest.Statement `json:"attestation,omitempty"` // of the new key, by its TPM
	BirthDate   string            `json:"birth_date,omitempty"`  // YYYY-MM-DD, for a service that does not know it
}

// BeginRenewal makes the statement of the old key for the new key of csr
// (PEM), and has device vouch for that; nil: it lives in software. The
// statement is good for five minutes.
func (c *Client) BeginRenewal(ctx context.Context, old Key, csr []byte, device *Device) (Renewal, error) {
	r := Renewal{CSR: csr}
	parsed, err := ca.ParseCSR(csr)
	if err != nil {
		return r, err
	}
	ch, err := c.Challenge(ctx, "/api/v1/renewals/nonce")
	if err != nil {
		return r, err
	}
	says := renew.Statement{Claims: ch.Claims(old), NewSPKISHA256: parsed.SPKISHA256(), Profile: ProfileOf(old.Certificate), TermsSHA256: ch.TermsSHA256}
	if r.Document, err = json.Marshal(says); err != nil {
		return r, err
	}
	if r.Statement, err = signature.SignCMS(old, r.Document); err != nil {
		return r, fmt.Errorf("sign the renewal: %w", err)
	}
	if device != nil {
		r.Attestation, err = c.vouchRenewal(ctx, old, device, says)
	}
	return r, err
}

// Renew hands a renewal in.
func (c *Client) Renew(ctx context.Context, r Renewal) (Issued, error) {
	var out struct {
		Chain string `json:"chain"`
	}
	err := c.post(ctx, "/api/v1/renewals", r, &out)
	return Issued{Chain: []byte(out.Chain)}, err
}

// vouchRenewal has the TPM vouch for the new key.
func (c *Client) vouchRenewal(ctx context.Context, old Key, d *Device, says renew.Statement) (*attest.Statement, error) {
	s, err := d.introduce(ctx)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(old.Certificate.Raw)
	cert := hex.EncodeToString(sum[:])
	var credential attest.Credential
	in := map[string]any{"nonce": says.Nonce, "certificate_sha256": cert, "certificates": s.Certificates, "ak": s.AK}
	if err := c.post(ctx, "/api/v1/renewals/challenge", in, &credential); err != nil {
		return nil, err
	}
	b := attest.Binding{Audience: says.Audience, Purpose: "renewal/" + cert, Nonce: says.Nonce}
	if s, err = d.Ring.Attest(ctx, d.URI, s, credential, b); err != nil {
		return nil, err
	}
	return &s, nil
}

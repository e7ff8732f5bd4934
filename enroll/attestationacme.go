package enroll

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"

	json "github.com/go-json-experiment/json/v1"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/hsm/attest"
	"mohr/internal/fault"
	"mohr/internal/store"
	"mohr/internal/web"
)

// BoundProfile returns the profile of an approved application whose key lives
// in a TPM; of any other application it says no more than of none.
func (d *Desk) BoundProfile(ctx context.Context, id string) (string, error) {
	a, err := d.load(ctx, id)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return "", err
	}
	p, attested := a.latest(evidence.DeviceAttestation)
	bound := err == nil && attested && p.Source == evidence.DeviceSource(attest.TPM)
	switch a.Stage {
	case Approved, Issuing, Issued:
		if bound && !a.overdue(d.now()) {
			return a.Profile, nil
		}
	}
	return "", fault.New(fault.Denied, "acme_application_unbound", "there is no approved application of this number whose key a TPM vouched for; bring it to its approval first")
}

// AccountKey returns the external account key (RFC 8555 section 7.3.4) that
// binds an ACME account to the application: 32 octets. Nothing is kept of it.
// Its base64url does not begin with "-", which programs take for an option.
func (d *Desk) AccountKey(id string) []byte {
	const dash = 62 // "-" in base64url (RFC 4648 section 5)
	for n := 0; ; n++ {
		sum := sha256.Sum256([]byte("mohr acme application\x00" + d.Seal.Index(applicationBucket, "acme", fmt.Sprint(id, "/", n))))
		if sum[0]>>2 != dash {
			return sum[:]
		}
	}
}

// Recertified refuses what does not show that the application's TPM vouches
// for the attested key once more, over qualifying.
func (d *Desk) Recertified(ctx context.Context, id string, c attest.Certification, qualifying []byte) error {
	if _, err := d.BoundProfile(ctx, id); err != nil {
		return err
	}
	a, err := d.load(ctx, id)
	if err != nil {
		return err
	}
	s, err := d.statement(ctx, a)
	if err != nil {
		return err
	}
	return d.Attestation.Again(s, d.attestationOf(id, s.Nonce), c, qualifying, d.now())
}

// SubmitBound is Submit for an account that is bound to the application.
func (d *Desk) SubmitBound(ctx context.Context, id string, request []byte) (ca.Certificate, error) {
	if _, err := d.BoundProfile(ctx, id); err != nil {
		return ca.Certificate{}, err
	}
	a, err := d.load(ctx, id)
	if err != nil {
		return ca.Certificate{}, err
	}
	i, err := d.submitAs(ctx, a, handedIn{form: ca.PKCS10, request: request, use: func(store.Tx, ca.CSR) error { return nil }})
	return i.Certificate, err
}

// statement is what is kept of the attestation.
func (d *Desk) statement(ctx context.Context, a Application) (s attest.Statement, err error) {
	p, ok := a.latest(evidence.DeviceAttestation)
	if !ok || d.Attestation == nil {
		return s, errUnproven()
	}
	raw, err := d.rawOf(ctx, a.ID, p.ID)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(raw, &s); err != nil || hexHash(raw) != p.RawSHA256 {
		return s, fmt.Errorf("attestation %s of %s: it is not the statement it was", p.ID, a.ID)
	}
	return s, nil
}

type acmeOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Directory string `json:"directory"`
		KID       string `json:"kid" doc:"of the external account key, and the permanent-identifier to order"`
		HMACKey   string `json:"hmac_key" doc:"base64url"`
	}
}

// routesACME hangs what an ACME client needs for an application.
func (d *Desk) routesACME(s *web.Server, op func(method, path, id, summary string) web.Operation) {
	web.Handle(s, op(http.MethodGet, "/applications/{id}/acme", "application-acme", "External account key for an approved application whose key a TPM vouched for"), d.apiACME)
}

func (d *Desk) apiACME(ctx context.Context, in *ByID) (*acmeOut, error) {
	token, err := web.Bearer(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := d.open(ctx, in.ID, token); err != nil {
		return nil, err
	}
	profile, err := d.BoundProfile(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	key := d.AccountKey(in.ID)
	out := &acmeOut{CacheControl: "no-store"}
	out.Body.Directory, out.Body.KID, out.Body.HMACKey = d.Audience+"/acme/"+profile+"/directory", in.ID, base64.RawURLEncoding.EncodeToString(key)
	return out, nil
}

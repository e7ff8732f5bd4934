package renew

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"mohr/ca/evidence"
	"mohr/hsm/attest"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// attestationOf is what a device must say of the new key of a renewal: it ties
// the key to the nonce of the statement and to the old certificate.
func (d *Desk) attestationOf(certificate, n string) attest.Binding {
	return attest.ForRenewal(d.Audience, certificate, n)
}

// ChallengeDevice makes what the TPM of the new key has to open, for the
// renewal of the certificate (hex SHA-256 of its DER) by a statement with the
// nonce of s. Nothing is kept of it.
func (d *Desk) ChallengeDevice(_ context.Context, certificate string, s attest.Statement) (attest.Credential, error) {
	if err := d.Nonces.Check(NoncePurpose, s.Nonce); err != nil {
		return attest.Credential{}, err
	}
	if d.Attestation == nil || s.Format != attest.TPM || !isSHA256(certificate) {
		return attest.Credential{}, errUnattested()
	}
	return d.Attestation.Challenge(s.Certificates, s.AK, d.attestationOf(certificate, s.Nonce), d.now())
}

func errUnattested() error {
	return fault.New(fault.Invalid, "renewal_attestation", "this renewal and its attestation do not fit: a key in a device needs one, over the nonce of the statement and for the old certificate, and a key in software takes none")
}

// attest judges what a device says of the new key, under the nonce of what the
// old key signed. Whether that is the key of the request is ca's to say.
func (a *authenticated) attest(d *Desk, s *attest.Statement, signed Statement) error {
	if (a.old.Home != evidence.Software) != (s != nil) {
		return errUnattested()
	}
	if s == nil {
		return nil
	}
	if d.Attestation == nil || s.Nonce != signed.Nonce {
		return errUnattested()
	}
	k, err := d.Attestation.Verify(*s, d.attestationOf(signed.CertificateSHA256, s.Nonce), a.at)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("keep attestation: %w", err)
	}
	a.attested, a.device = k, raw
	return nil
}

type deviceChallengeInput struct {
	Body struct {
		Nonce        string   `json:"nonce" maxLength:"64" doc:"that the statement will carry, from /renewals/nonce"`
		Certificate  string   `json:"certificate_sha256" maxLength:"64" doc:"hex SHA-256 of the old certificate's DER"`
		Certificates [][]byte `json:"certificates" maxItems:"6" doc:"DER of the endorsement key's certificate, then of its issuers; base64"`
		AK           []byte   `json:"ak" doc:"TPMT_PUBLIC of the attestation key; base64"`
	}
}

type deviceChallengeOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         attest.Credential
}

// routesAttestation hangs what a TPM has to open.
func (d *Desk) routesAttestation(s *web.Server) {
	web.Handle(s, web.Operation{Method: http.MethodPost, Path: "/renewals/challenge", ID: "challenge-renewed-device", Tag: "renew",
		Summary: "What the TPM of the new key has to open"}, d.challenge)
}

func (d *Desk) challenge(ctx context.Context, in *deviceChallengeInput) (*deviceChallengeOutput, error) {
	b := in.Body
	c, err := d.ChallengeDevice(ctx, b.Certificate, attest.Statement{Format: attest.TPM, Nonce: b.Nonce, Certificates: b.Certificates, AK: b.AK})
	return &deviceChallengeOutput{CacheControl: "no-store", Body: c}, err
}

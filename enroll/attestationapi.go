package enroll

import (
	"context"
	"net/http"

	"mohr/hsm/attest"
	"mohr/internal/web"
)

type deviceChallengeIn struct {
	ByID
	Body struct {
		Format       attest.Format `json:"format" maxLength:"16" doc:"tpm2 or piv"`
		Certificates [][]byte      `json:"certificates,omitempty" maxItems:"6" doc:"tpm2: DER of the endorsement key's certificate, then of its issuers; base64"`
		AK           []byte        `json:"ak,omitempty" doc:"tpm2: TPMT_PUBLIC of the attestation key; base64"`
	}
}

type deviceChallengeOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         AttestationChallenge
}

type attestIn struct {
	ByID
	Body attest.Statement
}

// routesAttestation hangs what devices say of keys.
func (d *Desk) routesAttestation(s *web.Server, op func(method, path, id, summary string) web.Operation) {
	web.Handle(s, op(http.MethodPost, "/applications/{id}/evidence/device_attestation/challenge", "challenge-device", "What the device of the key has to answer"),
		func(ctx context.Context, in *deviceChallengeIn) (*deviceChallengeOut, error) {
			token, err := web.Bearer(ctx)
			if err != nil {
				return nil, err
			}
			c, err := d.ChallengeDevice(ctx, in.ID, token, attest.Statement{Format: in.Body.Format, Certificates: in.Body.Certificates, AK: in.Body.AK})
			return &deviceChallengeOut{"no-store", c}, err
		})
	web.Handle(s, op(http.MethodPost, "/applications/{id}/evidence/device_attestation", "attest-key", "Hand in what the device says of the key that is to be certified"),
		func(ctx context.Context, in *attestIn) (*stateOut, error) {
			return d.answer(ctx, func(token string) (Application, error) { return d.AttestKey(ctx, in.ID, token, in.Body) })
		})
}

package ca

import (
	"context"
	"encoding/pem"
	"net/http"
	"time"

	"mohr/internal/web"
)

// Entry is a line of the register, as operators see it over the API.
type Entry struct {
	Serial     string    `json:"serial" doc:"lower-case hex"`
	State      State     `json:"state"`
	Profile    string    `json:"profile" doc:"with its version"`
	Issuer     IssuerID  `json:"issuer"`
	Holder     string    `json:"holder,omitempty"`
	Business   string    `json:"business,omitempty"`
	Service    string    `json:"service,omitempty"`
	NotBefore  time.Time `json:"not_before"`
	NotAfter   time.Time `json:"not_after"`
	Replaces   string    `json:"replaces,omitempty"`
	ReplacedBy string    `json:"replaced_by,omitempty"`
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
	Reason     Reason    `json:"reason,omitempty"`
	By         string    `json:"by,omitempty"`
	PEM        string    `json:"pem,omitempty" doc:"only where one issued certificate is asked for"`
}

func viewOf(c Certificate) Entry {
	v := Entry{
		Serial: c.Serial, State: c.State, Profile: c.Profile, Issuer: c.Issuer,
		Holder: string(c.Holder), Business: string(c.Business), Service: c.Service,
		NotBefore: c.NotBefore, NotAfter: c.NotAfter, Replaces: c.Replaces, ReplacedBy: c.ReplacedBy,
	}
	if c.Revoked != nil {
		v.RevokedAt, v.Reason, v.By = c.Revoked.At, c.Revoked.Reason, c.Revoked.By
	}
	return v
}

type listInput struct {
	After string `query:"after" maxLength:"40" doc:"serial of the last one seen"`
	Limit int    `query:"limit" minimum:"0" maximum:"500"`
}

type listOutput struct {
	Body struct {
		Certificates []Entry `json:"certificates"`
	}
}

type serialInput struct {
	Serial string `path:"serial" maxLength:"40"`
}

type revokeInput struct {
	Serial string `path:"serial" maxLength:"40"`
	Body   struct {
		Reason Reason `json:"reason" doc:"a reason of RFC 5280 section 5.3.1"`
	}
}

type certificateOutput struct{ Body Entry }

// Routes hangs the operators' certificate register on s. Every route wants a
// client certificate with the role registrar.
func (a *Authority) Routes(s *web.Server) {
	web.Handle(s, web.Operation{Method: http.MethodGet, Path: "/certificates", ID: "list-certificates", Summary: "List certificates (operators)", Tag: "ca"}, a.handleList)
	web.Handle(s, web.Operation{Method: http.MethodGet, Path: "/certificates/{serial}", ID: "show-certificate", Summary: "Show one certificate (operators)", Tag: "ca"}, a.handleShow)
	web.Handle(s, web.Operation{Method: http.MethodPost, Path: "/certificates/{serial}/revoke", ID: "revoke-certificate", Summary: "Revoke a certificate (operators)", Tag: "ca"}, a.handleRevoke)
}

func (a *Authority) handleList(ctx context.Context, in *listInput) (*listOutput, error) {
	if _, err := a.Operator(ctx, web.PeerCertificate(ctx), RoleRegistrar); err != nil {
		return nil, err
	}
	list, err := a.List(ctx, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &listOutput{}
	out.Body.Certificates = make([]Entry, len(list))
	for i, c := range list {
		out.Body.Certificates[i] = viewOf(c)
	}
	return out, nil
}

func (a *Authority) handleShow(ctx context.Context, in *serialInput) (*certificateOutput, error) {
	if _, err := a.Operator(ctx, web.PeerCertificate(ctx), RoleRegistrar); err != nil {
		return nil, err
	}
	serial, err := ParseSerial(in.Serial)
	if err != nil {
		return nil, err
	}
	c, err := a.Certificate(ctx, serial)
	if err != nil {
		return nil, err
	}
	v := viewOf(c)
	if c.State == Issued {
		v.PEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.DER}))
	}
	return &certificateOutput{Body: v}, nil
}

func (a *Authority) handleRevoke(ctx context.Context, in *revokeInput) (*certificateOutput, error) {
	by, err := a.Operator(ctx, web.PeerCertificate(ctx), RoleRegistrar)
	if err != nil {
		return nil, err
	}
	serial, err := ParseSerial(in.Serial)
	if err != nil {
		return nil, err
	}
	if err := a.Revoke(ctx, serial, in.Body.Reason, by); err != nil {
		return nil, err
	}
	c, err := a.Certificate(ctx, serial)
	return &certificateOutput{Body: viewOf(c)}, err
}

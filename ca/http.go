package ca

import (
	"context"
	"encoding/pem"
	"net/http"
	"time"

	"mohr/internal/fault"
	"mohr/internal/store"
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
	Mandate    string    `json:"mandate,omitempty" doc:"id of the mandate by which the holder acts for the business"`
	NotBefore  time.Time `json:"not_before"`
	NotAfter   time.Time `json:"not_after"`
	Replaces   string    `json:"replaces,omitempty"`
	ReplacedBy string    `json:"replaced_by,omitempty"`
	Version    int       `json:"version" doc:"of the record: its status is ordered by it"`
	SPKISHA256 string    `json:"spki_sha256" doc:"hex, of the public key"`
	RevokedAt  time.Time `json:"revoked_at,omitzero" doc:"or suspended since"`
	Reason     Reason    `json:"reason,omitempty" doc:"certificateHold: suspended"`
	By         string    `json:"by,omitempty"`
	HoldEnds   time.Time `json:"hold_ends,omitzero" doc:"when a suspension that nobody lifts ends the certificate"`
	RenewNow   string    `json:"renew_now,omitempty" doc:"the plan for which it is to be renewed at once"`
	PEM        string    `json:"pem,omitempty" doc:"only where one issued certificate is asked for"`
}

// EntryOf returns the line of a record.
func EntryOf(c Certificate) Entry {
	v := Entry{
		Serial: c.Serial, State: c.State, Profile: c.Profile, Issuer: c.Issuer,
		Holder: string(c.Holder), Business: string(c.Business), Service: c.Service, Mandate: c.Mandate,
		NotBefore: c.NotBefore, NotAfter: c.NotAfter, Replaces: c.Replaces, ReplacedBy: c.ReplacedBy,
		Version: c.Version, SPKISHA256: c.SPKISHA256,
	}
	if c.Revoked != nil {
		v.RevokedAt, v.Reason, v.By = c.Revoked.At, c.Revoked.Reason, c.Revoked.By
	}
	if c.Suspended() {
		v.HoldEnds = c.Revoked.At.Add(MaxHold)
	}
	if c.RenewNow != nil {
		v.RenewNow = c.RenewNow.Plan
	}
	return v
}

type listInput struct {
	After    string `query:"after" maxLength:"40" doc:"serial of the last one seen"`
	Limit    int    `query:"limit" minimum:"0" maximum:"500"`
	Holder   string `query:"holder" maxLength:"40" doc:"only this person's, by the opaque id, all on one page"`
	Business string `query:"business" maxLength:"40" doc:"only this business's, all on one page"`
	Key      string `query:"key" maxLength:"100" doc:"only this key's, by the SHA-256 of its SubjectPublicKeyInfo, all on one page"`
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

// Routes hangs the operators' certificate register on s. Every route wants an
// operator's certificate with a right of Duties.
func (a *Authority) Routes(s *web.Server) {
	a.routesConsole(s)
	op := func(method, path, id, summary string) web.Operation {
		return web.Operation{Method: method, Path: path, ID: id, Summary: summary + " (operators)", Tag: "ca"}
	}
	const get, post = http.MethodGet, http.MethodPost
	web.Handle(s, op(get, "/certificates", "list-certificates", "List certificates"), a.handleList)
	web.Handle(s, op(get, "/certificates/{serial}", "show-certificate", "Show one certificate"), a.handleShow)
	web.Handle(s, op(post, "/certificates/{serial}/revoke", "revoke-certificate", "Revoke a certificate"), a.handleRevoke)
	web.Handle(s, op(post, "/certificates/{serial}/suspend", "suspend-certificate", "Suspend a certificate"), a.handleSuspend)
	web.Handle(s, op(post, "/certificates/{serial}/resume", "resume-certificate", "Lift a suspension"), a.handleResume)
	web.Handle(s, op(get, "/operators", "list-operators", "Who operates, and in which roles"), a.handleOperators)
	web.Handle(s, op(get, "/blocked-keys", "list-blocked-keys", "Public keys that are never certified"), a.handleBlocked)
	web.Handle(s, op(get, "/reconciled", "list-reconciled", "What the reconciler took up, finished or gave up"), a.handleReconciled)
	web.Handle(s, op(post, "/holders/find", "find-holder", "Find a person's certificates; that it was asked is recorded"), a.handleFind)
	web.Handle(s, op(get, "/lookups", "list-lookups", "Who looked whom up"), a.handleLookups)
}

// may is Authority.May for who sent the request.
func (a *Authority) may(ctx context.Context, right Right) (OperatorRecord, error) {
	return a.May(ctx, web.PeerCertificate(ctx), right)
}

func (a *Authority) handleList(ctx context.Context, in *listInput) (*listOutput, error) {
	if _, err := a.may(ctx, MayRead); err != nil {
		return nil, err
	}
	list, err := a.listed(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &listOutput{}
	out.Body.Certificates = entries(list)
	return out, nil
}

func entries(list []Certificate) []Entry {
	rows := make([]Entry, len(list))
	for i, c := range list {
		rows[i] = EntryOf(c)
	}
	return rows
}

// listed returns what the request wants of the register.
func (a *Authority) listed(ctx context.Context, in *listInput) ([]Certificate, error) {
	switch {
	case in.Holder != "":
		return a.OfHolder(ctx, HolderID(in.Holder))
	case in.Business != "":
		return a.OfBusiness(ctx, BusinessID(in.Business))
	case in.Key != "":
		hash, err := ParseKeyHash(in.Key)
		if err != nil {
			return nil, err
		}
		return a.OfKey(ctx, hash)
	}
	return a.List(ctx, in.After, in.Limit)
}

func (a *Authority) handleShow(ctx context.Context, in *serialInput) (*certificateOutput, error) {
	if _, err := a.may(ctx, MayRead); err != nil {
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
	v := EntryOf(c)
	if c.State == Issued {
		v.PEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.DER}))
	}
	return &certificateOutput{Body: v}, nil
}

func (a *Authority) handleRevoke(ctx context.Context, in *revokeInput) (*certificateOutput, error) {
	return a.change(ctx, in.Serial, func(serial, by string) error { return a.Revoke(ctx, serial, in.Body.Reason, by) })
}

func (a *Authority) handleSuspend(ctx context.Context, in *serialInput) (*certificateOutput, error) {
	return a.change(ctx, in.Serial, func(serial, by string) error { return a.Suspend(ctx, serial, by) })
}

func (a *Authority) handleResume(ctx context.Context, in *serialInput) (*certificateOutput, error) {
	return a.change(ctx, in.Serial, func(serial, by string) error { return a.Resume(ctx, serial, by) })
}

// change lets an operator do deed to a certificate that is neither his own nor
// the service's, and shows what became of it.
func (a *Authority) change(ctx context.Context, written string, deed func(serial, by string) error) (*certificateOutput, error) {
	o, err := a.may(ctx, MayEnd)
	if err != nil {
		return nil, err
	}
	serial, err := ParseSerial(written)
	if err != nil {
		return nil, err
	}
	c, err := a.Certificate(ctx, serial)
	if err != nil {
		return nil, err
	}
	if o.Owns(c) {
		return nil, errOwnMatter()
	}
	if c.OfService() {
		return nil, errPlanNeeded()
	}
	now := a.now()
	if err := a.Store.Update(ctx, func(tx store.Tx) error { return CountAloneIn(tx, o, 1, now) }); err != nil {
		return nil, err
	}
	if err := deed(serial, o.Actor()); err != nil {
		return nil, err
	}
	c, err = a.Certificate(ctx, serial)
	return &certificateOutput{Body: EntryOf(c)}, err
}

func errPlanNeeded() error {
	return fault.New(fault.Denied, "plan_needed", "this is an operator's certificate or the service's own: nobody changes it alone; have it revoked by a plan that two persons approve (mohr plan revoke --help), and in place of a suspended one have a new one issued")
}

func errOwnMatter() error {
	return fault.New(fault.Denied, "own_matter", "this concerns your own certificate: another operator must do it; your own key can be reported by a statement signed with it")
}

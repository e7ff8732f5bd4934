package ca

import (
	"context"
	"time"
)

// pageInput asks for a page of a list.
type pageInput struct {
	After string `query:"after" maxLength:"100" doc:"key of the last one seen"`
	Limit int    `query:"limit" minimum:"0" maximum:"500"`
}

type operatorsOutput struct {
	Body struct {
		Operators []OperatorRecord `json:"operators"`
	}
}

func (a *Authority) handleOperators(ctx context.Context, _ *struct{}) (*operatorsOutput, error) {
	if _, err := a.may(ctx, MayRead); err != nil {
		return nil, err
	}
	out := &operatorsOutput{}
	var err error
	out.Body.Operators, err = a.Operators(ctx)
	return out, err
}

type blockedOutput struct {
	Body struct {
		Keys []Blocked `json:"keys"`
	}
}

func (a *Authority) handleBlocked(ctx context.Context, in *pageInput) (*blockedOutput, error) {
	if _, err := a.may(ctx, MayRead); err != nil {
		return nil, err
	}
	out := &blockedOutput{}
	var err error
	out.Body.Keys, err = a.BlockedKeys(ctx, in.After, in.Limit)
	return out, err
}

// ReconciledEntry is an intent that its caller left behind, over the API.
type ReconciledEntry struct {
	Key     string    `json:"key" doc:"of this one in the list"`
	Serial  string    `json:"serial"`
	Request string    `json:"request"`
	Profile string    `json:"profile" doc:"with its version"`
	Planned time.Time `json:"planned" doc:"when the intent was recorded"`
	TakenUp time.Time `json:"taken_up"`
	Outcome string    `json:"outcome" doc:"finished, voided, or waiting: it is tried again"`
	Why     string    `json:"why,omitempty" doc:"code of the fault for which it was given up"`
}

type reconciledOutput struct {
	Body struct {
		Intents []ReconciledEntry `json:"intents"`
	}
}

func (a *Authority) handleReconciled(ctx context.Context, in *pageInput) (*reconciledOutput, error) {
	if _, err := a.may(ctx, MayRead); err != nil {
		return nil, err
	}
	list, err := a.ReconciledIntents(ctx, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &reconciledOutput{}
	out.Body.Intents = make([]ReconciledEntry, len(list))
	for i, r := range list {
		out.Body.Intents[i] = ReconciledEntry{
			Key: r.Key(), Serial: r.Serial, Request: r.Request, Profile: r.Profile, Planned: r.Planned, TakenUp: r.TakenUp,
			Outcome: r.outcome(), Why: r.Why,
		}
	}
	return out, nil
}

// outcome says in a word what became of the intent.
func (r Reconciled) outcome() string {
	switch r.State {
	case Issued:
		return "finished"
	case Void:
		return "voided"
	}
	return "waiting"
}

type findInput struct {
	Body struct {
		NationalCode string `json:"national_code" maxLength:"40"`
	}
}

type findOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Holder       HolderID `json:"holder" doc:"opaque; the same for all certificates of the person"`
		Certificates []Entry  `json:"certificates"`
	}
}

func (a *Authority) handleFind(ctx context.Context, in *findInput) (*findOutput, error) {
	o, err := a.may(ctx, MayFind)
	if err != nil {
		return nil, err
	}
	holder, list, err := a.FindHolder(ctx, o, in.Body.NationalCode)
	if err != nil {
		return nil, err
	}
	out := &findOutput{CacheControl: "no-store"}
	out.Body.Holder, out.Body.Certificates = holder, entries(list)
	return out, nil
}

// LookupEntry is a look-up over the API.
type LookupEntry struct {
	Key    string    `json:"key" doc:"of this one in the list"`
	By     string    `json:"by"`
	Holder HolderID  `json:"holder"`
	At     time.Time `json:"at"`
}

type lookupsOutput struct {
	Body struct {
		Lookups []LookupEntry `json:"lookups"`
	}
}

func (a *Authority) handleLookups(ctx context.Context, in *pageInput) (*lookupsOutput, error) {
	if _, err := a.may(ctx, MayRead); err != nil {
		return nil, err
	}
	list, err := a.Lookups(ctx, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &lookupsOutput{}
	out.Body.Lookups = make([]LookupEntry, len(list))
	for i, l := range list {
		out.Body.Lookups[i] = LookupEntry{Key: l.Key(), By: l.By, Holder: l.Holder, At: l.At}
	}
	return out, nil
}

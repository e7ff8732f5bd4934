package complaints

import (
	"context"
	"crypto/x509"
	"errors"

	"mohr/ca"
	"mohr/ca/mandate"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/nonce"
	"mohr/internal/store"
)

const (
	// RecordType is the typ of a business's request for its own record, and
	// the type of the statement in it.
	RecordType = "mohr-record-request/1"
	// RecordNonce binds nonces to such requests.
	RecordNonce nonce.Purpose = "complaint-record"
)

// RecordStatement is what a business signs to see its own record. A signature
// certificate cannot open a TLS connection; so it asks by a statement.
type RecordStatement struct {
	signature.Claims
	Business string `json:"business"`
	After    string `json:"after,omitempty"` // complaints are returned from the one after this
}

// Own is what a business alone sees: its record before it is public, and the
// complaints that were served to it.
type Own struct {
	Record     Record      `json:"record"`
	Complaints []Complaint `json:"complaints" doc:"at most a hundred, by id; ask again after the last one"`
	Invitation *Invitation `json:"invitation,omitempty" doc:"to publish the record; nothing where there is none"`
}

func errNotOwner() error {
	return fault.New(fault.Denied, "record_not_yours", "your certificate does not speak for this business")
}

// speaksFor reports as Denied why the certificate may not act for b.
func (d *Desk) speaksFor(tx store.Tx, s ca.Standing, b ca.BusinessID) error {
	if err := s.Fault(); err != nil {
		return err
	}
	_, err := d.speaks(tx, s.Record(), b, s.At())
	if errors.Is(err, mandate.ErrNone) {
		return errNotOwner()
	}
	return err
}

// OwnRecord answers a request that the business signed, a JWS of the type
// RecordType. A request is good once.
func (d *Desk) OwnRecord(ctx context.Context, b ca.BusinessID, raw []byte) (Own, error) {
	in, err := hear(ctx, d, b, raw, RecordType, RecordNonce, func(s RecordStatement) string { return s.Business })
	if err != nil {
		return Own{}, err
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if err := in.signedFor(d, tx, b); err != nil {
			return err
		}
		return in.once.Use(tx)
	})
	if err != nil {
		return Own{}, err
	}
	return d.own(ctx, b, in.Says.After)
}

func (d *Desk) own(ctx context.Context, b ca.BusinessID, after string) (own Own, err error) {
	if own.Record, err = d.Record(ctx, b); err != nil {
		return own, err
	}
	if own.Invitation, err = d.Invitation(ctx, b); err != nil {
		return own, err
	}
	own.Complaints, err = d.Inbox(ctx, b, after)
	return own, err
}

// Visible returns the record to whoever asks, leaf being the TLS client
// certificate or nil: to everybody once it is public, as Public does, before
// that only to the business and to officers. To others it is NotFound, like
// one of a business that is not known here.
func (d *Desk) Visible(ctx context.Context, b ca.BusinessID, leaf *x509.Certificate) (Record, error) {
	r, err := d.Public(ctx, b)
	if !errors.Is(err, fault.NotFound) {
		return r, err
	}
	if err := d.mayPeek(ctx, b, leaf); err != nil {
		return Record{}, err
	}
	return d.Record(ctx, b)
}

// visibleSheet is Visible with all figures of the same instant.
func (d *Desk) visibleSheet(ctx context.Context, b ca.BusinessID, leaf *x509.Certificate) (r Record, s Sheet, err error) {
	r, s, err = d.publicCounts(ctx, b, true)
	if !errors.Is(err, fault.NotFound) {
		return r, s, err
	}
	if err = d.mayPeek(ctx, b, leaf); err == nil {
		r, err = d.Record(ctx, b)
	}
	if err == nil {
		s, err = d.Sheet(ctx, b, r.At)
	}
	return r, s, err
}

// mayPeek is NotFound for all who may not see a record before it is public.
func (d *Desk) mayPeek(ctx context.Context, b ca.BusinessID, leaf *x509.Certificate) error {
	err := d.mayAlwaysSee(ctx, b, leaf)
	if errors.Is(err, fault.Denied) {
		return errNotPublic()
	}
	return err
}

// mayAlwaysSee is Denied for all but the business itself and officers.
func (d *Desk) mayAlwaysSee(ctx context.Context, b ca.BusinessID, leaf *x509.Certificate) error {
	if err := d.officer(ctx, leaf); err == nil || !errors.Is(err, fault.Denied) {
		return err
	}
	return d.owns(ctx, b, leaf)
}

// owns is Denied unless leaf is a good certificate that speaks for b.
func (d *Desk) owns(ctx context.Context, b ca.BusinessID, leaf *x509.Certificate) error {
	if leaf == nil {
		return errNotOwner()
	}
	s, err := d.CA.Standing(ctx, leaf)
	if err != nil {
		return err
	}
	return d.Store.View(ctx, func(tx store.Tx) error { return d.speaksFor(tx, s, b) })
}

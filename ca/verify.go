package ca

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"time"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// Standing is what we know of a presented certificate at one instant. Only
// Authority makes one: who has it need not check the chain again.
type Standing struct {
	record Certificate
	leaf   *x509.Certificate
	at     time.Time
}

// Record returns the certificate's record as it was then.
func (s Standing) Record() Certificate { return s.record }

// Leaf returns the parsed certificate.
func (s Standing) Leaf() *x509.Certificate { return s.leaf }

// At returns the instant.
func (s Standing) At() time.Time { return s.at }

// Good reports whether the certificate was valid and not revoked.
func (s Standing) Good() bool { return s.Fault() == nil }

// RenewNow reports whether the certificate is to be renewed at once, whenever
// its time would come: an incident concerns it.
func (s Standing) RenewNow() bool { return s.record.RenewNow != nil }

// Fault returns nil for a good certificate, else a Denied that says what is
// wrong: certificate_revoked, certificate_suspended, certificate_expired,
// certificate_not_yet_valid.
func (s Standing) Fault() error {
	switch {
	case s.leaf == nil:
		return errForeign()
	case s.record.Revoked != nil:
		return errRevoked(s.record.Revoked.Reason)
	case s.at.Before(s.record.NotBefore):
		return fault.New(fault.Denied, "certificate_not_yet_valid", "this certificate is not valid yet")
	case s.at.After(s.record.NotAfter):
		return fault.New(fault.Denied, "certificate_expired", "this certificate has expired; apply for a new one and use that")
	}
	return nil
}

func errForeign() error {
	return fault.New(fault.Denied, "certificate_foreign", "this certificate was not issued by this service; use one that was")
}

// Standing looks a presented certificate up, now. It is Denied
// (certificate_foreign) unless the bytes are those of a certificate that we
// issued; whether it is still good is for the caller to ask of the result. One
// that another node issued a few seconds from now is looked up as of its
// beginning.
func (a *Authority) Standing(ctx context.Context, leaf *x509.Certificate) (Standing, error) {
	var s Standing
	now := a.now()
	err := a.Store.View(ctx, func(tx store.Tx) (err error) {
		s, err = StandingIn(tx, leaf, now)
		return err
	})
	return s, err
}

// StandingIn is Standing inside a transaction.
func StandingIn(tx store.Tx, leaf *x509.Certificate, now time.Time) (Standing, error) {
	if leaf == nil {
		return Standing{}, errForeign()
	}
	record, err := LoadCertificate(tx, leaf.SerialNumber.Text(16))
	if errors.Is(err, fault.NotFound) {
		return Standing{}, errForeign()
	}
	if err != nil {
		return Standing{}, err
	}
	// The record is the proof: equal bytes carry the signature we made.
	if record.State != Issued || !bytes.Equal(record.DER, leaf.Raw) {
		return Standing{}, errForeign()
	}
	// It is there, so its beginning is over, and a clock by which it is not is
	// behind that of the node that made it.
	if early := record.NotBefore.Sub(now); early > 0 && early <= ClockSkew {
		now = record.NotBefore
	}
	return Standing{record: record, leaf: leaf, at: now}, nil
}

// ClockSkew is how far clocks of two nodes may differ that are both trusted,
// by the limit of internal/clock.
const ClockSkew = 10 * time.Second

// Certificate returns the record of the serial (hex); NotFound if there is none.
func (a *Authority) Certificate(ctx context.Context, serial string) (Certificate, error) {
	c, err := store.Read[Certificate](ctx, a.Store, certBucket, serial)
	return c, known(err)
}

// ByRequest returns the certificate issued, or being issued, for a request
// id; NotFound if there is none.
func (a *Authority) ByRequest(ctx context.Context, request string) (Certificate, error) {
	// A request's serial never changes: the two need no common snapshot.
	serial, err := store.Read[string](ctx, a.Store, requestBucket, request)
	if errors.Is(err, store.ErrNotFound) {
		return Certificate{}, fault.New(fault.NotFound, "certificate_unknown", "there is no certificate for this request")
	}
	if err != nil {
		return Certificate{}, err
	}
	return a.Certificate(ctx, serial)
}

// Requested reports, inside a transaction, whether there is a certificate for
// the request, or one being issued.
func Requested(tx store.Tx, request string) (bool, error) {
	serial, err := store.Load[string](tx, requestBucket, request)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c, err := LoadCertificate(tx, serial)
	return err == nil && c.State != Void, err
}

// Certified reports whether a certificate was ever issued to the business,
// whatever became of it since.
func Certified(tx store.Tx, b BusinessID) (found bool, err error) {
	if b == "" {
		return false, nil
	}
	err = tx.Scan(businessBucket, string(b)+"/", "", func(string, []byte) error {
		found = true
		return store.Stop
	})
	return found, err
}

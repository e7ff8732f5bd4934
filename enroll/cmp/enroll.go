package cmp

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// answerTo is the body that answers each kind of request.
var answerTo = map[kind]kind{ir: ip, cr: cp, p10cr: cp, kur: kup}

// begin takes ir, cr, p10cr and kur. The same message again, or the same key
// in the same transaction, gives the same certificate.
func (d *Desk) begin(ctx context.Context, r request) (reply, error) {
	w, err := r.readWish()
	if err != nil {
		return reply{}, err
	}
	if err := r.checkAddress(w); err != nil {
		return reply{}, err
	}
	csr, err := w.form.Parse(w.der)
	if err != nil {
		return reply{}, err
	}
	now := d.now()
	t := transaction{
		Key: r.transactionKey(), Kind: r.kind, Profile: r.profile, RequestID: w.id, SPKISHA256: csr.SPKISHA256(),
		Nonce: r.nonce, Form: w.form, ConfirmBy: now.Add(confirmWithin), Expires: now.Add(keepFor),
	}
	had, err := d.load(ctx, r)
	switch {
	case errors.Is(err, fault.NotFound):
	case err != nil:
		return reply{}, err
	case had.Kind != t.Kind || had.SPKISHA256 != t.SPKISHA256 || had.RequestID != t.RequestID || had.Profile != t.Profile:
		return reply{}, fault.New(fault.Conflict, "cmp_transaction_in_use", "this transactionID is in use for another request; take a new one")
	case had.State == ended:
		return reply{}, errLapsed()
	}
	return d.obtain(ctx, r, t, w.der)
}

// checkAddress refuses a request that was sent to the address of another
// profile, and a renewal of another certificate than the one that signs.
func (r request) checkAddress(w wish) error {
	profile := r.bearer.Profile()
	if r.kind == kur {
		profile, _, _ = strings.Cut(r.standing.Record().Profile, "@")
		if w.old != nil && w.old.Cmp(r.standing.Leaf().SerialNumber) != 0 {
			return fault.New(fault.Invalid, "cmp_certificate_other", "the certificate to be renewed or revoked is another than the one that signs")
		}
	}
	if profile != r.profile {
		return errProfile()
	}
	return nil
}

// obtain has the certificate of t made, or finds it, or says that somebody has
// to act first.
func (d *Desk) obtain(ctx context.Context, r request, t transaction, der []byte) (reply, error) {
	c, err := d.issue(ctx, r, t, der)
	if fault.Code(err) == "application_unapproved" {
		if err := d.wait(ctx, t, der); err != nil {
			return reply{}, err
		}
		if r.kind == pollReq {
			return reply{kind: pollRep, body: later(t.RequestID)}, nil
		}
		return reply{kind: answerTo[t.Kind], body: response(t.RequestID, nil)}, nil
	}
	if err != nil {
		return reply{}, err
	}
	if t, err = d.answered(ctx, t, c.Request); err != nil {
		return reply{}, err
	}
	if t.State == ended {
		return reply{}, errLapsed()
	}
	issuer, ok := d.CA.Issuer(c.Issuer)
	if !ok {
		return reply{}, fmt.Errorf("chain of %s: no issuer %s here", c.Serial, c.Issuer)
	}
	return reply{kind: answerTo[t.Kind], body: response(t.RequestID, c.DER), certs: issuer.Delivered(c.DER)[1:]}, nil
}

// issue goes to the desk that answers for the request.
func (d *Desk) issue(ctx context.Context, r request, t transaction, der []byte) (ca.Certificate, error) {
	if t.Kind == kur {
		return d.Renewals.RenewCMP(ctx, Renewal{Old: r.standing.Leaf(), Message: r.raw, Form: t.Form, Request: der, Overlap: overlap, Use: t.ask})
	}
	b := r.bearer.And(func(tx store.Tx, _ ca.CSR) error { return t.ask(tx, r.bearer.Application()) })
	i, err := d.Applications.SubmitBy(ctx, b, t.Form, der)
	return i.Certificate, err
}

// poll takes pollReq: the request is handed in again.
func (d *Desk) poll(ctx context.Context, r request) (reply, error) {
	id, err := r.readPoll()
	if err != nil {
		return reply{}, err
	}
	t, err := d.ongoing(ctx, r, id)
	if err != nil {
		return reply{}, err
	}
	if t.State != waiting {
		return reply{}, fault.New(fault.Conflict, "cmp_not_waiting", "nothing waits in this transaction")
	}
	der, err := d.Seal.Open(transactionBucket, t.Key, "request", t.Request)
	if err != nil {
		return reply{}, err
	}
	t.Nonce, t.ConfirmBy = r.nonce, d.now().Add(confirmWithin)
	return d.obtain(ctx, r, t, der)
}

// confirm takes certConf (RFC 9810 section 5.3.18): a certificate that is
// rejected is revoked at once.
func (d *Desk) confirm(ctx context.Context, r request) (reply, error) {
	said, err := r.readConfirmation()
	if err != nil {
		return reply{}, err
	}
	t, err := d.load(ctx, r)
	if err != nil {
		return reply{}, err
	}
	id := t.RequestID
	if said != nil {
		id = said.id
	}
	if t, err = d.ongoing(ctx, r, id); err != nil {
		return reply{}, err
	}
	c, err := d.CA.ByRequest(ctx, t.Order)
	if err != nil || c.State != ca.Issued {
		return reply{}, errors.Join(err, fault.New(fault.Conflict, "cmp_nothing_to_confirm", "there is no certificate to confirm in this transaction yet"))
	}
	good := said != nil && !said.rejected
	if said != nil {
		if err := said.names(c.DER); err != nil {
			return reply{}, err
		}
	}
	now := d.now()
	if err := d.Store.Update(ctx, func(tx store.Tx) error { return settle(tx, t, c.Serial, good, "holder:cmp", now) }); err != nil {
		return reply{}, err
	}
	return reply{kind: pkiConf, body: confirmed}, nil
}

// names refuses a confirmation of another certificate. The hash is that of the
// certificate's signature.
func (c confirmation) names(der []byte) error {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("certificate to confirm: %w", err)
	}
	hash := crypto.SHA256
	if cert.SignatureAlgorithm == x509.ECDSAWithSHA384 {
		hash = crypto.SHA384
	}
	h := hash.New()
	h.Write(der)
	if string(h.Sum(nil)) != string(c.hash) {
		return fault.New(fault.Invalid, "cmp_certificate_other", "the hash is not that of the certificate in this transaction")
	}
	return nil
}

// revoke takes rr: a certificate is revoked by its own key.
func (d *Desk) revoke(ctx context.Context, r request) (reply, error) {
	serial, code, err := r.readRevocation()
	if err != nil {
		return reply{}, err
	}
	own := r.standing.Record()
	reason, known := ca.ReasonOf(code)
	profile, _, _ := strings.Cut(own.Profile, "@")
	switch {
	case serial.Cmp(r.standing.Leaf().SerialNumber) != 0:
		return reply{}, fault.New(fault.Invalid, "cmp_certificate_other", "the certificate to be renewed or revoked is another than the one that signs")
	case profile != r.profile:
		return reply{}, errProfile()
	case own.OfService():
		return reply{}, fault.New(fault.Denied, "cmp_of_service", "this certificate is an operator's or the service's own; it is revoked by a plan that two persons approve")
	case !known || reason == ca.PrivilegeWithdrawn:
		return reply{}, fault.New(fault.Invalid, "revocation_reason", "a holder may give unspecified, keyCompromise, affiliationChanged, superseded or cessationOfOperation")
	case own.Ended() || r.standing.At().After(own.NotAfter):
		return reply{}, r.standing.Fault()
	}
	if err := d.CA.Revoke(ctx, own.Serial, reason, "holder:cmp"); err != nil {
		return reply{}, err
	}
	return reply{kind: rp, body: revoked}, nil
}

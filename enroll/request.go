package enroll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// csrField names the certification request among what is sealed of an application.
const csrField = "csr"

// Issuance is what a certification request comes to.
type Issuance struct {
	Application Application
	Certificate ca.Certificate
	Chain       []byte // PEM: the certificate and its issuing CA
	Revocation  string // code that revokes the certificate; "" once its time is over
}

// Submit binds the key of a PKCS #10 request to an approved application and
// issues. Handing the request in is the agreement to the terms consented to,
// for this key. The same key again gives the same certificate; another key,
// once issuing has begun, is a Conflict.
func (d *Desk) Submit(ctx context.Context, id, token string, request []byte) (Issuance, error) {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return Issuance{}, err
	}
	return d.submitAs(ctx, a, handedIn{form: ca.PKCS10, request: request, use: func(store.Tx, ca.CSR) error { return nil }})
}

// handedIn is a certification request on its way into an application.
type handedIn struct {
	form    ca.RequestFormat
	request []byte // as received
	csr     ca.CSR // read from it by submitAs
	// use takes part in the transaction that records the intent; its error
	// refuses the order.
	use func(store.Tx, ca.CSR) error
}

// submitAs is Submit for who may.
func (d *Desk) submitAs(ctx context.Context, a Application, in handedIn) (i Issuance, err error) {
	if in.csr, err = in.form.Parse(in.request); err != nil {
		return Issuance{}, err
	}
	for {
		i, err := d.submit(ctx, a, in)
		if !overtaken(err) {
			return i, err
		}
		now, loadErr := d.load(ctx, a.ID)
		if loadErr != nil || now.Version == a.Version {
			return i, errors.Join(err, loadErr)
		}
		a = now
	}
}

// overtaken reports whether another request for the same application was
// faster, with whatever key: its stage says what to answer.
func overtaken(err error) bool {
	return errors.Is(err, errMoved) || fault.Code(err) == "request_other_key"
}

// submit is one try to issue for the application as it was read; errMoved if
// somebody else saved it meanwhile. That the key is bound and that issuing has
// begun is saved in the transaction that records the intent: an application
// is at issuing only if the CA has its order.
func (d *Desk) submit(ctx context.Context, a Application, in handedIn) (Issuance, error) {
	s := newStep(a, d.now())
	if a.overdue(s.now) {
		_, err := d.changeFrom(ctx, a, func(*step) error { return errUnchanged })
		return Issuance{}, err
	}
	if err := d.stampable(ctx, a); err != nil {
		return Issuance{}, err
	}
	decision, refusal, err := d.bind(s, in)
	switch {
	case errors.Is(err, errUnchanged):
		return d.finish(ctx, a, in.csr)
	case err != nil:
		return Issuance{}, err
	case refusal != nil:
		_, err = d.save(ctx, s)
		return Issuance{}, errors.Join(err, refusal)
	}
	s.with(func(tx store.Tx) error { return in.use(tx, in.csr) })
	return d.order(ctx, s.saved(), in.csr, decision, s.write)
}

// bind moves an approved application to issuing, for one key, and returns the
// decision that orders. The approval is judged again: an application whose
// evidence no longer carries it, or was tampered with, goes back to collecting
// and refusal says so. For one that is at issuing or issued with the same key
// it changes nothing, and the decision is the zero one.
func (d *Desk) bind(s *step, in handedIn) (decision evidence.Decision, refusal, err error) {
	if err := s.takes(in.csr); err != nil {
		return decision, nil, err
	}
	if decision, err = d.judge(s.Application, s.now); err != nil {
		return decision, nil, err
	}
	if decision.Outcome() != evidence.Approved {
		s.Stage, s.Decision = Collecting, nil
		s.note("approval_void", decision.PolicyVersion())
		return decision, errUnproven(), d.settle(s)
	}
	s.Decision = verdictOf(decision)
	kept, err := d.Seal.Seal(applicationBucket, s.ID, csrField, in.request)
	if err != nil {
		return decision, nil, err
	}
	s.Key = &Key{SPKISHA256: in.csr.SPKISHA256(), Form: in.form, CSR: kept, At: s.now}
	if s.Agreement, err = d.agreement(s.Application, s.now); err != nil {
		return decision, nil, err
	}
	for _, to := range []Stage{KeyBound, Agreed, Issuing} {
		if err := s.move(to, string(to), s.Key.SPKISHA256); err != nil {
			return decision, nil, err
		}
	}
	s.todo(workIssue)
	return decision, nil, nil
}

// takes refuses a key that the stage has no room for, or that is not the
// announced one; errUnchanged if it is bound already.
func (s *step) takes(csr ca.CSR) error {
	switch s.Stage {
	case Issuing, Issued:
		if s.Key == nil || s.Key.SPKISHA256 != csr.SPKISHA256() {
			return fault.New(fault.Conflict, "application_other_key", "this application was completed with another key; start a new one for this key")
		}
		return errUnchanged
	case Created, Consented, Collecting, Waiting, Evaluated, Review:
		return errUnproven()
	}
	if err := s.in(Approved); err != nil {
		return err
	}
	if want := s.Application.Consent.SPKISHA256; want != "" && want != csr.SPKISHA256() {
		return errNotAnnounced()
	}
	return nil
}

// agreement is the applicant's agreement, as canonical JSON (RFC 8785), by its hash.
func (d *Desk) agreement(a Application, now time.Time) (*Agreement, error) {
	b, err := canonical(struct {
		Type        string `json:"type"`
		Audience    string `json:"aud"`
		Application string `json:"application"`
		Terms       string `json:"terms_version"`
		SPKI        string `json:"spki_sha256"`
		At          string `json:"at"`
	}{"mohr-agreement/1", d.Audience, a.ID, a.Consent.TermsVersion, a.Key.SPKISHA256, now.Format(time.RFC3339)})
	if err != nil {
		return nil, fmt.Errorf("agreement: %w", err)
	}
	return &Agreement{At: now, TermsVersion: a.Consent.TermsVersion, SHA256: hexHash(b)}, nil
}

// canonical returns v as canonical JSON (RFC 8785).
func canonical(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode JSON: %w", err)
	}
	c := jsontext.Value(b)
	if err := c.Canonicalize(); err != nil {
		return nil, fmt.Errorf("canonicalise JSON: %w", err)
	}
	return c, nil
}

// finish brings an application at issuing to its certificate, or finds the
// one it has. The CA keeps one certificate a request, so it may run again.
// The evidence is judged anew.
func (d *Desk) finish(ctx context.Context, a Application, csr ca.CSR) (Issuance, error) {
	if a.Stage == Issued {
		c, err := d.CA.Certificate(ctx, a.Serial)
		if err != nil {
			return Issuance{}, err
		}
		return d.issuance(a, c)
	}
	decision, err := d.judge(a, d.now())
	if err != nil {
		return Issuance{}, err
	}
	return d.order(ctx, a, csr, decision, guard(a))
}

// order has the certificate issued. before runs in the transaction that
// records the intent; the application becomes issued in the one that records
// the certificate, or after it, if another call recorded that.
func (d *Desk) order(ctx context.Context, a Application, csr ca.CSR, decision evidence.Decision, before func(store.Tx) error) (Issuance, error) {
	attested, err := d.attested(ctx, a)
	if err != nil {
		return Issuance{}, d.refused(ctx, a, err)
	}
	recorded, delivered := d.delivery(a)
	c, err := d.CA.Issue(ctx, ca.Order{
		Request: a.ID, Decision: decision, CSR: csr, Attested: attested, Guard: d.standing(decision, before), Recorded: recorded, Papers: d.papers(a),
		Anew:  func() { *delivered = Application{} },
		Reads: []store.Key{{Bucket: applicationBucket, Key: a.ID}},
	})
	if overtaken(err) {
		return Issuance{}, err
	}
	if err != nil {
		return Issuance{}, d.refused(ctx, a, err)
	}
	if delivered.Stage == Issued {
		return d.issuance(*delivered, c)
	}
	if a, err = d.load(ctx, a.ID); err != nil {
		return Issuance{}, err
	}
	if a, err = d.deliver(ctx, a, c); err != nil {
		return Issuance{}, err
	}
	return d.issuance(a, c)
}

// guard refuses the order, in the transaction that records the intent, if the
// application is no longer what it was ordered for.
func guard(a Application) func(store.Tx) error {
	return func(tx store.Tx) error {
		now, err := loadVersion(tx, a.ID)
		if err != nil {
			return err
		}
		if now != a.Version || a.Stage != Issuing {
			return fault.New(fault.Conflict, "application_moved", "the application changed while the certificate was ordered; look at its state and try again")
		}
		return nil
	}
}

// refused deals with an order that brought no certificate and returns what
// the caller is told. If the CA has signed nothing and never will for this
// key, the key is unbound and another may be handed in while the approval
// stands; if it may have signed, or is out of reach, the application stays at
// issuing and Resume asks again.
func (d *Desk) refused(ctx context.Context, a Application, cause error) error {
	c, err := d.CA.ByRequest(ctx, a.ID)
	nothing := errors.Is(err, fault.NotFound)
	if err != nil && !nothing {
		return errors.Join(cause, err)
	}
	final := errors.Is(cause, fault.Invalid) || errors.Is(cause, fault.Denied) || errors.Is(cause, fault.Conflict)
	_, moveErr := d.change(ctx, a.ID, func(s *step) error {
		switch {
		case s.Stage == Approved && nothing && final:
			s.note("key_refused", fault.Code(cause))
			return nil
		case s.Stage != Issuing || s.Version != a.Version:
			return errUnchanged
		case !nothing && c.State == ca.Void, nothing && s.now.After(s.Deadline):
			s.done(workIssue)
			return s.move(Expired, "expired", "")
		case nothing && final:
			s.done(workIssue)
			s.Key, s.Agreement = nil, nil
			return s.move(Approved, "key_refused", fault.Code(cause))
		}
		return errUnchanged
	})
	return errors.Join(cause, moveErr)
}

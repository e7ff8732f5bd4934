package ca

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Papers are what an order about a person rests on, for a node that signs for
// others and believes none of it (docs/decisions/0145).
type Papers struct {
	Form    RequestFormat     `json:"form,omitempty"`
	CSR     []byte            `json:"csr"` // as received
	Records []evidence.Record `json:"records"`
	Answers [][]byte          `json:"answers"` // one for each record, as received; empty where nothing is kept
	// Of a renewal by a statement: CMS by the old key, and what it is over.
	Statement []byte `json:"statement,omitempty"`
	Document  []byte `json:"document,omitempty"`
}

// Use is a proof that an order uses up.
type Use struct {
	Mark  string // names it: hex SHA-256 of what was signed
	Twice bool   // it may serve one more request: the policy takes it from an earlier application
}

// Apart says how the work of issuing is divided among nodes. The zero value is
// a node that has the keys and signs what it decides itself.
type Apart struct {
	// Elsewhere has the recorded intent of the serial signed by a node that has
	// the keys, and returns the certificate. It may be asked again for the
	// same one. Only with Keyless.
	Elsewhere func(ctx context.Context, serial string, p Papers) (der []byte, err error)
	// Judge decides again what the intent of c was recorded for, by the papers and
	// by what this node knows itself. Where it is set nothing is signed that
	// this node did not decide.
	Judge func(ctx context.Context, c Certificate, p Papers) (Order, []Use, error)
	// Signed remembers what a node with Judge has signed. No other part of the
	// service writes to it.
	Signed store.Store
	// Seal keeps papers in intents; needed with Elsewhere and with Judge.
	Seal *seal.Box
}

// faults says what is wrong, for Config.Validate.
func (p Apart) faults(keyless bool) (wrong []string) {
	if p.Elsewhere != nil && !keyless {
		wrong = append(wrong, "a node that has the keys asks no other to sign")
	}
	if p.Judge != nil && (keyless || p.Signed == nil) {
		wrong = append(wrong, "who signs for others needs the keys and a store of what was signed")
	}
	if (p.Elsewhere != nil || p.Judge != nil) && p.Seal == nil {
		wrong = append(wrong, "there is nothing to seal papers with")
	}
	return wrong
}

// Buckets of Apart.Signed.
const (
	signedBucket    = "ca_signed"          // serial -> signedOnce
	signedForBucket = "ca_signed_requests" // request -> serial
	usedBucket      = "ca_signed_evidence" // mark -> requests that it served
)

// signedOnce is what a node that signs for others remembers of a signature.
type signedOnce struct {
	Request string `json:"request"`
	TBS     string `json:"tbs_sha256"`
	DER     []byte `json:"der,omitempty"` // empty: the signature was begun
}

func errElsewhere() error {
	return fault.New(fault.Unavailable, "issuer_elsewhere", "this node has no issuing key and issues nothing of this kind; send the request to a node that has the keys")
}

// packed seals the papers of an order where an intent has to keep them.
func (a *Authority) packed(ctx context.Context, o Order, serial string, person bool) (*seal.Sealed, error) {
	switch {
	case a.Elsewhere == nil && a.Judge == nil, !person:
		return nil, nil
	case o.Papers == nil:
		return nil, fmt.Errorf("order %s: no papers, without which nothing is signed apart", o.Request)
	}
	p, err := o.Papers(ctx)
	if err != nil {
		return nil, fmt.Errorf("papers of %s: %w", o.Request, err)
	}
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("papers of %s: %w", o.Request, err)
	}
	s, err := a.Seal.Seal(pendingBucket, serial, "papers", b)
	return &s, err
}

func (a *Authority) papers(in intent) (p Papers, err error) {
	if in.Papers == nil {
		return p, fmt.Errorf("the intent has no papers")
	}
	b, err := a.Seal.Open(pendingBucket, in.Certificate.Serial, "papers", *in.Papers)
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(b, &p)
}

// signature has the linted bytes of an intent signed: here, or where the keys
// are. o is the order behind it, if there is one at hand.
func (a *Authority) signature(ctx context.Context, i *issuer, in intent, leave linted, o Order) ([]byte, error) {
	switch {
	case a.Elsewhere != nil:
		return a.fetched(ctx, i, in, leave)
	case a.Keyless:
		return nil, errElsewhere()
	case a.Judge == nil:
		return i.sign(leave)
	case in.Papers == nil:
		// A certificate of the service itself: this node's own order says what
		// it is, and no intent that somebody has written into the store.
		if o.Service.Profile == "" {
			return nil, errors.New("this node has not ordered it")
		}
		o.Request = in.Certificate.Request
		return a.signAgain(ctx, in, o, nil)
	}
	p, err := a.papers(in)
	if err != nil {
		return nil, err
	}
	return a.signJudged(ctx, in, p)
}

// fetched has the node with the keys sign, and takes nothing from it but the
// signature on the bytes that were linted here.
func (a *Authority) fetched(ctx context.Context, i *issuer, in intent, leave linted) ([]byte, error) {
	p, err := a.papers(in)
	if err != nil {
		return nil, err
	}
	if err := leave.spend(i.ID); err != nil {
		return nil, err
	}
	der, err := a.Elsewhere(ctx, in.Certificate.Serial, p)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("the certificate from the node with the keys: %w", err)
	}
	if !bytes.Equal(cert.RawTBSCertificate, leave.tbs) {
		return nil, errors.New("the node with the keys has signed something else")
	}
	return der, i.Certificate.CheckSignature(i.algorithm(), leave.tbs, cert.Signature)
}

// SignFor signs the recorded intent of a serial for a node that has no key, if
// this node decides by the papers and on its own what the intent says, octet by
// octet. Repeating it gives the same certificate. Refusals are Denied,
// Conflict or NotFound; nothing is recorded in the service's store: that is
// the caller's to do.
func (a *Authority) SignFor(ctx context.Context, serial string, p Papers) ([]byte, error) {
	if a.Judge == nil {
		return nil, errElsewhere()
	}
	var in intent
	var done Certificate
	err := a.Store.View(ctx, func(tx store.Tx) (err error) {
		if done, err = LoadCertificate(tx, serial); err != nil || done.State != Pending {
			return err
		}
		in, err = store.Load[intent](tx, pendingBucket, serial)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case done.State == Issued:
		return done.DER, nil // another call was faster
	case done.State == Void:
		return nil, errRequestVoid()
	case in.Certificate.Serial != serial:
		return nil, errDiffers("serial")
	}
	return a.signJudged(ctx, in, p)
}

// signJudged signs an intent about a person.
func (a *Authority) signJudged(ctx context.Context, in intent, p Papers) ([]byte, error) {
	o, used, err := a.Judge(ctx, in.Certificate, p)
	if err != nil {
		return nil, err
	}
	if o.Service.Profile != "" {
		return nil, errUnapproved()
	}
	o.Request = in.Certificate.Request
	return a.signAgain(ctx, in, o, used)
}

// signAgain builds the intent's certificate from an order of this node's own
// and signs it if nothing differs.
func (a *Authority) signAgain(ctx context.Context, in intent, o Order, used []Use) ([]byte, error) {
	i, leave, err := a.rebuild(ctx, o, in)
	if err != nil {
		return nil, err
	}
	once := signedOnce{Request: o.Request, TBS: leave.hash()}
	if der, err := a.mark(ctx, in.Certificate.Serial, once, used); err != nil || der != nil {
		return der, err
	}
	if once.DER, err = i.sign(leave); err != nil {
		return nil, err
	}
	return once.DER, a.Signed.Update(ctx, func(tx store.Tx) error { return store.Save(tx, signedBucket, in.Certificate.Serial, once) })
}

// rebuild is steps 1 to 3 of issuing, with serial, time and shard from the
// intent: what it gives is the intent's to the octet or nothing.
func (a *Authority) rebuild(ctx context.Context, o Order, in intent) (*issuer, linted, error) {
	if err := a.Clock(); err != nil {
		return nil, linted{}, err
	}
	p, i, err := a.check(o)
	if err != nil {
		return nil, linted{}, err
	}
	serial, err := a.mayBecome(ctx, p, i, in.Certificate)
	if err != nil {
		return nil, linted{}, err
	}
	t, err := a.template(p, i, o, serial, in.Certificate.Shard, in.Certificate.NotBefore.UTC())
	if err != nil {
		return nil, linted{}, err
	}
	leave, err := a.prepare(p, i, t)
	if err != nil {
		return nil, linted{}, err
	}
	if !bytes.Equal(leave.tbs, in.TBS) {
		return nil, linted{}, errDiffers("certificate")
	}
	return i, leave, nil
}

// mayBecome checks what an intent chooses itself: issuer, serial, time, shard.
func (a *Authority) mayBecome(ctx context.Context, p profile, i *issuer, c Certificate) (*big.Int, error) {
	serial, ok := new(big.Int).SetString(c.Serial, 16)
	now := a.now()
	switch {
	case c.Issuer != i.ID:
		return nil, errDiffers("issuer")
	case !ok || len(serial.Bytes()) != 1+serialRandom || serial.Sign() < 0 || SerialText(serial) != c.Serial:
		return nil, errDiffers("serial")
	case c.NotBefore.After(now.Add(ClockSkew)) || now.Sub(c.NotBefore) > sweepGiveUp || !c.NotBefore.Equal(c.NotBefore.Truncate(time.Second)):
		return nil, errDiffers("time")
	}
	if !p.listed() {
		if c.Shard != NoShard {
			return nil, errDiffers("shard")
		}
		return serial, nil
	}
	return serial, a.Store.View(ctx, func(tx store.Tx) error {
		count, err := Shards(tx, i.ID)
		if err == nil && (c.Shard < 0 || c.Shard >= count) {
			err = errDiffers("shard")
		}
		return err
	})
}

func errDiffers(what string) error {
	return fault.New(fault.Denied, "intent_differs", "the evidence does not come to the certificate that was recorded (%[1]s); nothing is signed", what)
}

// mark records, before the signature, that the serial is signed for one
// request, and what that used up. It returns the certificate if there is one.
func (a *Authority) mark(ctx context.Context, serial string, once signedOnce, used []Use) (der []byte, err error) {
	err = a.Signed.Update(ctx, func(tx store.Tx) error {
		had, err := store.Load[signedOnce](tx, signedBucket, serial)
		switch {
		case err == nil && (had.TBS != once.TBS || had.Request != once.Request):
			return errSignedOther()
		case err == nil:
			der = had.DER
			return nil
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		if taken, err := store.Has(tx, signedForBucket, once.Request); err != nil || taken {
			return errors.Join(err, errSignedOther())
		}
		for _, u := range used {
			if err := u.take(tx, once.Request); err != nil {
				return err
			}
		}
		return errors.Join(store.Save(tx, signedForBucket, once.Request, serial), store.Save(tx, signedBucket, serial, once))
	})
	return der, err
}

func errSignedOther() error {
	return fault.New(fault.Denied, "request_signed", "another certificate has been signed for this request or under this serial number; nothing more is signed for it")
}

// take lets a proof serve the request, for which it was not taken before.
func (u Use) take(tx store.Tx, request string) error {
	by, err := store.Load[[]string](tx, usedBucket, u.Mark)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	room := 1
	if u.Twice {
		room = 2
	}
	if len(by) >= room {
		return fault.New(fault.Denied, "evidence_used", "this evidence has served another request; begin anew and give it again")
	}
	return store.Save(tx, usedBucket, u.Mark, append(by, request))
}

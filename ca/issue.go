package ca

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"mohr/ca/evidence"
	"mohr/hsm/attest"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/seal"
	"mohr/internal/store"
	"mohr/internal/trace"
)

// Order is all that a certificate will say, and why.
type Order struct {
	// Request names what the order rests on: an application, a signed
	// statement. The same request never yields two certificates.
	Request string
	// Decision is the approval for a person's certificate; a service's
	// certificate has none.
	Decision evidence.Decision
	// Service names a certificate of the service itself; zero for a person's.
	Service Service
	// CSR gives the public key.
	CSR CSR
	// Attested is the same key, as a device vouched for it: needed where the
	// decision is for a key that lives in one, and for no other.
	Attested attest.Key
	// Replaces is the serial (hex) of the certificate this one renews, or "".
	Replaces string
	// Overlap is how long the replaced certificate lives on; zero revokes it
	// (superseded) in the transaction that records the new one.
	Overlap time.Duration
	// Guard runs in the transaction that records the intent, before anything
	// is signed; its error refuses the order. It uses up nonces and checks
	// the room's own state. nil: nothing to do.
	Guard func(store.Tx) error
	// Reads are what Guard and Recorded are going to read, to be asked for with
	// the rest (store.Ahead). nil does no harm.
	Reads []store.Key
	// Recorded runs in the transaction that records the certificate, with the
	// certificate: what the room writes of it costs no transaction of its own.
	// It does not run where the certificate is recorded by another call, the
	// sweep after a crash for one, so the room must be able to catch up. Its
	// error fails the recording, and the intent stays. nil: nothing to do.
	Recorded func(store.Tx, Certificate) error
	// Anew runs before each try of that transaction, whether or not Recorded
	// then does: what Recorded left elsewhere in a try that was undone is to be
	// forgotten. nil: nothing to do.
	Anew func()
	// Papers gives what the decision rests on; it is asked for only where a node
	// signs for others (Apart).
	Papers func(context.Context) (Papers, error)
}

// Service is the subject of a certificate that is no person's.
type Service struct {
	Profile    string // one of the service profiles
	CommonName string
	Business   BusinessID // of a server: whose it is; else ""
	Issuer     IssuerID   // of OCSP responders: the CA they answer for; else ""
	DNSNames   []string
	IPs        []string
}

// intent is the write-ahead record of a signature.
type intent struct {
	Certificate Certificate   `json:"certificate"`
	TBS         []byte        `json:"tbs"`
	TBSSHA256   string        `json:"tbs_sha256"`
	Algorithm   []byte        `json:"algorithm"`
	Overlap     time.Duration `json:"overlap"`
	At          time.Time     `json:"at"`
	Papers      *seal.Sealed  `json:"papers,omitempty"` // as JSON; where another node signs
}

// decisionLife is how old a decision may be when it orders a certificate.
const decisionLife = 10 * time.Minute

// Issue checks the order, records the intent, signs, and records the
// certificate, in this order. Repeating a request returns the certificate it
// yielded the first time; where a crash left an intent, the same bytes are
// signed now. Refusals are faults; a signing key out of reach is Unavailable
// and the intent stays for the next try.
func (a *Authority) Issue(ctx context.Context, o Order) (_ Certificate, err error) {
	ctx, end := trace.Begin(ctx, "issue")
	defer func() { end(err) }()
	in, done, err := a.existing(ctx, o)
	if err != nil || done.State == Issued {
		return done, err
	}
	if in != nil {
		return a.resume(ctx, *in, o)
	}
	in, leave, err := a.plan(ctx, o)
	if err != nil {
		return Certificate{}, err
	}
	before, done, err := a.writeAhead(ctx, o, in)
	switch {
	case err != nil || done.State == Issued:
		return done, err
	case before != nil:
		return a.resume(ctx, *before, o)
	}
	return a.finish(ctx, a.issuers[in.Certificate.Issuer], *in, leave, o)
}

// existing looks for what the request yielded before: a certificate, an
// intent to finish, or nothing. Another key under the same request is a
// Conflict: the request was for the key it came with.
func (a *Authority) existing(ctx context.Context, o Order) (in *intent, c Certificate, err error) {
	// Mostly there is nothing, and that is all there is to read.
	if _, err := store.Read[string](ctx, a.Store, requestBucket, o.Request); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return nil, Certificate{}, err
	}
	err = a.Store.View(ctx, func(tx store.Tx) error {
		in, c, err = existingIn(tx, o)
		return err
	})
	return in, c, err
}

func existingIn(tx store.Tx, o Order) (*intent, Certificate, error) {
	serial, err := store.Load[string](tx, requestBucket, o.Request)
	if errors.Is(err, store.ErrNotFound) {
		return nil, Certificate{}, nil
	}
	if err != nil {
		return nil, Certificate{}, err
	}
	c, err := LoadCertificate(tx, serial)
	if err != nil {
		return nil, c, err
	}
	switch {
	case c.SPKISHA256 != o.CSR.SPKISHA256():
		return nil, Certificate{}, fault.New(fault.Conflict, "request_other_key", "this request has been used with another key; begin a new one for this key")
	case c.State == Void:
		return nil, Certificate{}, errRequestVoid()
	case c.State == Issued:
		return nil, c, nil
	}
	in, err := store.Load[intent](tx, pendingBucket, serial)
	if err != nil {
		return nil, Certificate{}, err
	}
	return &in, c, nil
}

// plan does steps 1 to 3: check, build, lint.
func (a *Authority) plan(ctx context.Context, o Order) (*intent, linted, error) {
	if a.Keyless && a.Elsewhere == nil {
		return nil, linted{}, errElsewhere()
	}
	if err := a.Clock(); err != nil {
		return nil, linted{}, err
	}
	p, i, err := a.check(o)
	if err != nil {
		return nil, linted{}, err
	}
	if a.Keyless && !p.of.decided() {
		return nil, linted{}, errElsewhere() // certificates of the service itself are made where the keys are
	}
	shard := NoShard
	if p.listed() {
		if shard, err = a.slot(ctx, i.ID); err != nil {
			return nil, linted{}, err
		}
	}
	now := a.now()
	t, err := a.template(p, i, o, newSerial(a.Prefix), shard, now)
	if err != nil {
		return nil, linted{}, fmt.Errorf("order %s: %w", o.Request, err)
	}
	leave, err := a.prepare(p, i, t)
	if err != nil {
		return nil, linted{}, fmt.Errorf("order %s: %w", o.Request, err)
	}
	in := &intent{Certificate: a.record(p, i, o, t, shard), TBS: leave.tbs, TBSSHA256: leave.hash(), Algorithm: leave.algorithm, Overlap: o.Overlap, At: now}
	in.Papers, err = a.packed(ctx, o, in.Certificate.Serial, p.of.decided())
	return in, leave, err
}

// writeAhead is step 4: it records the intent after all that must hold in the
// same transaction held. Where another caller was faster with the same
// request, its intent or certificate comes back and nothing is written.
func (a *Authority) writeAhead(ctx context.Context, o Order, in *intent) (before *intent, done Certificate, err error) {
	err = a.Store.Update(ctx, func(tx store.Tx) error {
		o.ahead(tx, in.Certificate, store.Key{Bucket: requestBucket, Key: o.Request}, store.Key{Bucket: lockBucket, Key: string(in.Certificate.Holder)})
		before, done, err = existingIn(tx, o)
		if err != nil || before != nil || done.State == Issued {
			return err
		}
		if o.Guard != nil {
			if err := o.Guard(tx); err != nil {
				return err
			}
		}
		if err := unlocked(tx, in.Certificate.Holder, in.At); err != nil {
			return err
		}
		write := *in
		c := &write.Certificate
		if taken, err := store.Has(tx, certBucket, c.Serial); err != nil || taken {
			return errors.Join(err, errSerialTaken)
		}
		if err := claimKey(tx, *c); err != nil {
			return err
		}
		if err := linkReplaced(tx, c); err != nil {
			return err
		}
		if err := store.Save(tx, requestBucket, o.Request, c.Serial); err != nil {
			return err
		}
		if err := saveCertificate(tx, *c); err != nil {
			return err
		}
		return store.Save(tx, pendingBucket, c.Serial, write)
	})
	return before, done, err
}

// errSerialTaken is for a serial that another certificate has: by chance never
// (serialRandom), but nobody's record is written over on that ground.
var errSerialTaken = errors.New("ca: the serial is taken")

// resume takes up an intent that was recorded before: the bytes are linted
// again, under the profile's current rules, and must be those recorded.
func (a *Authority) resume(ctx context.Context, in intent, o Order) (Certificate, error) {
	serial := in.Certificate.Serial
	p, err := profileOf(profileName(in.Certificate.Profile))
	if err != nil {
		return Certificate{}, fmt.Errorf("resume %s: %w", serial, err)
	}
	i, ok := a.issuers[in.Certificate.Issuer]
	if !ok {
		return Certificate{}, fmt.Errorf("resume %s: issuer %s is not here", serial, in.Certificate.Issuer)
	}
	leave, err := a.relint(p, i, in.TBS, in.Algorithm)
	if err != nil {
		return Certificate{}, fmt.Errorf("resume %s: %w", serial, err)
	}
	if leave.hash() != in.TBSSHA256 {
		return Certificate{}, fmt.Errorf("resume %s: the intent's bytes have changed", serial)
	}
	return a.finish(ctx, i, in, leave, o)
}

// finish does steps 5 and 6: sign the recorded bytes, record the certificate.
func (a *Authority) finish(ctx context.Context, i *issuer, in intent, leave linted, o Order) (c Certificate, err error) {
	if err := a.Clock(); err != nil {
		return Certificate{}, fmt.Errorf("finish %s: %w", in.Certificate.Serial, err)
	}
	signing, signed := trace.Begin(ctx, "sign", trace.Profile(in.Certificate.Profile))
	der, err := a.signature(signing, i, in, leave, o)
	signed(err)
	if err != nil {
		return Certificate{}, fmt.Errorf("finish %s: %w", in.Certificate.Serial, err)
	}
	now := a.now()
	var why error
	err = a.Store.Update(ctx, func(tx store.Tx) (err error) {
		if o.Anew != nil {
			o.Anew()
		}
		o.ahead(tx, in.Certificate)
		c, why, err = settle(tx, in, der, now, o.Recorded)
		return err
	})
	if err != nil {
		return Certificate{}, fmt.Errorf("record %s: %w", in.Certificate.Serial, err)
	}
	if why != nil {
		a.Log.Warn("certificate given up before it was recorded", "serial", in.Certificate.Serial, "code", fault.Code(why))
		return Certificate{}, fmt.Errorf("record %s: %w: %w", in.Certificate.Serial, errGivenUp, why)
	}
	a.Log.Info("certificate issued", "serial", c.Serial, "profile", c.Profile, "request", c.Request)
	return c, nil
}

// errGivenUp goes with the reason why an intent was made void when it was
// about to become a certificate.
var errGivenUp = errors.New("ca: given up")

// settle is step 6, in one transaction: what the order rested on is looked at
// a last time and the certificate is recorded, or the intent is made void and
// why says for what reason. Where another caller was faster, its certificate
// is the one.
func settle(tx store.Tx, in intent, der []byte, now time.Time, recorded func(store.Tx, Certificate) error) (c Certificate, why, err error) {
	if c, err = LoadCertificate(tx, in.Certificate.Serial); err != nil {
		return c, nil, err
	}
	switch c.State {
	case Issued:
		return c, nil, nil
	case Void:
		return Certificate{}, nil, errRequestVoid()
	}
	if why, err = lapsed(tx, c, now); err != nil {
		return Certificate{}, nil, err
	}
	if why != nil {
		return Certificate{}, why, voidPending(tx, c, now)
	}
	c, err = recordIssued(tx, c, in, der, now)
	if err == nil && recorded != nil {
		err = recorded(tx, c)
	}
	return c, nil, err
}

// recordIssued makes the pending c a certificate.
func recordIssued(tx store.Tx, c Certificate, in intent, der []byte, now time.Time) (Certificate, error) {
	c.State, c.DER, c.Version = Issued, der, c.Version+1
	sum := sha256.Sum256(der)
	e := ledger.Event{Kind: "certificate.issued", Subject: c.Serial, At: now, Hash: hexOf(sum[:])}
	var err error
	if c.Leaf, err = e.ID(); err != nil {
		return c, err
	}
	if err := saveCertificate(tx, c); err != nil {
		return c, err
	}
	if err := indexOwner(tx, c); err != nil {
		return c, err
	}
	if err := tx.Delete(pendingBucket, c.Serial); err != nil {
		return c, err
	}
	if err := retireReplaced(tx, c, in.Overlap, now); err != nil {
		return c, err
	}
	return c, ledger.Append(tx, e)
}

func indexOwner(tx store.Tx, c Certificate) error {
	if c.Holder != "" {
		if err := store.Save(tx, holderBucket, string(c.Holder)+"/"+c.Serial, c.Serial); err != nil {
			return err
		}
	}
	if c.Business != "" {
		return store.Save(tx, businessBucket, string(c.Business)+"/"+c.Serial, c.Serial)
	}
	return nil
}

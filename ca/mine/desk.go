package mine

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/mandate"
	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Config is what a Desk needs. New says what is wrong.
type Config struct {
	Store  store.Store
	CA     *ca.Authority
	SignIn *signin.Desk

	Mandates *mandate.Desk
	Receipts Receipts
	Proofs   Proofs
	Held     bool // the service holds keys for holders, too (ca/held)

	Now func() time.Time // nil: time.Now
}

// Desk shows and ends certificates. It is safe for concurrent use.
type Desk struct{ Config }

// New returns a Desk, or all that is wrong with c.
func New(c Config) (*Desk, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("mine: no "+what))
		}
	}
	need(c.Store != nil, "store")
	need(c.CA != nil, "authority")
	need(c.SignIn != nil, "sign-in")
	need(c.Mandates != nil, "mandates")
	need(c.Receipts != nil && c.Proofs != nil, "receipts or proofs")
	return &Desk{c}, errors.Join(errs...)
}

func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Second) }

// Held is a certificate as its holder sees it.
type Held struct {
	ca.Certificate
	Kind  string // profile without its version
	State string // "good", "expiring", "suspended", "revoked", "expired"
	Days  int    // left, of one that is good; whole days
}

// expiring is how long before its end a certificate is said to end soon.
const expiring = 30 * 24 * time.Hour

// held says how a certificate stands at now. It is pure.
func held(c ca.Certificate, now time.Time) Held {
	h := Held{Certificate: c, State: "good", Days: int(c.NotAfter.Sub(now) / (24 * time.Hour))}
	h.Kind, _, _ = strings.Cut(c.Profile, "@")
	switch {
	case c.Suspended():
		h.State = "suspended"
	case c.Revoked != nil:
		h.State = "revoked"
	case now.After(c.NotAfter):
		h.State = "expired"
	case c.NotAfter.Sub(now) < expiring:
		h.State = "expiring"
	}
	return h
}

// Live reports whether the certificate can be used now.
func (h Held) Live() bool { return h.State == "good" || h.State == "expiring" }

// Ends reports whether the certificate can still be revoked.
func (h Held) Ends() bool { return h.Live() || h.State == "suspended" }

// theirs reports whether who may see and end the certificate: it is the
// person's in the capacity in which they signed in. A seal is the legal
// person's, whoever applied for it: it ends by its own key or by an operator.
func theirs(who signin.Who, c ca.Certificate) bool {
	name, _, _ := strings.Cut(c.Profile, "@")
	return who.Holder != "" && c.Holder == who.Holder && c.Business == who.Business && name != ca.OrganisationSeal && c.State == ca.Issued
}

// List returns the certificates of who: those that can be used first, then
// by their end, the latest first.
func (d *Desk) List(ctx context.Context, who signin.Who) ([]Held, error) {
	if who.Holder == "" {
		return nil, nil
	}
	all, err := d.CA.OfHolder(ctx, who.Holder)
	if err != nil {
		return nil, err
	}
	var list []Held
	for _, c := range all {
		if theirs(who, c) {
			list = append(list, held(c, d.now()))
		}
	}
	slices.SortStableFunc(list, func(a, b Held) int {
		if a.Live() != b.Live() {
			return map[bool]int{true: -1, false: 1}[a.Live()]
		}
		return b.NotAfter.Compare(a.NotAfter)
	})
	return list, nil
}

// Certificate returns one of who's; NotFound for one that is not theirs, as
// for one that is not there.
func (d *Desk) Certificate(ctx context.Context, who signin.Who, written string) (Held, error) {
	serial, err := ca.ParseSerial(written)
	if err != nil {
		return Held{}, errUnknown()
	}
	c, err := d.CA.Certificate(ctx, serial)
	if errors.Is(err, fault.NotFound) || err == nil && !theirs(who, c) {
		return Held{}, errUnknown()
	}
	return held(c, d.now()), err
}

// chain is the certificate with its issuer, PEM.
func (d *Desk) chain(c ca.Certificate) (out []byte, err error) {
	issuer, ok := d.CA.Issuer(c.Issuer)
	if !ok {
		return nil, fmt.Errorf("chain of %s: no issuer %s here", c.Serial, c.Issuer)
	}
	for _, der := range issuer.Delivered(c.DER) {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out, nil
}

func errUnknown() error {
	return fault.New(fault.NotFound, "mine_unknown", "you have no certificate with this serial number here; look at the list of yours")
}

// Reasons are those a person may give; certificateHold suspends.
func Reasons() []ca.Reason {
	return []ca.Reason{ca.Unspecified, ca.KeyCompromise, ca.AffiliationChanged, ca.CessationOfOperation, ca.CertificateHold}
}

// Purpose is what a proof must be for to end the certificate.
func Purpose(serial string) signin.Purpose { return signin.Purpose("revoke/" + serial) }

// endedBy is the actor of the records.
const endedBy = "holder:portal"

// End revokes or suspends a certificate of who's, by a fresh proof for it.
func (d *Desk) End(ctx context.Context, who signin.Who, serial string, reason ca.Reason) error {
	if !slices.Contains(Reasons(), reason) {
		return fault.New(fault.Invalid, "mine_reason", "choose one of the reasons on the page")
	}
	h, err := d.Certificate(ctx, who, serial)
	if err != nil {
		return err
	}
	proof, err := d.SignIn.Confirmed(ctx, who, Purpose(h.Serial))
	if err != nil {
		return err
	}
	now := d.now()
	return d.Store.Update(ctx, func(tx store.Tx) error {
		if err := proof.Use(tx); err != nil {
			return err
		}
		c, err := ca.LoadCertificate(tx, h.Serial)
		if err != nil {
			return err
		}
		if !held(c, now).Ends() {
			return fault.New(fault.Conflict, "mine_ended", "this certificate has ended already; nothing is left to end")
		}
		if reason == ca.CertificateHold {
			return ca.SuspendIn(tx, h.Serial, endedBy, now)
		}
		return ca.RevokeIn(tx, h.Serial, reason, endedBy, now)
	})
}

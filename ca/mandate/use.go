package mandate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// source is the evidence's, with the version of these rules.
const source = "mandate@1"

// maxUnder bounds how many administrators stand between a mandate and those
// who bind the legal person: who is appointed by one appoints no other.
const maxUnder = 3

// ErrNone is the refusal of who has no mandate at all for the business.
var ErrNone = fault.New(fault.Denied, "mandate_none", "you have no mandate to act for this organisation; have one given by those who bind it")

// stands is Denied unless the mandate lets its holder do what the scope says
// at now.
func stands(tx store.Tx, m Mandate, s Scope, now time.Time) error {
	switch m.At(now) {
	case Granted:
	case Coming:
		return fault.New(fault.Denied, "mandate_not_yet", "this mandate has not begun yet; wait for its first day")
	case Proposed:
		return fault.New(fault.Denied, "mandate_incomplete", "this mandate still waits for signatures of those who bind the organisation jointly")
	default:
		return fault.New(fault.Denied, "mandate_ended", "this mandate has ended; have a new one given")
	}
	if !m.Has(s) {
		return fault.New(fault.Denied, "mandate_scope", "this mandate was not given for that (%[1]s); have one given that was", s)
	}
	return sound(tx, m)
}

// sound is Denied for a mandate that was signed with a key reported as
// compromised since, or with a certificate that rests or was withdrawn, or
// that lives by one that was: nobody knows who gave it.
func sound(tx store.Tx, m Mandate) error {
	for range maxUnder {
		for _, s := range m.Signatures {
			c, err := ca.LoadCertificate(tx, s.Serial)
			if err != nil {
				return err
			}
			switch {
			case c.Revoked == nil:
			case c.Revoked.Reason == ca.KeyCompromise:
				return fault.New(fault.Denied, "mandate_key_compromised", "a key that signed this mandate has been reported as compromised since; have a new one given")
			case c.Suspended() || c.Revoked.Reason == ca.PrivilegeWithdrawn:
				return fault.New(fault.Denied, "mandate_signer_withdrawn", "a certificate that signed this mandate is suspended or withdrawn; have a new one given, or have the suspension lifted")
			}
		}
		if m.Under == "" {
			return nil
		}
		var err error
		if m, err = load(tx, m.Under); err != nil {
			return err
		}
	}
	return errors.New("mandate: a chain of administrators longer than can be given")
}

// Find returns the mandate by which the person may do for the business what
// the scope says; of several the one that ends last. It is Denied if there is
// none, and says what is wrong with the one there is. Whether the business is
// active is not looked at: that is its register's to say.
func Find(tx store.Tx, b ca.BusinessID, h ca.HolderID, s Scope, now time.Time) (best Mandate, err error) {
	refusal := ErrNone
	if b == "" || h == "" {
		return best, refusal
	}
	err = ofHolder(tx, h, b, func(m Mandate) error {
		switch err := stands(tx, m, s, now); {
		case errors.Is(err, fault.Denied):
			refusal = err
		case err != nil:
			return err
		case best.ID == "" || m.ValidTo.After(best.ValidTo):
			best = m
		}
		return nil
	})
	if err == nil && best.ID == "" {
		err = refusal
	}
	return best, err
}

// Businesses returns for which businesses the person may now do one of these by
// mandate, in the order of their ids.
func Businesses(tx store.Tx, h ca.HolderID, now time.Time, scopes ...Scope) (list []ca.BusinessID, err error) {
	if h == "" {
		return nil, nil
	}
	err = ofHolder(tx, h, "", func(m Mandate) error {
		for _, s := range scopes {
			err := stands(tx, m, s, now)
			if err == nil && !slices.Contains(list, m.Business) {
				list = append(list, m.Business)
			}
			if err != nil && !errors.Is(err, fault.Denied) {
				return err
			}
		}
		return nil
	})
	return list, err
}

// SpeaksFor returns the mandate by which whoever has the certificate acts for
// the business in what the scope says; the zero Mandate where the certificate
// itself was issued for the business because its register said so. It is
// Denied for all others. The certificate's standing is the caller's to ask.
func SpeaksFor(tx store.Tx, c ca.Certificate, b ca.BusinessID, s Scope, now time.Time) (Mandate, error) {
	switch {
	case b == "" || c.Business != "" && c.Business != b:
		return Mandate{}, ErrNone
	case c.Business == b && c.Mandate == "" && (commits(c) || isSeal(c)):
		return Mandate{}, nil
	case !commits(c):
		return Mandate{}, ErrNone
	}
	return Find(tx, b, c.Holder, s, now)
}

// isSeal reports whether the certificate is an organisation's own. A server's
// certificate names a business too and speaks for nobody: it rests on a domain.
func isSeal(c ca.Certificate) bool {
	profile, _, _ := strings.Cut(c.Profile, "@")
	return profile == ca.OrganisationSeal
}

// StillStands is Denied if the mandate that a decision rests on does not stand
// at now any more; "" rests on none. It is for the transaction of the deed.
func StillStands(tx store.Tx, id string, now time.Time) error {
	if id == "" {
		return nil
	}
	m, err := load(tx, ID(id))
	if err != nil {
		return err
	}
	return stands(tx, m, Sign, now)
}

// Subject is whom a mandate is looked up for.
type Subject struct {
	LegalID      string
	NationalCode string
	Holder       ca.HolderID
}

// Evidence looks up whether the person may have a certificate for the
// organisation by mandate. None is a mismatch of the environment env.
func Evidence(ctx context.Context, s store.Store, who Subject, env evidence.Environment, now time.Time) (evidence.Record, error) {
	now = now.UTC().Truncate(time.Second)
	r := evidence.Record{ID: evidence.NewID(), Type: evidence.Mandate, Source: source, Environment: env, Result: evidence.Mismatch, CheckedAt: now}
	err := s.View(ctx, func(tx store.Tx) error {
		m, err := Find(tx, ca.BusinessID(who.LegalID), who.Holder, Sign, now)
		if errors.Is(err, fault.Denied) {
			return nil
		}
		if err != nil {
			return err
		}
		r.Result, r.Environment, r.ValidTo = evidence.Match, m.Environment, m.ValidTo
		r.RawSHA256 = m.Signatures[len(m.Signatures)-1].Statement
		r.Claims = evidence.Claims{NationalCode: who.NationalCode, LegalID: who.LegalID, Role: m.Title, Mandate: string(m.ID)}
		return nil
	})
	return r, err
}

package badge

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Renewal is a request to renew the badge, while it is judged and after it
// was refused. The badge meanwhile stands as it does.
type Renewal struct {
	Request     string      `json:"request"` // hex SHA-256 of the JWS or CMS
	Holder      ca.HolderID `json:"holder"`
	Certificate string      `json:"certificate"` // serial that signed it
	Asked       Licence     `json:"asked"`
	AlsoAsked   []Licence   `json:"also_asked,omitempty"`
	Least       *int        `json:"least,omitempty"`
	Contact     string      `json:"contact,omitempty"`
	Challenge   Challenge   `json:"challenge"` // the domain is proven anew
	ReceivedAt  time.Time   `json:"received_at"`
	Findings    []Finding   `json:"findings,omitempty"`
	WaitingFor  []Party     `json:"waiting_for,omitempty"`
	Refused     Why         `json:"refused,omitempty"`
}

// open reports whether a renewal is still to be judged.
func (r *Renewal) open() bool { return r != nil && r.Refused == "" }

// renew takes a request for renewal in. The badge is the one the business has
// for the domain; it keeps its id and its history.
func (d *Desk) renew(ctx context.Context, in incoming) (Badge, error) {
	target, err := d.toRenew(ctx, in)
	if err != nil {
		return Badge{}, err
	}
	proof, err := d.prove(ctx, in, target.ID, noteEvent(target.ID, "renewal_received", in.sum(), in.at))
	if err != nil {
		return Badge{}, err
	}
	token := make([]byte, 16)
	rand.Read(token) // never fails (crypto/rand)
	spki := in.signed.Standing().Leaf().RawSubjectPublicKeyInfo
	fresh := Renewal{
		Request: in.sum(), Holder: in.signer().Holder, Certificate: in.signer().Serial, Asked: in.ask.Licence, AlsoAsked: in.ask.Licences,
		Least: in.ask.Level, Contact: in.ask.Contact, Challenge: newChallenge(hex.EncodeToString(token), in.domain, spki, d.DomainPort), ReceivedAt: in.at,
	}
	var b Badge
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		var had bool
		var err error
		if b, had, err = in.target(tx, target.ID); err != nil || had {
			return err
		}
		now, err := b.live(tx, in.at)
		if err != nil {
			return err
		}
		if err := now.renewable(d.Rules, in.at); err != nil {
			return err
		}
		// An open renewal stands back only for who may act for the business.
		if b.Renewal.open() && b.Renewal.Holder != in.signer().Holder {
			if own, err := in.owns(tx, b); err != nil || !own {
				return cmp.Or(err, fault.New(fault.Conflict, "badge_renewal_open", "a renewal that somebody else asked for is being judged; wait for what comes of it"))
			}
		}
		if err := in.use(tx, proof); err != nil {
			return err
		}
		again := fresh
		b.Renewal, b.Due = &again, in.at
		if err := b.note(tx, "renewal_received", in.sum(), in.at); err != nil {
			return err
		}
		return b.save(tx)
	})
	return b, err
}

// toRenew finds the badge. One whose end is far is not renewed yet.
func (d *Desk) toRenew(ctx context.Context, in incoming) (found Badge, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		return eachOfDomain(tx, in.domain.ASCII, in.at, func(b Badge) error {
			if b.Business != in.business || b.State != Active && b.State != Suspended {
				return nil
			}
			found = b
			return store.Stop
		})
	})
	if err != nil {
		return found, err
	}
	// A first word before anything is signed; it is asked again with the deed.
	return found, found.renewable(d.Rules, in.at)
}

// renewable says why the badge, as it stands at now, cannot be renewed.
func (b *Badge) renewable(r Rules, now time.Time) error {
	if b.State != Active && b.State != Suspended {
		return errNoneToRenew()
	}
	if from := b.ValidTo.Add(-r.RenewWithin); now.Before(from) {
		return fault.New(fault.Conflict, "badge_renewal_early", "this badge can be renewed from %[1]v on; ask again then", from.Format(time.DateOnly))
	}
	return nil
}

func errNoneToRenew() error {
	return fault.New(fault.NotFound, "badge_none_to_renew", "this business has no badge for this domain that could be renewed; ask for a new one")
}

// renewing is the badge as its renewal would have it, for gathering facts.
func (b Badge) renewing() Badge {
	r := b.Renewal
	b.ValidFrom, b.ReceivedAt = time.Time{}, r.ReceivedAt
	b.Holder, b.Certificate, b.Request = r.Holder, r.Certificate, r.Request
	b.Asked, b.AlsoAsked, b.Least, b.Contact, b.Challenge = r.Asked, r.AlsoAsked, r.Least, r.Contact, r.Challenge
	return b
}

// checkRenewal judges the renewal under way, by the facts of a new grant.
func (d *Desk) checkRenewal(ctx context.Context, b Badge) error {
	g, err := d.gather(ctx, b.renewing())
	if err != nil {
		return fmt.Errorf("gather facts of the renewal of %s: %w", b.ID, err)
	}
	return d.Store.Update(ctx, func(tx store.Tx) error {
		now, err := LoadBadge(tx, b.ID)
		if err != nil || now.Version != b.Version {
			return err
		}
		return now.decideRenewal(tx, g, d.Rules)
	})
}

// decideRenewal is decide for a renewal: it takes nothing away.
func (b *Badge) decideRenewal(tx store.Tx, g gathered, r Rules) error {
	f, as := g.facts, b.renewing()
	// What has ended meanwhile is not brought back by a renewal.
	if now, err := b.live(tx, f.At); err != nil || now.State != Active && now.State != Suspended {
		return err
	}
	line, _, err := lineOf(tx, as.Certificate, f.At)
	if err != nil {
		return err
	}
	f.Signer = line
	findings := r.Judge(f)
	v := r.Decide(findings, as.least(), -1)
	t := Trace{
		Badge: b.ID, Number: b.Traces, Request: as.Request, Rules: r, Facts: f, Findings: findings,
		Outcome: v.Outcome, Least: as.least(), Had: -1, Level: v.Level, Renewal: true,
	}
	hash, err := canonicalSHA256(t)
	if err != nil {
		return err
	}
	if v.Outcome != Wait || !slices.Equal(findings, b.Renewal.Findings) {
		if err := b.keep(tx, t, g.answers); err != nil {
			return err
		}
	}
	switch v.Outcome {
	case Grant:
		err = b.extend(tx, as, f, r, v.Level, hash)
	case Refuse:
		b.Renewal.Refused, b.Renewal.WaitingFor, b.Renewal.Findings = v.Why, nil, findings
		err = b.note(tx, "renewal_refused", hash, f.At)
	default:
		b.Renewal.WaitingFor, b.Renewal.Findings = v.WaitingFor, findings
	}
	if err != nil {
		return err
	}
	b.Due = b.nextCheck(f.At)
	return b.save(tx)
}

// extend renews the badge from its end on. The domain was proven just now, so
// other badges for it stand back, and what suspended this one is answered,
// unless an operator did.
func (b *Badge) extend(tx store.Tx, as Badge, f Facts, r Rules, level int, hash string) error {
	b.Holder, b.Certificate, b.Request, b.Challenge = as.Holder, as.Certificate, as.Request, as.Challenge
	b.Asked, b.AlsoAsked, b.Least, b.Contact = as.Asked, as.AlsoAsked, as.Least, as.Contact
	b.ValidTo = b.ValidTo.Add(r.validity(level))
	b.Level, b.Renewal, b.Reminded = level, nil, nil
	b.learn(f)
	if err := b.note(tx, "renewed", hash, f.At); err != nil {
		return err
	}
	if b.State == Suspended && b.Hold == nil {
		if err := b.move(tx, Active, "all_checks_hold", hash, f.At, f.At); err != nil {
			return err
		}
	}
	return b.takeOver(tx, hash, f.At)
}

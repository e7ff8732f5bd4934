package badge

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Appeal is an objection to a refusal, a suspension or a revocation. Another
// person than who decided answers it, within a deadline; that it was made,
// and what came of it, is in the public history.
type Appeal struct {
	At       time.Time     `json:"at"`
	Deadline time.Time     `json:"deadline"` // for the answer
	Change   int           `json:"change"`   // number of the change it is against
	State    State         `json:"state"`    // that it is against
	Why      Why           `json:"why"`
	Request  string        `json:"request"` // hex SHA-256 of the JWS or CMS
	Reasons  seal.Sealed   `json:"reasons"`
	Outcome  AppealOutcome `json:"outcome,omitempty"` // "" while open
	EndedAt  time.Time     `json:"ended_at,omitzero"`
	Late     bool          `json:"late,omitempty"` // that the deadline passed was logged
}

// AppealOutcome is what came of an appeal.
type AppealOutcome string

// The outcomes of an appeal.
const (
	Upheld   AppealOutcome = "upheld" // the business was right
	Rejected AppealOutcome = "rejected"
)

func (a *Appeal) open() bool { return a != nil && a.Outcome == "" }

// appeal takes a business's objection in.
func (d *Desk) appeal(ctx context.Context, in incoming) (Badge, error) {
	target, err := d.toAppeal(ctx, in)
	if err != nil {
		return Badge{}, err
	}
	proof, err := d.prove(ctx, in, target.ID, noteEvent(target.ID, "appeal_received", in.sum(), in.at))
	if err != nil {
		return Badge{}, err
	}
	reasons, err := d.Seal.Seal(badgeBucket, string(target.ID), "appeal", []byte(in.ask.Reasons))
	if err != nil {
		return Badge{}, fmt.Errorf("seal reasons: %w", err)
	}
	var b Badge
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		var had bool
		var err error
		if b, had, err = in.target(tx, target.ID); err != nil || had {
			return err
		}
		if own, err := in.owns(tx, b); err != nil || !own {
			return cmp.Or(err, errNoneToAppeal())
		}
		// What has ended by its certificate or its time is told by how it stands.
		now, err := b.live(tx, in.at)
		if err != nil {
			return err
		}
		if err := now.appealable(d.Rules, in.at); err != nil {
			return err
		}
		if err := in.use(tx, proof); err != nil {
			return err
		}
		b.Appeal = &Appeal{At: in.at, Deadline: in.at.Add(d.Rules.AppealAnswer), Change: b.Changes, State: b.State, Why: b.Why, Request: in.sum(), Reasons: reasons}
		if err := store.Save(tx, appealBucket, string(b.ID), b.ID); err != nil {
			return err
		}
		if err := b.note(tx, "appeal_received", in.sum(), in.at); err != nil {
			return err
		}
		return b.save(tx)
	})
	return b, err
}

// appealable says why nobody can appeal against how the badge stands.
func (b *Badge) appealable(r Rules, now time.Time) error {
	none := fault.New(fault.Conflict, "badge_appeal_none", "there is no decision here that you could appeal against now; a certificate that was revoked, a badge given back and one whose time is over are not decided here")
	if b.State != Refused && b.State != Suspended && b.State != Revoked {
		return none
	}
	switch b.Why {
	case "certificate_revoked", whyWithdrawn, "certificate_expired", certificateHeld:
		return none
	}
	if b.Appeal != nil && b.Appeal.State == b.State && b.Appeal.Why == b.Why && !b.Appeal.EndedAt.Before(b.StateAt) || b.Appeal.open() {
		return fault.New(fault.Conflict, "badge_appealed", "you have appealed against this decision already; its page says what came of it")
	}
	if now.Sub(b.StateAt) > r.AppealWithin {
		return fault.New(fault.Denied, "badge_appeal_late", "the time to appeal against this decision is over; ask for a new badge")
	}
	return nil
}

// toAppeal returns the badge that the signer may appeal for: the newest of
// the business for the domain that was decided against it.
func (d *Desk) toAppeal(ctx context.Context, in incoming) (found Badge, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		return eachOfDomain(tx, in.domain.ASCII, in.at, func(b Badge) error {
			if b.Business != in.business || b.State == Active || b.State.Open() || b.StateAt.Before(found.StateAt) {
				return nil
			}
			own, err := in.owns(tx, b)
			if own {
				found = b
			}
			return err
		})
	})
	if err == nil && found.ID == "" {
		err = errNoneToAppeal()
	}
	if err != nil {
		return found, err
	}
	// A first word before anything is signed; it is asked again with the deed.
	return found, found.appealable(d.Rules, in.at)
}

func errNoneToAppeal() error {
	return fault.New(fault.NotFound, "badge_none_to_appeal", "this business has no badge for this domain that was decided against it; check the domain")
}

// DecideAppeal lets an officer answer an appeal: one who decided nothing of
// the badge before, and has no part in it.
func (d *Desk) DecideAppeal(ctx context.Context, leaf *x509.Certificate, id ID, outcome AppealOutcome, reasons string) (Badge, error) {
	return d.decideAppeal(ctx, SignedDeed{Badge: id, Deed: DeedKind(outcome), Reasons: reasons}, d.plainly(leaf))
}

// decideAppeal is DecideAppeal in that office.
func (d *Desk) decideAppeal(ctx context.Context, s SignedDeed, by office) (Badge, error) {
	if !s.Deed.answers() {
		return Badge{}, fault.New(fault.Invalid, "badge_appeal_outcome", "an appeal is upheld or rejected; say which")
	}
	sealed, err := d.sealReasons(s)
	if err != nil {
		return Badge{}, err
	}
	now := d.now()
	var b Badge
	err = by(ctx, func(tx store.Tx, leaf *x509.Certificate, approval string) error {
		var o ca.OperatorRecord
		var err error
		if o, b, err = d.officer(tx, leaf, ca.MayReview, s.Badge, now); err != nil {
			return err
		}
		if !b.Appeal.open() {
			return fault.New(fault.Conflict, "badge_appeal_over", "no appeal is open for this badge; look at it again")
		}
		if err := s.stands(b, approval); err != nil {
			return err
		}
		before, err := deeds(tx, s.Badge)
		if err != nil {
			return err
		}
		if decidedBy(before, o) {
			return errOwnBadge()
		}
		deed := Deed{At: now, By: o.Name, Person: o.Holder, Kind: s.Deed, Ground: "appeal", Reasons: sealed, Approval: approval}
		return b.endAppeal(tx, deed, AppealOutcome(s.Deed))
	})
	return b, err
}

// endAppeal records the answer and what follows from it.
func (b *Badge) endAppeal(tx store.Tx, deed Deed, outcome AppealOutcome) error {
	hash, err := canonicalSHA256(deed)
	if err != nil {
		return err
	}
	ended := *b.Appeal
	ended.Outcome, ended.EndedAt = outcome, deed.At
	b.Appeal = &ended
	if err := tx.Delete(appealBucket, string(b.ID)); err != nil {
		return err
	}
	if err := b.addDeed(tx, deed); err != nil {
		return err
	}
	if err := b.note(tx, "appeal_"+Why(outcome), hash, deed.At); err != nil {
		return err
	}
	if outcome == Upheld {
		if err := b.overturn(tx, hash, deed.At); err != nil {
			return err
		}
	}
	return b.save(tx)
}

// overturn takes a decision back. The facts are judged anew at once: what
// the rules still find stands.
func (b *Badge) overturn(tx store.Tx, hash string, now time.Time) error {
	b.Due = now
	switch {
	case b.State == Refused:
		b.ClockAt, b.ReopenedAt = now, now
		return b.move(tx, Checking, "appeal_upheld", hash, now, now)
	case b.State == Suspended && b.Hold == nil:
		b.SuspendedAt = now // the facts decide; the notice begins anew
		return nil
	case (b.State == Suspended || b.State == Revoked) && now.Before(b.ValidTo):
		if err := b.domainFree(tx); err != nil {
			return err
		}
		b.Hold = nil
		return b.move(tx, Active, "appeal_upheld", hash, now, now)
	}
	return nil
}

// Appeals returns the badges with an open appeal.
func (d *Desk) Appeals(ctx context.Context) (list []Badge, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		list, err = openAppeals(tx)
		return err
	})
	return list, err
}

func openAppeals(tx store.Tx) (list []Badge, err error) {
	err = store.Each(tx, appealBucket, "", "", func(_ string, id ID) error {
		b, err := LoadBadge(tx, id)
		if err == nil && b.Appeal.open() {
			list = append(list, b)
		}
		return err
	})
	return list, err
}

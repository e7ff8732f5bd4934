package complaints

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// errDry ends the transaction of a dry run.
var errDry = errors.New("complaints: a dry run")

// ruling is a Ruling with what was made of it before the transaction.
type ruling struct {
	Ruling
	event  Event
	words  words
	more   []Event // admitted or served after it, joined at the other, filed at the other
	by     ca.OperatorRecord
	serves Event
	seen   int // events that the officer saw who signed it; 0: he signed nothing
}

// office is how an officer acts: it calls the deed in its transaction, with
// the certificate that the deed rests on.
type office func(ctx context.Context, deed func(store.Tx, *x509.Certificate) error) error

// plainly is for who is known by the certificate of the connection.
func (d *Desk) plainly(leaf *x509.Certificate) office {
	return func(ctx context.Context, deed func(store.Tx, *x509.Certificate) error) error {
		return d.Store.Update(ctx, func(tx store.Tx) error { return deed(tx, leaf) })
	}
}

// Rule does what the officer rules whose certificate leaf is, and returns the
// complaint after it. The same ruling again changes nothing. A dry run does
// all of it and keeps nothing. Who acts for one of its businesses does not
// rule on a complaint, and who made a decision does not decide of the appeal
// against it, under this name or another.
func (d *Desk) Rule(ctx context.Context, leaf *x509.Certificate, id string, in Ruling, dry bool) (c Complaint, err error) {
	return d.carryOut(ctx, id, in, dry, ruling{}, d.plainly(leaf))
}

// carryOut is Rule in that office. signed says what an officer signed of it.
func (d *Desk) carryOut(ctx context.Context, id string, in Ruling, dry bool, signed ruling, by office) (c Complaint, err error) {
	if err := in.check(); err != nil {
		return c, err
	}
	if in.Kind == KindMoved {
		if err := d.mayMoveTo(ctx, &in); err != nil {
			return c, err
		}
	}
	r, err := d.prepare(id, in)
	if err != nil {
		return c, err
	}
	r.event.Approval, r.seen = signed.event.Approval, signed.seen
	var told string
	err = by(ctx, func(tx store.Tx, leaf *x509.Certificate) error {
		m, events, err := loadMatter(tx, id, in.Business)
		if err != nil {
			return err
		}
		if r.seen != 0 && r.seen != len(events) {
			return errChanged()
		}
		o, err := d.acting(tx, leaf, r.event.At, append(m.businesses(), in.To)...)
		if err != nil {
			return err
		}
		r.sign(o)
		after, err := d.rule(tx, m, events, r)
		if err != nil {
			return err
		}
		told = m.key()
		if m.file, err = loadFile(tx, id); err != nil { // a moved one has one business more
			return err
		}
		if c, err = d.show(tx, m, after, r.event.At); err == nil && dry {
			err = errDry
		}
		return err
	})
	if dry && errors.Is(err, errDry) {
		return c, nil
	}
	if err != nil {
		return Complaint{}, err
	}
	if told == "" { // the same signed ruling again
		return c, nil
	}
	d.tell(ctx, told)
	if in.Kind == KindMoved {
		d.tell(ctx, id+"/"+businessKey(string(in.To)))
	}
	return c, nil
}

// prepare makes the events of a ruling; sign says whose they are.
func (d *Desk) prepare(id string, in Ruling) (r ruling, err error) {
	now := d.now()
	r = ruling{Ruling: in}
	r.event = Event{Kind: in.Kind, At: now, Reason: in.Reason, Outcome: in.Outcome, Of: in.Of, Business: string(in.To), Salt: newSalt()}
	if r.words, err = d.words(&r.event, in.Text); err != nil {
		return r, err
	}
	r.serves = Event{Kind: KindServed, At: now, Actor: "service", Salt: newSalt()}
	switch in.Kind {
	case KindMerged:
		r.more = []Event{{Kind: KindJoined, At: now, Of: id, Salt: newSalt()}}
	case KindMoved:
		r.more = []Event{{Kind: KindFiled, Salt: newSalt()}}
	case KindAppealGranted:
		r.more = []Event{{Kind: KindMoved, At: now, Reason: "appeal_granted", Salt: newSalt()}}
	}
	return r, nil
}

// sign makes the ruling the officer's.
func (r *ruling) sign(o ca.OperatorRecord) {
	r.by, r.event.Actor = o, o.Actor()
	for i := range r.more {
		r.more[i].Actor = o.Actor()
	}
}

// rule adds the event of the ruling and what follows from it.
func (d *Desk) rule(tx store.Tx, m matter, events []Event, r ruling) ([]Event, error) {
	s := Derive(events, notBefore(events, r.event.At))
	if err := d.mayRule(tx, m, s, r); err != nil {
		return nil, err
	}
	after, err := m.step(tx, events, r.event)
	if err != nil || len(after) == len(events) {
		return after, err
	}
	if err := r.words.save(tx); err != nil {
		return nil, err
	}
	switch r.Kind {
	case KindAdmitted:
		return d.serve(tx, m, after, r.serves)
	case KindMerged:
		err = m.joinInto(tx, r)
	case KindMoved:
		err = d.moveTo(tx, m, events[0], r)
	case KindAppealGranted:
		if after, err = d.restore(tx, m, after, r); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	return after, d.call(tx, m, events, after)
}

// mayRule looks at what the state alone does not say.
func (d *Desk) mayRule(tx store.Tx, m matter, s Status, r ruling) error {
	switch r.Kind {
	case KindAppealGranted, KindAppealRefused:
		if s.State != StateUnderAppeal {
			return nil // the state will say it
		}
		if granted := r.Kind == KindAppealGranted; granted && (s.Outcome != "") != (r.Outcome != "") {
			return errOutcome()
		}
		return differs(tx, s.By, r.by)
	case KindDuplicate, KindMerged:
		return d.mayGoInto(tx, m, s, r)
	}
	return nil
}

// differs is Denied unless the officer o is another person than by, who
// decided before.
func differs(tx store.Tx, by string, o ca.OperatorRecord) error {
	own, err := did(tx, by, o)
	if own {
		return fault.New(fault.Denied, "complaint_own_decision", "this is an appeal against your own decision; another officer decides of it")
	}
	return err
}

// mayGoInto refuses to set a complaint aside for another one that is not at
// this business, not counted itself, of another consumer where the two are to
// be merged, or whose clock began later: that would give the business time.
func (d *Desk) mayGoInto(tx store.Tx, m matter, s Status, r ruling) error {
	if r.Of == m.ID {
		return errOther("it is the same complaint")
	}
	other, events, err := loadMatter(tx, r.Of, m.Business)
	if errors.Is(err, fault.NotFound) {
		return errOther("there is no such complaint at this business")
	}
	if err != nil {
		return err
	}
	o := Derive(events, notBefore(events, r.event.At))
	switch {
	case slices.Contains(aside, o.State), o.State == StateWithdrawn, slices.Contains(waiting, o.State):
		return errOther("the other complaint is not on the record itself")
	case !s.Served.IsZero() && o.Served.After(s.Served):
		return errOther("the other complaint was served later; set that one aside")
	case r.Kind == KindDuplicate:
		return nil
	}
	one, err := d.unseal(m.file)
	if err != nil {
		return err
	}
	two, err := d.unseal(other.file)
	if err != nil {
		return err
	}
	if !sameConsumer(one, two) {
		return errOther("it is another consumer's, who could not follow both")
	}
	return nil
}

func errOther(why string) error {
	return fault.New(fault.Conflict, "complaint_other_unfit", "the complaint cannot be set aside for the other one: %[1]s; name another", why)
}

// joinInto notes at the other complaint that m was merged into it.
func (m matter) joinInto(tx store.Tx, r ruling) error {
	o, events, err := loadMatter(tx, r.Of, m.Business)
	if err != nil {
		return err
	}
	_, err = o.add(tx, events, r.more[0])
	return err
}

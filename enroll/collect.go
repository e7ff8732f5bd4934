package enroll

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"mohr/ca/evidence"
	"mohr/internal/gateway"
	"mohr/internal/store"
)

// Registry is what the desk asks of the registers; gateway.Client is the real
// one. An error means that the register gave no answer.
type Registry interface {
	Person(ctx context.Context, nationalCode, birthDate string) (gateway.Answer[gateway.Person], error)
	Mobile(ctx context.Context, nationalCode, mobile string) (gateway.Answer[gateway.Mobile], error)
	Legal(ctx context.Context, legalID string) (gateway.Answer[gateway.Legal], error)
	Face(ctx context.Context, nationalCode, session string) (gateway.Answer[gateway.Face], error)
}

// found is a record on its way to an application, with the answer behind it.
type found struct {
	record evidence.Record
	raw    []byte
}

// registerTypes are the proofs that registers give for the profile.
func (d *Desk) registerTypes(profile string) []evidence.Type {
	list := []evidence.Type{evidence.CivilRegistry, evidence.MobileOwnership}
	if rules, _ := d.Policy.Rules(profile); rules.Asks(evidence.LegalRegistry) {
		list = append(list, evidence.LegalRegistry)
	}
	return list
}

// collect asks the registers whose answers are wanted, all at once, and moves
// the application on. A register that is down leaves an unavailable record;
// the application waits for it. begun says that this call, and no other, moved
// the application to collecting: the first code is then its caller's to send.
func (d *Desk) collect(ctx context.Context, id string) (a Application, begun bool, err error) {
	if a, err = d.load(ctx, id); err != nil {
		return a, false, err
	}
	answers, err := d.askAll(ctx, a)
	if err != nil {
		return a, false, err
	}
	a, err = d.change(ctx, id, func(s *step) error {
		if begun = s.Stage == Consented; begun {
			if err := s.become(Collecting); err != nil {
				return err
			}
			s.ClaimedAt = s.now
		}
		if s.Stage != Collecting && s.Stage != Waiting {
			return errUnchanged // another request was faster
		}
		for _, f := range answers {
			if lacks, err := d.lacks(s.Application, f.record.Type, s.now); err != nil {
				return err
			} else if !lacks && f.record.Type != evidence.Mandate {
				continue
			}
			if err := d.add(s, f); err != nil {
				return err
			}
		}
		return d.settle(s)
	})
	return a, begun && err == nil, err
}

// askAll puts the questions that are wanted now.
func (d *Desk) askAll(ctx context.Context, a Application) ([]found, error) {
	p, err := d.person(a)
	if err != nil {
		return nil, err
	}
	now := d.now()
	decision, err := d.judge(a, now)
	if err != nil {
		return nil, err
	}
	_, types := d.wanted(a, decision, now)
	registers := len(types)
	types = slices.DeleteFunc(types, func(t evidence.Type) bool { return t == evidence.Mandate })
	answers := make([]found, len(types))
	var asking sync.WaitGroup
	for i, t := range types {
		asking.Go(func() { answers[i] = d.ask(ctx, t, p) })
	}
	asking.Wait()
	answers, err = d.withMandate(ctx, a.Profile, p, answers, len(types) < registers)
	return answers, errors.Join(err, ctx.Err()) // our own caller has gone: no register is to blame
}

// Refresh asks the registers again that were down or whose answers are out of
// date. In any other stage it changes nothing.
func (d *Desk) Refresh(ctx context.Context, id, token string) (Application, error) {
	a, err := d.open(ctx, id, token)
	if err != nil || a.Stage != Collecting && a.Stage != Waiting {
		return a, err
	}
	if err := d.mayAsk(ctx, id); err != nil {
		return a, err
	}
	a, _, err = d.collect(ctx, id)
	return a, err
}

// mayAsk counts a question that the applicant makes us put to a register.
func (d *Desk) mayAsk(ctx context.Context, id string) error {
	now := d.now()
	return d.Store.Update(ctx, func(tx store.Tx) error {
		return take(tx, "refresh/"+id, d.Limits.PerRefresh, d.Limits.Window, now)
	})
}

// ask puts one question to a register.
func (d *Desk) ask(ctx context.Context, t evidence.Type, p Person) found {
	var f found
	var err error
	switch t {
	case evidence.CivilRegistry:
		var a gateway.Answer[gateway.Person]
		a, err = d.Registry.Person(ctx, p.NationalCode, p.BirthDate)
		f = found{evidence.PersonRecord(a), a.Raw}
	case evidence.MobileOwnership:
		var a gateway.Answer[gateway.Mobile]
		a, err = d.Registry.Mobile(ctx, p.NationalCode, p.Mobile)
		f = found{evidence.MobileRecord(a), a.Raw}
	case evidence.LegalRegistry:
		var a gateway.Answer[gateway.Legal]
		a, err = d.Registry.Legal(ctx, p.LegalID)
		f = found{evidence.LegalRecord(a, p.NationalCode), a.Raw}
	}
	if err != nil {
		d.Log.Warn("register gave no answer", "type", t, "error", err)
		f = found{record: evidence.Record{ID: evidence.NewID(), Type: t, Source: "none", Environment: d.Policy.Environment(), Result: evidence.Unavailable, CheckedAt: d.now()}}
	}
	return f
}

// add seals a record and attaches it. Silence after silence adds nothing.
func (d *Desk) add(s *step, f found) error {
	if last, ok := s.latest(f.record.Type); ok && last.Result == evidence.Unavailable && f.record.Result == evidence.Unavailable {
		return nil
	}
	r := f.record
	p := Proof{
		ID: r.ID, Type: r.Type, Source: r.Source, Environment: r.Environment, Result: r.Result,
		SHA256: r.Hash(), RawSHA256: r.RawSHA256, CheckedAt: r.CheckedAt,
	}
	if p.SHA256 == "" {
		return fmt.Errorf("record %s of %s has no hash", r.ID, s.ID)
	}
	var err error
	if p.Sealed, err = d.sealJSON(s.ID, "evidence/"+r.ID, r); err != nil {
		return err
	}
	before := s.phoneProven()
	if err := s.attach(p); err != nil {
		return err
	}
	if !before && s.phoneProven() {
		p, err := d.person(s.Application)
		if err != nil {
			return err
		}
		id, key := s.ID, personKey(d.CA.Holder(p.NationalCode), s.ID)
		s.with(func(tx store.Tx) error {
			return errors.Join(d.Limits.proven(tx, s.PersonIndex, s.now), store.Save(tx, personBucket, key, id))
		})
	}
	s.note("evidence."+string(r.Result), string(r.Type))
	if len(f.raw) == 0 {
		return nil
	}
	raw, err := d.Seal.Seal(rawBucket, s.ID, r.ID, f.raw)
	if err != nil {
		return err
	}
	key := s.ID + "/" + r.ID
	s.with(func(tx store.Tx) error { return store.Save(tx, rawBucket, key, raw) })
	return nil
}

// asks reports whether the applicant's proof of the type is wanted now. One
// that was given is not asked for twice, and that is no error; a stage that
// takes no evidence is.
func (d *Desk) asks(ctx context.Context, a Application, t evidence.Type) (Application, bool, error) {
	lacks := false
	a, err := d.change(ctx, a.ID, func(s *step) (err error) {
		if s.proven(t) && s.Stage != Collecting && s.Stage != Waiting && (s.Stage.Open() || s.Stage == Issued) {
			return errUnchanged
		}
		if err := s.in(Collecting, Waiting); err != nil {
			return err
		}
		if lacks, err = d.lacks(s.Application, t, s.now); err != nil {
			return err
		}
		return errUnchanged
	})
	return a, lacks, err
}

// prove attaches a proof that the applicant gave and moves the application on.
func (d *Desk) prove(ctx context.Context, id string, f found) (Application, error) {
	return d.change(ctx, id, func(s *step) error {
		if lacks, err := d.lacks(s.Application, f.record.Type, s.now); err != nil {
			return err
		} else if !lacks {
			return errUnchanged
		}
		if err := s.in(Collecting, Waiting); err != nil {
			return err
		}
		if err := d.add(s, f); err != nil {
			return err
		}
		return d.settle(s)
	})
}

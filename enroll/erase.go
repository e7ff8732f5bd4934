package enroll

import (
	"context"
	"errors"
	"slices"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Erase destroys what an ended application holds of the person and keeps the
// hashes. An open application is to be cancelled first; an issued one is
// evidence for its certificate and stays until its retention ends. Again it
// changes nothing.
func (d *Desk) Erase(ctx context.Context, id, token string) (Application, error) {
	if a, err := d.open(ctx, id, token); err != nil {
		return a, err
	}
	return d.eraseEnded(ctx, id, nil)
}

// eraseEnded is Erase for who may; also, unless nil, is done in its transaction.
func (d *Desk) eraseEnded(ctx context.Context, id string, also func(store.Tx) error) (Application, error) {
	return d.change(ctx, id, func(s *step) error {
		switch {
		case s.Stage == Erased:
			return errUnchanged
		case !s.Stage.erasable():
			return fault.New(fault.Conflict, "application_not_erasable", "an open application is to be cancelled first, and an issued one is kept as evidence for its certificate")
		}
		if also != nil {
			s.with(also)
		}
		return d.erase(s, "applicant")
	})
}

// erasable reports whether the applicant may have an application at the stage
// erased.
func (s Stage) erasable() bool { return s != Issued && s != Erased && !s.Open() }

// erase destroys the data keys of all that is sealed and says so in the
// public log, under the application's public name. How the person signs in is
// forgotten, too, unless a certificate of theirs still counts.
func (d *Desk) erase(s *step, why string) error {
	p, err := d.person(s.Application)
	if err != nil {
		return err
	}
	holder, at := d.CA.Holder(p.NationalCode), s.now
	s.with(func(tx store.Tx) error { return d.forget(tx, holder, at) })
	s.Person.Erase()
	s.Evidence = slices.Clone(s.Evidence)
	for i := range s.Evidence {
		s.Evidence[i].Sealed.Erase()
	}
	if s.Key != nil {
		key := *s.Key
		key.CSR.Erase()
		s.Key = &key
	}
	s.endVisit()
	s.eraseReview()
	id, serial := s.ID, s.Serial
	s.with(func(tx store.Tx) error {
		err := errors.Join(eraseRaw(tx, id), erasePictures(tx, id), eraseProposals(tx, id), tx.Delete(personBucket, personKey(holder, id)))
		for _, p := range []Protocol{EST, CMP, SCEP} {
			err = errors.Join(err, tx.Delete(secretBucket, secretKey(id, p)))
		}
		if serial != "" {
			err = errors.Join(err, tx.Delete(revocationBucket, serial))
		}
		return err
	})
	if err := s.move(Erased, "erased", why); err != nil {
		return err
	}
	s.leaf("application.erased", why, "erased")
	return nil
}

// forget has other rooms forget how a person signs in who has no certificate
// that counts, nor one that only rests.
func (d *Desk) forget(tx store.Tx, h ca.HolderID, at time.Time) error {
	if d.Forget == nil {
		return nil
	}
	counts := false
	err := ca.EachOfHolder(tx, h, func(c ca.Certificate) error {
		if counts = !c.Ended() && at.Before(c.NotAfter); counts {
			return store.Stop
		}
		return nil
	})
	if err != nil || counts {
		return err
	}
	return d.Forget(tx, h, at)
}

// eraseRaw deletes the data keys of the answers as received.
func eraseRaw(tx store.Tx, id string) error {
	raw := map[string]seal.Sealed{}
	err := store.Each(tx, rawBucket, id+"/", "", func(key string, s seal.Sealed) error {
		raw[key] = s
		return nil
	})
	if err != nil {
		return err
	}
	for key, s := range raw {
		s.Erase()
		if err := store.Save(tx, rawBucket, key, s); err != nil {
			return err
		}
	}
	return nil
}

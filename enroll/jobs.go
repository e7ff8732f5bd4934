package enroll

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/store"
)

const (
	// resumeAfter leaves work to the request that began it for so long.
	resumeAfter = 10 * time.Second
	// mostPatient bounds how often that time doubles, after tries in vain: a
	// register that stays down is asked every ten minutes in the end.
	mostPatient = 6
	// mostPatientIssue is mostPatient where the issuing keys are out of reach:
	// somebody waits for the certificate, so that they are asked each 40 s.
	mostPatientIssue = 2
	// resumeBatch bounds what one run of a job takes on.
	resumeBatch = 500
)

// Resume is a job: it finishes what requests left behind, after a crash or
// because a key, a register or the phone network was down. It orders
// certificates that hang in issuing, sends the notices of issuance, seals
// evidence bundles, asks registers that were never asked or were down,
// sends first codes that a crash swallowed, and tells who waited that there is news. What cannot be done now stays for the next run; the error names all of it.
func (d *Desk) Resume(ctx context.Context) error {
	do := map[workKind]func(context.Context, string) error{
		workVisit: d.resumeVisit, workWait: d.resumeWait, workTell: d.tell, workResume: d.sendResume,
		workCollect: d.resumeCollect, workIssue: d.resumeIssue, workNotify: d.notify, workBundle: d.sealBundle,
	}
	var errs []error
	// away is what is out of reach for certificates to be issued. It is said once
	// for all that wait for it, in the same words each time, so
	// that it is an error in the log once.
	away := map[string]error{}
	for _, k := range []workKind{workIssue, workNotify, workBundle, workCollect, workVisit, workWait, workTell, workResume} {
		ids, err := d.waiting(ctx, k)
		if err != nil {
			return fmt.Errorf("resume: %w", err)
		}
		for _, id := range ids {
			err := do[k](ctx, id)
			if f, ok := fault.Of(err); ok && k == workIssue && errors.Is(err, fault.Unavailable) {
				d.Log.InfoContext(ctx, "certificate waits for its signature", "application", id, "error", err)
				away[f.Code()] = f
				err = d.putOff(ctx, id)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("resume %s of %s: %w", k, id, err))
			}
		}
	}
	for _, code := range slices.Sorted(maps.Keys(away)) {
		errs = append(errs, fmt.Errorf("resume %s: %w", workIssue, away[code]))
	}
	return errors.Join(errs...)
}

// waiting returns the applications that have work of the kind.
func (d *Desk) waiting(ctx context.Context, k workKind) ([]string, error) {
	var ids []string
	now := d.now()
	err := d.Store.View(ctx, func(tx store.Tx) error {
		return store.Each(tx, workBucket, string(k)+"/", "", func(key string, w work) error {
			begun := k == workIssue || k == workCollect || k == workWait
			if now.Before(w.Due) {
				return nil
			}
			patience := mostPatient
			if k == workIssue {
				patience = mostPatientIssue
			}
			if !begun || now.Sub(w.Since) >= resumeAfter<<min(w.Tries, patience) {
				ids = append(ids, strings.TrimPrefix(key, string(k)+"/"))
			}
			if len(ids) == resumeBatch {
				return store.Stop
			}
			return nil
		})
	})
	return ids, err
}

// putOff has a certificate ordered again later, after a try in vain.
func (d *Desk) putOff(ctx context.Context, id string) error {
	key, now := string(workIssue)+"/"+id, d.now()
	return d.Store.Update(ctx, func(tx store.Tx) error {
		w, err := store.Load[work](tx, workBucket, key)
		if errors.Is(err, store.ErrNotFound) {
			return nil // issued meanwhile
		}
		if err != nil {
			return err
		}
		return store.Save(tx, workBucket, key, work{Since: now, Tries: w.Tries + 1})
	})
}

// drop takes work off that nobody needs any more.
func (d *Desk) drop(ctx context.Context, k workKind, id string) error {
	return d.Store.Update(ctx, func(tx store.Tx) error { return tx.Delete(workBucket, string(k)+"/"+id) })
}

func (d *Desk) resumeIssue(ctx context.Context, id string) error {
	a, err := d.load(ctx, id)
	if err != nil {
		return err
	}
	if a.Stage != Issuing {
		return d.drop(ctx, workIssue, id)
	}
	request, err := d.Seal.Open(applicationBucket, id, csrField, a.Key.CSR)
	if err != nil {
		return err
	}
	csr, err := a.Key.Form.Parse(request)
	if err != nil {
		return err
	}
	_, err = d.finish(ctx, a, csr)
	return err
}

func (d *Desk) resumeCollect(ctx context.Context, id string) error {
	a, err := d.load(ctx, id)
	if err != nil {
		return err
	}
	if !a.beginning() {
		return d.drop(ctx, workCollect, id)
	}
	_, err = d.begin(ctx, id, (*step).claim)
	return err
}

// resumeWait asks the registers again that an application waits for. Who is
// waiting for them is told once it goes on.
func (d *Desk) resumeWait(ctx context.Context, id string) error {
	a, err := d.load(ctx, id)
	if err == nil && a.Stage == Waiting {
		a, _, err = d.collect(ctx, id)
	}
	if err != nil {
		return err
	}
	key := string(workWait) + "/" + id
	return d.Store.Update(ctx, func(tx store.Tx) error {
		w, err := store.Load[work](tx, workBucket, key)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if a.Stage == Waiting {
			return store.Save(tx, workBucket, key, work{Since: d.now(), Tries: w.Tries + 1})
		}
		err = store.Save(tx, workBucket, string(workTell)+"/"+id, work{Since: d.now()})
		return errors.Join(err, tx.Delete(workBucket, key))
	})
}

// tell says to who applied, at the phone they proved, that there is news.
func (d *Desk) tell(ctx context.Context, id string) error {
	a, err := d.load(ctx, id)
	if err != nil {
		return err
	}
	if a.Stage != Erased && a.proven(evidence.OTPSMS) {
		p, err := d.person(a)
		if err != nil {
			return err
		}
		text := d.Texts.Text(a.Locale, "enroll.sms.news", d.Audience+"/enroll/"+a.ID)
		if _, err := d.Notifier.SMS(ctx, p.Mobile, text); err != nil {
			return fmt.Errorf("send news: %w", err)
		}
	}
	return d.drop(ctx, workTell, id)
}

// notify tells the person, at the phone the register holds, that a
// certificate was issued in their name (R19). It may come twice after a
// crash, and holds no secret.
func (d *Desk) notify(ctx context.Context, id string) error {
	a, err := d.load(ctx, id)
	if err != nil {
		return err
	}
	mobile, err := d.registeredMobile(ctx, id)
	if err != nil {
		return err
	}
	text := d.Texts.Text(a.Locale, "enroll.sms.issued", a.Serial, a.IssuedAt, d.Audience+"/enroll/lock")
	if _, err := d.Notifier.SMS(ctx, mobile, text); err != nil {
		return fmt.Errorf("send notice: %w", err)
	}
	_, err = d.change(ctx, id, func(s *step) error {
		s.note("notified", s.Serial)
		s.done(workNotify)
		return nil
	})
	return err
}

// due returns the applications of an index by time whose time is over.
func (d *Desk) due(ctx context.Context, bucket string) (ids []string, err error) {
	limit := deadlineKey(d.now(), "")
	err = d.Store.View(ctx, func(tx store.Tx) error {
		ids = ids[:0]
		return store.Each(tx, bucket, "", "", func(key, id string) error {
			if key >= limit || len(ids) == resumeBatch {
				return store.Stop
			}
			ids = append(ids, id)
			return nil
		})
	})
	return ids, err
}

// Expire is a job: it ends the applications that are past their deadline.
func (d *Desk) Expire(ctx context.Context) error {
	ids, err := d.due(ctx, deadlineBucket)
	if err != nil {
		return fmt.Errorf("expire: %w", err)
	}
	var errs []error
	for _, id := range ids {
		// An overdue application is expired by any change; one that is not
		// any more is left alone.
		_, err := d.change(ctx, id, func(*step) error { return errUnchanged })
		if err != nil && !errors.Is(err, fault.Conflict) {
			errs = append(errs, fmt.Errorf("expire %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

package enroll

import (
	"context"
	"errors"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/store"
)

// WatchVendors is a job: it says in the log which laboratories' certificates
// end within thirty days, and to which vendors nobody is sent any more.
func (d *Desk) WatchVendors(context.Context) error {
	for _, v := range d.Vendors {
		if err := v.Certified(d.now()); err != nil {
			d.Log.Error("nobody is sent to this vendor", "vendor", v.Name(), "error", err)
		}
		for _, c := range v.Ending(d.now()) {
			d.Log.Warn("certificate of a vendor ends soon", "vendor", v.Name(), "certificate", c.Number, "lab", c.Lab, "last_day", c.ValidTo)
		}
	}
	return nil
}

// mostPatientVisit bounds how often the time between two fetches doubles.
const mostPatientVisit = 3

// resumeVisit fetches what a session came to, when its vendor has called or
// it is time to ask: a call is never believed, and one that never comes is not
// missed. A result that is not final decides nothing; at the deadline the wait
// ends, and the applicant may go again or take another way.
func (d *Desk) resumeVisit(ctx context.Context, id string) error {
	a, begun, err := d.loadVisit(ctx, id)
	if err != nil {
		return err
	}
	if a.Visit == nil || a.Stage != Collecting && a.Stage != Waiting {
		return d.leaveVisit(ctx, a)
	}
	v := *a.Visit
	p, err := d.person(a)
	if err != nil {
		return err
	}
	vendor := d.vendorNamed(v.Vendor)
	if vendor == nil { // no longer configured: nobody can be asked
		return d.visitOver(ctx, id, v)
	}
	answer, err := vendor.Fetch(ctx, d.visitor(a, p, vendor), v.Ref)
	switch {
	case err == nil:
		return d.visitDone(ctx, id, v, answer)
	case !errors.Is(err, gateway.ErrPending) && !errors.Is(err, fault.Unavailable):
		return err
	case !d.now().Before(v.Deadline):
		return d.visitOver(ctx, id, v)
	}
	return d.fetchLater(ctx, id, begun, vendor.PollEvery(), v.Deadline)
}

func (d *Desk) loadVisit(ctx context.Context, id string) (a Application, w work, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		if a, err = loadApplication(tx, id); err != nil {
			return err
		}
		w, err = store.Load[work](tx, workBucket, string(workVisit)+"/"+id)
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return err
	})
	return a, w, err
}

// fetchLater puts the next fetch off, unless the vendor has called meanwhile.
func (d *Desk) fetchLater(ctx context.Context, id string, begun work, every time.Duration, deadline time.Time) error {
	now, key := d.now(), string(workVisit)+"/"+id
	due := now.Add(every << min(begun.Tries, mostPatientVisit))
	if due.After(deadline) {
		due = deadline
	}
	return d.Store.Update(ctx, func(tx store.Tx) error {
		w, err := store.Load[work](tx, workBucket, key)
		if errors.Is(err, store.ErrNotFound) || err == nil && w != begun {
			return nil
		}
		if err != nil {
			return err
		}
		return store.Save(tx, workBucket, key, work{Since: begun.Since, Due: due, Tries: begun.Tries + 1})
	})
}

// leaveVisit takes off the work for an application that waits for no vendor.
func (d *Desk) leaveVisit(ctx context.Context, a Application) error {
	if a.Visit == nil {
		return d.drop(ctx, workVisit, a.ID)
	}
	_, err := d.change(ctx, a.ID, func(s *step) error {
		s.endVisit()
		return nil
	})
	return err
}

// visitOver ends a session that came to nothing; it was no try.
func (d *Desk) visitOver(ctx context.Context, id string, v Visit) error {
	return d.endVisit(ctx, id, v, func(s *step) error {
		s.Tries.Face = max(0, s.Tries.Face-1)
		s.note("visit_unanswered", string(v.Type))
		return nil
	})
}

// visitDone draws the consequence of a final result: as MatchFace, a face that
// is not the person's is a try that failed, and all else is evidence. What a
// vendor says whom no laboratory vouches for now counts neither way.
func (d *Desk) visitDone(ctx context.Context, id string, v Visit, answer gateway.Answer[gateway.Session]) error {
	if !answer.Value.Certified { // its laboratories' word ended while the applicant was there
		return d.visitOver(ctx, id, v)
	}
	f := found{evidence.SessionRecord(v.Type, answer), answer.Raw}
	failed := f.record.Result == evidence.Mismatch || f.record.Result == evidence.Match && !answer.Value.Live
	return d.endVisit(ctx, id, v, func(s *step) error {
		if failed {
			return d.failFace(s)
		}
		if lacks, err := d.lacks(s.Application, v.Type, s.now); err != nil || !lacks {
			return err
		}
		if err := d.add(s, f); err != nil {
			return err
		}
		return d.settle(s)
	})
}

// endVisit ends the session with what fn makes of it, if the application still
// waits for this one, and tells the applicant, who may not be looking.
func (d *Desk) endVisit(ctx context.Context, id string, v Visit, fn func(*step) error) error {
	_, err := d.change(ctx, id, func(s *step) error {
		if s.Visit == nil || s.Visit.Ref != v.Ref {
			return errUnchanged
		}
		s.endVisit()
		if s.Stage != Collecting && s.Stage != Waiting {
			return nil
		}
		s.todo(workTell)
		return fn(s)
	})
	if errors.Is(err, fault.Conflict) { // past its time
		return nil
	}
	return err
}

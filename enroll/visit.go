package enroll

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Visit is a session at a vendor that an applicant was sent to and that has
// come to nothing yet.
type Visit struct {
	Type     evidence.Type `json:"type"`
	Vendor   string        `json:"vendor"` // connector's name@version
	Ref      string        `json:"ref"`    // what the vendor calls it
	Link     seal.Sealed   `json:"link"`   // who has it may act in the session
	At       time.Time     `json:"at"`
	Deadline time.Time     `json:"deadline"` // then the wait is over
}

// BeginVisit has a vendor open a session for the applicant's proof of the
// type, DocumentVideo or FaceMatch, once their phone is proven; one that is
// open already is kept. It counts as a try of the face (R7), which is given
// back if the session comes to nothing.
func (d *Desk) BeginVisit(ctx context.Context, id, token string, t evidence.Type) (Application, error) {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return a, err
	}
	vendor := d.Vendors[t]
	a, wanted, err := d.asks(ctx, a, t)
	switch {
	case err != nil || wanted && vendor != nil && a.visiting(d.now()) || !wanted && a.proven(t):
		return a, err
	case !wanted || vendor == nil:
		return a, fault.New(fault.Conflict, "vendor_none", "this proof does not count now, or nobody takes it; look at what the application needs")
	}
	if err := d.phoneFirst(a); err != nil {
		return a, err
	}
	if err := d.mayAsk(ctx, id); err != nil {
		return a, err
	}
	p, err := d.person(a)
	if err != nil {
		return a, err
	}
	if a, err = d.tryFace(ctx, id, 1); err != nil {
		return a, err
	}
	pending, err := vendor.Start(ctx, d.visitor(a, p, vendor))
	if err != nil {
		d.Log.Warn("vendor began no session", "type", t, "error", err)
		d.giveFaceBack(ctx, id)
		return a, err
	}
	return d.visit(context.WithoutCancel(ctx), id, Visit{Type: t, Vendor: vendor.Name(), Ref: pending.Ref, At: d.now(), Deadline: pending.Deadline}, pending.Link, vendor.PollEvery())
}

// visiting reports whether the applicant is expected at a vendor.
func (a *Application) visiting(now time.Time) bool {
	return a.Visit != nil && now.Before(a.Visit.Deadline)
}

// visitor is what a vendor is told.
func (d *Desk) visitor(a Application, p Person, vendor *gateway.Connector) gateway.Visitor {
	return gateway.Visitor{
		NationalCode: p.NationalCode, BirthDate: p.BirthDate, Locale: a.Locale,
		ReturnURL: d.Audience + "/enroll/" + a.ID, CallbackURL: d.Audience + "/api/v1/webhooks/" + short(vendor.Name()),
	}
}

// short is a connector's name without its version, which may go on while a
// session is open.
func short(name string) string {
	name, _, _ = strings.Cut(name, "@")
	return name
}

// vendorNamed returns the vendor of the name, with or without a version, or nil.
func (d *Desk) vendorNamed(name string) *gateway.Connector {
	for _, v := range d.Vendors {
		if short(v.Name()) == short(name) {
			return v
		}
	}
	return nil
}

// visitKey is how a session is found again by what its vendor calls it.
func visitKey(vendor, ref string) string { return short(vendor) + "/" + ref }

// visit notes the session, so that it is found again after a restart. If
// another request was faster, its session stays.
func (d *Desk) visit(ctx context.Context, id string, v Visit, link string, first time.Duration) (Application, error) {
	var err error
	if v.Link, err = d.Seal.Seal(applicationBucket, id, "visit/"+v.Ref, []byte(link)); err != nil {
		return Application{}, err
	}
	return d.change(ctx, id, func(s *step) error {
		if err := s.in(Collecting, Waiting); err != nil {
			return err
		}
		if s.visiting(s.now) {
			s.Tries.Face = max(0, s.Tries.Face-1)
			return nil
		}
		s.endVisit() // one whose time is over
		s.Visit = &v
		s.note("visit", string(v.Type))
		s.with(func(tx store.Tx) error {
			return errors.Join(store.Save(tx, visitBucket, visitKey(v.Vendor, v.Ref), id),
				store.Save(tx, workBucket, string(workVisit)+"/"+id, work{Since: s.now, Due: s.now.Add(first)}))
		})
		return nil
	})
}

// endVisit forgets the session, if there is one.
func (s *step) endVisit() {
	if s.Visit == nil {
		return
	}
	key := visitKey(s.Visit.Vendor, s.Visit.Ref)
	s.Visit = nil
	s.with(func(tx store.Tx) error { return tx.Delete(visitBucket, key) })
	s.done(workVisit)
}

// VisitState is where the applicant is expected.
type VisitState struct {
	Type     Need      `json:"type"`
	Link     string    `json:"link" doc:"the vendor's page: go there, and come back"`
	Deadline time.Time `json:"deadline" doc:"the wait for the result ends then"`
}

// showVisit adds what the applicant is to know of vendors.
func (d *Desk) showVisit(s *State, a Application, now time.Time, givable []evidence.Type) error {
	if a.Stage != Collecting && a.Stage != Waiting {
		return nil
	}
	for _, t := range givable {
		if d.Vendors[t] != nil {
			s.AtVendor = append(s.AtVendor, Need(t))
		}
	}
	if !a.visiting(now) {
		return nil
	}
	link, err := d.Seal.Open(applicationBucket, a.ID, "visit/"+a.Visit.Ref, a.Visit.Link)
	if err != nil {
		return err
	}
	s.Visit = &VisitState{Need(a.Visit.Type), string(link), a.Visit.Deadline}
	return nil
}

// Visits reports whether a proof that is asked for is given on a vendor's pages.
func (s State) Visits(n Need) bool { return slices.Contains(s.AtVendor, n) }

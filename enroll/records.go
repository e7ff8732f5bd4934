package enroll

import (
	"context"
	"errors"
	"fmt"
	"time"

	json "github.com/go-json-experiment/json/v1" // encoding/json's rules, faster

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Buckets of this room.
const (
	applicationBucket = "enroll_applications" // id -> Application
	eventBucket       = "enroll_events"       // id/version-n -> Event, never changed
	rawBucket         = "enroll_raw"          // id/proof -> sealed answer as received
	pictureBucket     = "enroll_pictures"     // id/proof -> sealed picture that a proof came with
	pictureEndBucket  = "enroll_picture_ends" // time/id/proof -> id/proof: erased then
	deadlineBucket    = "enroll_deadlines"    // time/id -> id, of open applications
	reviewBucket      = "enroll_reviews"      // id -> id, of applications at review
	proposalBucket    = "enroll_proposals"    // id/proposal -> Proposal
	retentionBucket   = "enroll_retention"    // time/id -> id, of ended applications
	personBucket      = "enroll_persons"      // holder/id -> id, of those in which the person proved their phone
	workBucket        = "enroll_work"         // kind/id -> work
	lockBucket        = "enroll_locks"        // id -> lockAsk
	disownedBucket    = "enroll_disowned"     // lineage -> when the person said that it is not theirs
	earlierBucket     = "enroll_earlier"      // hash of a record -> the other application it serves
	limitBucket       = "enroll_limits"       // what/who -> limit
	visitBucket       = "enroll_visits"       // vendor/its reference -> id, of open sessions
	inboxBucket       = "enroll_inbox"        // vendor/id of its call -> received
	revocationBucket  = "enroll_revocations"  // serial -> revocation
	secretBucket      = "enroll_secrets"      // id/protocol -> keptSecret
	bundleBucket      = "enroll_bundles"      // id -> bundle.Bundle
)

// Event is one line of an application's history; lines are only added.
type Event struct {
	At    time.Time `json:"at"`
	Stage Stage     `json:"stage"`         // after the event
	What  string    `json:"what"`          // a word from a closed set: "consented"
	Ref   string    `json:"ref,omitempty"` // a hash, an id; nothing personal
}

// workKind says what is still to be done for an application.
type workKind string

// The kinds of work that Resume finishes.
const (
	workCollect workKind = "collect" // after consent: registers not asked or first code not sent
	workIssue   workKind = "issue"
	workNotify  workKind = "notify"
	workBundle  workKind = "bundle"
	workWait    workKind = "wait"   // for a register that is down
	workResume  workKind = "resume" // a code to go on elsewhere
	workVisit   workKind = "visit"  // for what a vendor has to say
	workTell    workKind = "tell"   // that there is news, for who is not looking
)

// work is a piece of work that waits.
type work struct {
	Since time.Time `json:"since"`
	Tries int       `json:"tries,omitzero"` // in vain
	Due   time.Time `json:"due,omitzero"`   // not before
}

// errMoved says that somebody else saved the application since it was read.
var errMoved = errors.New("enroll: the application changed meanwhile")

// errUnchanged, returned by the function given to change, ends it without a
// write and without an error: the step was taken before.
var errUnchanged = errors.New("enroll: nothing to change")

func errUnknown() error {
	return fault.New(fault.NotFound, "application_unknown", "there is no such application; check its number")
}

func loadApplication(tx store.Tx, id string) (Application, error) {
	a, err := store.Load[Application](tx, applicationBucket, id)
	if errors.Is(err, store.ErrNotFound) {
		return a, errUnknown()
	}
	return a, err
}

// loadVersion reads which version of the application is stored, and no more of
// it: the version stands for all of the record, which only step.write saves.
func loadVersion(tx store.Tx, id string) (int, error) {
	v, err := store.LoadMember[int](tx, applicationBucket, id, "version")
	if errors.Is(err, store.ErrNotFound) {
		return 0, errUnknown()
	}
	return v, err
}

// mark is what the indexes hold of an application.
type mark struct {
	stage     Stage // "" of one that is not stored yet
	deadline  time.Time
	keepUntil time.Time
}

func markOf(a Application) mark {
	if a.Version == 0 {
		return mark{}
	}
	return mark{a.Stage, a.Deadline, a.KeepUntil}
}

// load reads the application; NotFound if there is none.
func (d *Desk) load(ctx context.Context, id string) (Application, error) {
	if id == "" {
		return Application{}, errUnknown()
	}
	a, err := store.Read[Application](ctx, d.Store, applicationBucket, id)
	if errors.Is(err, store.ErrNotFound) {
		err = errUnknown()
	}
	return a, err
}

// step is one try to change an application.
type step struct {
	Application      // as read, then as it shall be
	read        mark // of it as read
	now         time.Time
	events      []Event
	also        []func(store.Tx) error
}

// newStep begins a step from the application as it was read, or as it is
// before it is stored: at version 0.
func newStep(a Application, now time.Time) *step {
	return &step{Application: a, read: markOf(a), now: now}
}

// note adds an event with the stage reached so far.
func (s *step) note(what, ref string) {
	s.events = append(s.events, Event{At: s.now, Stage: s.Stage, What: what, Ref: ref})
}

// move goes to a stage, with an event, or refuses with Conflict.
func (s *step) move(to Stage, what, ref string) error {
	if err := s.become(to); err != nil {
		return err
	}
	s.note(what, ref)
	return nil
}

// with adds a write to the step's transaction.
func (s *step) with(fn func(store.Tx) error) { s.also = append(s.also, fn) }

// todo adds work for Resume, in the step's transaction.
func (s *step) todo(k workKind) {
	id, now := s.ID, s.now
	s.with(func(tx store.Tx) error {
		return store.Save(tx, workBucket, string(k)+"/"+id, work{Since: now})
	})
}

// done takes work off, in the step's transaction.
func (s *step) done(k workKind) {
	id := s.ID
	s.with(func(tx store.Tx) error { return tx.Delete(workBucket, string(k)+"/"+id) })
}

// change reads the application, lets fn change it and saves it if nobody was
// faster; else it begins again. fn runs outside the transaction. An
// application past its deadline is expired instead, and fn is not asked.
func (d *Desk) change(ctx context.Context, id string, fn func(*step) error) (Application, error) {
	a, err := d.load(ctx, id)
	if err != nil {
		return a, err
	}
	return d.changeFrom(ctx, a, fn)
}

// changeFrom is change for who has just read the application.
func (d *Desk) changeFrom(ctx context.Context, a Application, fn func(*step) error) (Application, error) {
	for {
		var err error
		s := newStep(a, d.now())
		overdue := a.overdue(s.now)
		if overdue {
			s.Stage = Expired // every open stage but issuing may
			s.note("expired", "")
		} else if err = fn(s); errors.Is(err, errUnchanged) {
			return a, nil
		} else if err != nil {
			return a, err
		}
		saved, err := d.save(ctx, s)
		switch {
		case errors.Is(err, errMoved):
			if a, err = d.load(ctx, a.ID); err != nil {
				return a, err
			}
			continue
		case err != nil:
			return a, err
		case overdue:
			return saved, saved.forbids()
		}
		return saved, nil
	}
}

// overdue reports whether the application's time is over. One that is being
// issued has no deadline: it is finished.
func (a *Application) overdue(now time.Time) bool {
	return a.Stage.Open() && a.Stage != Issuing && now.After(a.Deadline)
}

// save writes the step in a transaction of its own.
func (d *Desk) save(ctx context.Context, s *step) (Application, error) {
	return s.saved(), d.Store.Update(ctx, s.write)
}

// saved is the application as write leaves it.
func (s *step) saved() Application {
	a := s.Application
	a.Version++
	a.retained(s.now)
	return a
}

// write writes the step if the stored application is at the version that was
// read, else errMoved, before anything is written.
func (s *step) write(tx store.Tx) error {
	saved := s.saved()
	stored, err := loadVersion(tx, s.ID)
	switch {
	case errors.Is(err, fault.NotFound) && s.Version == 0:
	case err != nil:
		return err
	case stored != s.Version:
		return errMoved
	}
	if err := moveDeadline(tx, s.read, saved); err != nil {
		return err
	}
	if err := errors.Join(moveReview(tx, s.read, saved), moveRetention(tx, s.read, saved)); err != nil {
		return err
	}
	for i, e := range s.events {
		if err := store.Save(tx, eventBucket, fmt.Sprintf("%s/%08d-%d", s.ID, saved.Version, i), e); err != nil {
			return err
		}
	}
	for _, also := range s.also {
		if err := also(tx); err != nil {
			return err
		}
	}
	return store.Save(tx, applicationBucket, saved.ID, saved)
}

// moveDeadline keeps the index of deadlines in step with the application.
func moveDeadline(tx store.Tx, old mark, a Application) error {
	if old.stage != "" {
		if err := tx.Delete(deadlineBucket, deadlineKey(old.deadline, a.ID)); err != nil {
			return err
		}
	}
	if !a.Stage.Open() || a.Stage == Issuing {
		return nil
	}
	return store.Save(tx, deadlineBucket, deadlineKey(a.Deadline, a.ID), a.ID)
}

// moveReview keeps the list of applications at review in step with them.
func moveReview(tx store.Tx, old mark, a Application) error {
	switch {
	case a.Stage == Review:
		return store.Save(tx, reviewBucket, a.ID, a.ID)
	case old.stage == Review:
		return tx.Delete(reviewBucket, a.ID)
	}
	return nil
}

func deadlineKey(t time.Time, id string) string { return fmt.Sprintf("%012d/%s", t.Unix(), id) }

// Events returns the application's history, oldest first.
func (d *Desk) Events(ctx context.Context, id string) ([]Event, error) {
	var list []Event
	err := d.Store.View(ctx, func(tx store.Tx) error {
		return store.Each(tx, eventBucket, id+"/", "", func(_ string, e Event) error {
			list = append(list, e)
			return nil
		})
	})
	return list, err
}

// sealJSON seals v as a field of the application.
func (d *Desk) sealJSON(id, field string, v any) (seal.Sealed, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return seal.Sealed{}, fmt.Errorf("seal %s: %w", field, err)
	}
	return d.Seal.Seal(applicationBucket, id, field, b)
}

func (d *Desk) openJSON(id, field string, s seal.Sealed, v any) error {
	b, err := d.Seal.Open(applicationBucket, id, field, s)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("open %s: %w", field, err)
	}
	return nil
}

// person opens what the applicant said.
func (d *Desk) person(a Application) (Person, error) {
	var p Person
	err := d.openJSON(a.ID, "person", a.Person, &p)
	return p, err
}

// records opens the application's evidence. A record that does not have the
// hash kept beside it is an error: nothing rests on it.
func (d *Desk) records(a Application) ([]evidence.Record, error) {
	list := make([]evidence.Record, 0, len(a.Evidence))
	for _, p := range a.Evidence {
		var r evidence.Record
		if err := d.openJSON(a.ID, "evidence/"+p.ID, p.Sealed, &r); err != nil {
			return nil, err
		}
		if r.Hash() != p.SHA256 || r.Type != p.Type || r.Result != p.Result {
			return nil, fmt.Errorf("open evidence %s of %s: it is not the record it was", p.ID, a.ID)
		}
		list = append(list, r)
	}
	return list, nil
}

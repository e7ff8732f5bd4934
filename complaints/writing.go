package complaints

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
)

const (
	// writingBucket keeps complaints that are being written: id -> writing.
	writingBucket = "complaints_writing"
	// writingLife is how long one is kept after the last step.
	writingLife = 72 * time.Hour
	// writingTries bounds how often a step is taken again because another was
	// taken at the same moment.
	writingTries = 5
)

// Candidate is a business that a consumer may mean.
type Candidate struct {
	Business ca.BusinessID
	Name     string // "" if none is known
	Domain   string // "" if none is known
}

// Written is what a consumer has written of a complaint so far, each part in
// the form in which it is filed. Nothing of it is counted, served or logged.
type Written struct {
	ID         string   `json:"-"`
	Key        string   // of the filing; id and token come from it
	Lang       string   // for messages
	Category   Category // "" at first
	Businesses []Candidate
	Purchase   Purchase
	Text       string
	Contact    Contact
}

// writing is the record of one. What was written is sealed.
type writing struct {
	Token   []byte      `json:"token"` // SHA-256 of the consumer's token
	Version int         `json:"version"`
	Sealed  seal.Sealed `json:"sealed"` // Written, as JSON
	Expires time.Time   `json:"expires"`
}

// over reports whether its time is over.
func (r writing) over(now time.Time) bool { return !now.Before(r.Expires) }

// step is a page of writing a complaint.
type step string

// The steps, in their order.
const (
	stepMatter   step = "matter"
	stepBusiness step = "business"
	stepDetails  step = "details"
	stepPictures step = "pictures"
	stepContact  step = "contact"
	stepCheck    step = "check"
)

func writingSteps() []step {
	return []step{stepMatter, stepBusiness, stepDetails, stepPictures, stepContact, stepCheck}
}

// Lacks is the first step that is to be done yet. Pictures are never lacking.
func (w Written) Lacks() step {
	switch {
	case w.Category == "":
		return stepMatter
	case len(w.Businesses) == 0:
		return stepBusiness
	case w.Text == "":
		return stepDetails
	case w.Contact == Contact{}:
		return stepContact
	}
	return stepCheck
}

// open reports whether the step can be shown: nothing before it is lacking.
func (w Written) open(s step) bool {
	all := writingSteps()
	return slices.Index(all, s) <= slices.Index(all, w.Lacks())
}

// filing is what was written as it is filed.
func (w Written) filing() Filing {
	f := Filing{Key: w.Key, Category: w.Category, Purchase: w.Purchase, Text: w.Text, Contact: w.Contact}
	for i, b := range w.Businesses {
		if i == 0 {
			f.Business = string(b.Business)
		} else {
			f.Also = append(f.Also, string(b.Business))
		}
	}
	return f
}

// add names one more business, once.
func (w *Written) add(b Candidate) error {
	if slices.ContainsFunc(w.Businesses, func(had Candidate) bool { return had.Business == b.Business }) {
		return nil
	}
	if len(w.Businesses) > maxAlso {
		return errTooManyBusinesses()
	}
	w.Businesses = append(w.Businesses, b)
	return nil
}

// beginWriting keeps the first answer under the key of a form. The same form
// sent twice goes on with the same.
func (d *Desk) beginWriting(ctx context.Context, w Written) (id, token string, err error) {
	if _, err := parseKey(w.Key); err != nil {
		return "", "", err
	}
	if !w.Category.Known() {
		return "", "", errCategoryUnknown()
	}
	id, token = d.names(w.Key)
	sum, now := sha256.Sum256([]byte(token)), d.now()
	r := writing{Token: sum[:], Version: 1, Expires: now.Add(writingLife)}
	if r.Sealed, err = d.sealWriting(id, w); err != nil {
		return "", "", err
	}
	return id, token, d.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := loadFile(tx, id); err == nil {
			return errKeyReused()
		} else if !errors.Is(err, fault.NotFound) {
			return err
		}
		if had, err := store.Load[writing](tx, writingBucket, id); err == nil && !had.over(now) {
			return nil
		} else if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return store.Save(tx, writingBucket, id, r)
	})
}

func (d *Desk) sealWriting(id string, w Written) (seal.Sealed, error) {
	plain, err := json.Marshal(w)
	if err != nil {
		return seal.Sealed{}, fmt.Errorf("encode what was written: %w", err)
	}
	sealed, err := d.Seal.Seal(writingBucket, id, "written", plain)
	if err != nil {
		return seal.Sealed{}, fmt.Errorf("seal what was written: %w", err)
	}
	return sealed, nil
}

// written opens what was written for its consumer: NotFound if there is none
// or its time is over, Denied for a wrong token.
func (d *Desk) written(ctx context.Context, id, token string) (Written, error) {
	w, _, err := d.openWriting(ctx, id, token)
	return w, err
}

func (d *Desk) openWriting(ctx context.Context, id, token string) (w Written, r writing, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		r, err = loadWriting(tx, id, token, d.now())
		return err
	})
	if err != nil {
		return w, r, err
	}
	plain, err := d.Seal.Open(writingBucket, id, "written", r.Sealed)
	if err != nil {
		return w, r, fmt.Errorf("open what was written: %w", err)
	}
	w.ID = id
	return w, r, json.Unmarshal(plain, &w)
}

func loadWriting(tx store.Tx, id, token string, now time.Time) (writing, error) {
	if id == "" {
		return writing{}, errUnknown()
	}
	r, err := store.Load[writing](tx, writingBucket, id)
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && r.over(now):
		return r, errUnknown()
	case err != nil:
		return r, err
	}
	return r, (file{Token: r.Token}).mayOpen(token)
}

// write changes what was written by fn, which may run again, and keeps it for
// writingLife from now.
func (d *Desk) write(ctx context.Context, id, token string, fn func(*Written) error) error {
	for range writingTries {
		w, had, err := d.openWriting(ctx, id, token)
		if err != nil {
			return err
		}
		if err := fn(&w); err != nil {
			return err
		}
		r, now := writing{Token: had.Token, Version: had.Version + 1}, d.now()
		r.Expires = now.Add(writingLife)
		if r.Sealed, err = d.sealWriting(id, w); err != nil {
			return err
		}
		kept := false
		err = d.Store.Update(ctx, func(tx store.Tx) error {
			is, err := loadWriting(tx, id, token, now)
			if kept = err == nil && is.Version == had.Version; !kept {
				return err
			}
			return store.Save(tx, writingBucket, id, r)
		})
		if err != nil || kept {
			return err
		}
	}
	return fault.New(fault.Conflict, "complaint_writing_changed", "this complaint is being written in another window at the same moment; open the page anew")
}

// means returns the businesses that the question may mean: by a part of a name
// or a domain among those that can be found, by an id whichever there is.
func (d *Desk) means(ctx context.Context, question string) (list []Candidate, err error) {
	b, notID := ca.ParseBusinessID(question)
	if d.Find != nil {
		if list, err = d.Find(ctx, question); err != nil && notID != nil {
			return nil, err
		}
	}
	if notID != nil {
		if d.Find == nil {
			return nil, notID
		}
		return list, nil
	}
	if slices.ContainsFunc(list, func(f Candidate) bool { return f.Business == b }) {
		return list, nil
	}
	if err := d.exists(ctx, b); err != nil {
		return list, err
	}
	return append(list, Candidate{Business: b}), nil
}

// exists is errBusinessUnknown for a business of which nobody knows.
func (d *Desk) exists(ctx context.Context, b ca.BusinessID) error {
	var is bool
	err := d.Store.View(ctx, func(tx store.Tx) (err error) {
		is, err = known(tx, b)
		return err
	})
	if err != nil || is {
		return err
	}
	return d.ask(ctx, b)
}

// sendWritten makes a draft of what was written and sends a code to its
// contact, unless it has one.
func (d *Desk) sendWritten(ctx context.Context, id, token string) error {
	w, err := d.written(ctx, id, token)
	if err != nil {
		return err
	}
	_, err = d.begun(ctx, w.filing(), w.Lang, true)
	return err
}

// fileWritten files what was written with the code that its contact got.
// Doing it again gives the same ticket.
func (d *Desk) fileWritten(ctx context.Context, id, token, code string) (Ticket, error) {
	w, err := d.written(ctx, id, token)
	if errors.Is(err, fault.NotFound) {
		return d.Confirm(ctx, id, token, code)
	}
	if err != nil {
		return Ticket{}, err
	}
	if w.Lacks() != stepCheck {
		return Ticket{}, errWritingLacks()
	}
	if _, err := d.begun(ctx, w.filing(), w.Lang, true); err != nil {
		return Ticket{}, err
	}
	return d.Confirm(ctx, id, token, code)
}

func errWritingLacks() error {
	return fault.New(fault.Invalid, "complaint_writing_lacks", "something is missing in this complaint; open it anew and go on from there")
}

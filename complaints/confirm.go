package complaints

import (
	"context"

	"mohr/internal/fault"
	"mohr/internal/otp"
	"mohr/internal/store"
)

// Confirm files a draft with the code that its contact got. From then it is on
// the record: served to the business at once, unless an officer looks at it
// first. Doing it again gives the same ticket, whatever the code.
func (d *Desk) Confirm(ctx context.Context, id, token, code string) (Ticket, error) {
	f, err := d.filed(ctx, id, token)
	if err == nil {
		return d.ticket(ctx, f, token)
	}
	if fault.Code(err) != codeUnconfirmed {
		return Ticket{}, err
	}
	r, in, err := d.openDraft(ctx, id, token)
	if err != nil {
		return Ticket{}, err
	}
	at := d.now()
	via, _, codes, err := d.reach(in.Contact)
	if err != nil {
		return Ticket{}, err
	}
	s, err := d.store(id, token, in, private{Purchase: in.Purchase, Text: in.Text, Contact: in.Contact}, via, at)
	if err != nil {
		return Ticket{}, err
	}
	s.Lang = r.Lang
	attempt, right := codes.Attempt(d.codeBinding(id, in.Contact), code), false
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		right = true
		if ok, err := store.Has(tx, caseBucket, id); ok || err != nil {
			return err // confirmed twice at once
		}
		if right, err = attempt.Use(tx); err != nil || !right {
			return err // a wrong try is to be counted
		}
		if err := d.open(tx, s); err != nil {
			return err
		}
		if err := tx.Delete(draftBucket, id); err != nil {
			return err
		}
		return takeOver(tx, id, at)
	})
	if err == nil && !right {
		err = otp.Refused()
	}
	if err != nil {
		return Ticket{}, err
	}
	for _, b := range s.businesses() {
		d.tell(ctx, matter{s.file, b}.key())
	}
	return d.ticket(ctx, s.file, token)
}

// filed returns the complaint's record to who has its token.
func (d *Desk) filed(ctx context.Context, id, token string) (f file, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		f, err = authorised(tx, id, token)
		return err
	})
	return f, err
}

// codeUnconfirmed is the code of the fault for a draft.
const codeUnconfirmed = "complaint_unconfirmed"

// unconfirmed returns a Conflict for a draft of that token, else err.
func unconfirmed(tx store.Tx, id, token string, err error) error {
	if id == "" {
		return err
	}
	r, missing := store.Load[draft](tx, draftBucket, id)
	if w, found := store.Load[writing](tx, writingBucket, id); missing != nil && found == nil {
		r.Token, missing = w.Token, nil
	}
	if missing != nil || (file{Token: r.Token}).mayOpen(token) != nil {
		return err
	}
	return fault.New(fault.Conflict, codeUnconfirmed, "this complaint is not filed yet: its contact is not confirmed; give the code that was sent there")
}

package complaints

import (
	"cmp"
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"mohr/internal/fault"
	"mohr/internal/otp"
	"mohr/internal/seal"
	"mohr/internal/store"
)

const (
	// draftBucket keeps filings until their contact is confirmed: id -> draft.
	draftBucket = "complaints_drafts"
	// draftLife is how long a filing waits for that.
	draftLife = 24 * time.Hour
	// codePurpose binds codes to filings.
	codePurpose = "complaint-contact"
)

// Draft is a filing whose contact is not confirmed: nothing is counted, served
// or logged of it.
type Draft struct {
	ID        string    `json:"id"`
	Token     string    `json:"token" doc:"opens the complaint; shown here only"`
	Contact   string    `json:"contact" doc:"where the code was sent: mobile or email"`
	Until     time.Time `json:"until" doc:"when the draft is deleted"`
	Confirmed bool      `json:"confirmed" doc:"true if it was filed already"`
}

// draft is the record of one.
type draft struct {
	Token   []byte      `json:"token"`   // SHA-256 of the consumer's token
	Content []byte      `json:"content"` // MAC of what is to be filed
	Filing  seal.Sealed `json:"filing"`  // Filing, as JSON
	Contact string      `json:"contact"`
	Purpose string      `json:"purpose"` // of its code; another contact has another
	Lang    string      `json:"lang"`
	Sent    bool        `json:"sent"` // a code was
	Expires time.Time   `json:"expires"`
}

// reach returns the way in which the contact is confirmed, its address and who
// sends codes there. A mobile comes first.
func (d *Desk) reach(c Contact) (via, to string, codes *otp.Codes, err error) {
	switch {
	case c.Mobile != "":
		return "mobile", c.Mobile, d.Codes, nil
	case d.MailCodes != nil:
		return "email", c.Email, d.MailCodes, nil
	}
	return "", "", nil, fault.New(fault.Invalid, "complaint_mobile_needed", "no code can be sent by e-mail here; give a mobile number")
}

// Begin takes a filing in and sends a code to its contact, in the language lang
// ("fa" or "en"). Confirm files it. The same filing with the same key again
// gives the same draft; another one with that key is a Conflict. Beyond the
// limits of its contact it is Limited, against a business nobody knows
// NotFound, and Unavailable while the register that would know, or who sends
// the code, does not answer.
func (d *Desk) Begin(ctx context.Context, in Filing, lang string) (Draft, error) {
	return d.begun(ctx, in, lang, false)
}

// begun is Begin; with anew another filing with that key replaces the draft,
// which is for who has its token.
func (d *Desk) begun(ctx context.Context, in Filing, lang string, anew bool) (Draft, error) {
	out, contact, sent, err := d.draft(ctx, in, lang, anew)
	if err != nil || out.Confirmed || sent {
		return out, err
	}
	return out, d.sendCode(ctx, out.ID, contact, lang)
}

// draft judges and stores a filing; sent is whether its contact has a code.
func (d *Desk) draft(ctx context.Context, in Filing, lang string, anew bool) (out Draft, c Contact, sent bool, err error) {
	now := d.now()
	p, err := in.check(now)
	if err != nil {
		return out, c, false, err
	}
	in.Purchase, in.Text, in.Contact = p.Purchase, p.Text, p.Contact
	via, _, _, err := d.reach(in.Contact)
	if err != nil {
		return out, c, false, err
	}
	id, token := d.names(in.Key)
	f, err := d.seal(id, token, in, p)
	if err != nil {
		return out, c, false, err
	}
	if err := d.admit(ctx, id, in, d.quota(in.businesses(), p.Contact, now)); err != nil {
		return out, c, false, err
	}
	r := draft{Token: f.Token, Content: f.Content, Contact: via, Purpose: d.codeBinding(id, in.Contact).Purpose, Lang: lang, Expires: now.Add(draftLife)}
	if r.Filing, err = d.sealFiling(id, in); err != nil {
		return out, c, false, err
	}
	out = Draft{ID: id, Token: token, Contact: via}
	err = d.Store.Update(ctx, func(tx store.Tx) (err error) {
		r, out.Confirmed, err = keepDraft(tx, f, r, now, anew)
		return err
	})
	if err != nil {
		return Draft{}, c, false, err
	}
	out.Until = r.Expires
	return out, in.Contact, r.Sent, nil
}

// codeBinding binds a code to the draft and to where it was sent: it confirms
// no other contact that the draft is given later.
func (d *Desk) codeBinding(id string, c Contact) otp.Binding {
	to := c.Mobile
	if to == "" {
		to = c.ways()["email"]
	}
	return otp.Binding{Session: id, Purpose: codePurpose + "/" + d.Seal.Index(draftBucket, "code", to)}
}

func (d *Desk) sealFiling(id string, in Filing) (seal.Sealed, error) {
	plain, err := json.Marshal(in)
	if err != nil {
		return seal.Sealed{}, fmt.Errorf("encode filing: %w", err)
	}
	sealed, err := d.Seal.Seal(draftBucket, id, "filing", plain)
	if err != nil {
		return seal.Sealed{}, fmt.Errorf("seal filing: %w", err)
	}
	return sealed, nil
}

// keepDraft stores r unless the same was stored or filed before. With anew it
// takes the place of another draft; the code that this one's contact has counts.
func keepDraft(tx store.Tx, f file, r draft, now time.Time, anew bool) (_ draft, filed bool, err error) {
	switch had, err := loadFile(tx, f.ID); {
	case err == nil && hmac.Equal(had.Content, f.Content):
		return r, true, nil
	case err == nil:
		return r, false, errKeyReused()
	case !errors.Is(err, fault.NotFound):
		return r, false, err
	}
	switch had, err := store.Load[draft](tx, draftBucket, f.ID); {
	case err == nil && !hmac.Equal(had.Content, f.Content):
		if !anew {
			return r, false, errKeyReused()
		}
		r.Sent = had.Sent && had.Purpose == r.Purpose
	case err == nil && now.Before(had.Expires):
		return had, false, nil
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return r, false, err
	}
	return r, false, store.Save(tx, draftBucket, f.ID, r)
}

// sendCode counts and sends a code, and notes that one was sent.
func (d *Desk) sendCode(ctx context.Context, id string, c Contact, lang string) error {
	via, to, codes, err := d.reach(c)
	if err != nil {
		return err
	}
	q := d.codeQuota(via, c.ways()[via], d.now())
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if over, err := reached(tx, q.contact, q.limits.Total); over || err != nil {
			return cmp.Or(err, fault.New(fault.Limited, "complaint_limit_codes", "%[1]d codes were sent to this contact today, and more are not; go on tomorrow", q.limits.Total))
		}
		return q.use(tx)
	})
	if err != nil {
		return err
	}
	if err := codes.Send(ctx, d.codeBinding(id, c), to, lang); err != nil {
		return err
	}
	return d.Store.Update(ctx, func(tx store.Tx) error {
		r, err := store.Load[draft](tx, draftBucket, id)
		if err != nil || r.Sent {
			return err
		}
		r.Sent = true
		return store.Save(tx, draftBucket, id, r)
	})
}

// ResendCode sends another code for a draft; the one before is worthless then.
func (d *Desk) ResendCode(ctx context.Context, id, token string) error {
	r, in, err := d.openDraft(ctx, id, token)
	if err != nil {
		return err
	}
	return d.sendCode(ctx, id, in.Contact, r.Lang)
}

// openDraft opens a draft for its consumer: NotFound if there is none or its
// time is over, Denied for a wrong token.
func (d *Desk) openDraft(ctx context.Context, id, token string) (r draft, in Filing, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		r, err = store.Load[draft](tx, draftBucket, id)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && !d.now().Before(r.Expires):
		return r, in, errUnknown()
	case err != nil:
		return r, in, err
	}
	if err := (file{Token: r.Token}).mayOpen(token); err != nil {
		return r, in, err
	}
	plain, err := d.Seal.Open(draftBucket, id, "filing", r.Filing)
	if err != nil {
		return r, in, err
	}
	return r, in, json.Unmarshal(plain, &in)
}

// pruneAtOnce bounds what one transaction of PruneDrafts deletes.
const pruneAtOnce = 500

// over reports whether the draft's time is over.
func (r draft) over(now time.Time) bool { return !now.Before(r.Expires) }

// PruneDrafts deletes the drafts, and what was begun to be written, whose time
// is over, and returns how many. It is a job, safe to repeat.
func (d *Desk) PruneDrafts(ctx context.Context) (int, error) {
	drafts, err := prune[draft](ctx, d, draftBucket, func(tx store.Tx, id string) error { return tx.Delete(draftBucket, id) })
	if err != nil {
		return drafts, err
	}
	begun, err := prune[writing](ctx, d, writingBucket, dropWriting)
	return drafts + begun, err
}

// prune drops the records of the bucket whose time is over.
func prune[T interface{ over(time.Time) bool }](ctx context.Context, d *Desk, bucket string, drop func(store.Tx, string) error) (int, error) {
	for total := 0; ; {
		now := d.now()
		var old []string
		err := d.Store.Update(ctx, func(tx store.Tx) error {
			old = old[:0]
			err := store.Each(tx, bucket, "", "", func(id string, r T) error {
				if r.over(now) {
					old = append(old, id)
				}
				if len(old) == pruneAtOnce {
					return store.Stop
				}
				return nil
			})
			for _, id := range old {
				if err == nil {
					err = drop(tx, id)
				}
			}
			return err
		})
		if err != nil {
			return total, fmt.Errorf("prune drafts of complaints: %w", err)
		}
		if total += len(old); len(old) < pruneAtOnce {
			return total, nil
		}
	}
}

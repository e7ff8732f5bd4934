package enroll

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/otp"
	"mohr/internal/seal"
	"mohr/internal/store"
	"mohr/internal/web"
)

const (
	// liftAfter is how long a lock holds on after it was lifted: who did not
	// lift it has that long to lock again.
	liftAfter = 24 * time.Hour
	// lockAskFor is how long an ask may take.
	lockAskFor = time.Hour
	// lockQuiet is how long a SIM must have been in use to lift a lock, days.
	lockQuiet = 7
)

// LockForm is what a person hands in to lock certificates in their name, or
// to lift the lock.
type LockForm struct {
	NationalCode, Mobile string
	Lift                 bool
	Locale               string // "fa" or "en"; "" is fa
}

// lockAsk is an ask on its way.
type lockAsk struct {
	TokenSHA256 string      `json:"token_sha256"`
	Lift        bool        `json:"lift"`
	Locale      string      `json:"locale"`
	Person      seal.Sealed `json:"person"` // a Person with code and phone
	Proven      bool        `json:"proven"` // the code was right
	Turned      bool        `json:"turned"` // it has locked
	Quiet       bool        `json:"quiet"`  // the phone's SIM was not changed a short time ago
	At          time.Time   `json:"at"`
}

// binding ties the code to the ask and to what it is for.
func (a lockAsk) binding(id string) otp.Binding {
	purpose := "lock"
	if a.Lift {
		purpose = "lift"
	}
	return otp.Binding{Session: id, Purpose: purpose}
}

// AskLock begins a lock, or the lifting of one, and sends a code to the phone
// that was named. It answers alike whoever that phone belongs to.
func (d *Desk) AskLock(ctx context.Context, f LockForm) (id, token string, err error) {
	p := Person{}
	if p.NationalCode, err = evidence.ParseNationalCode(f.NationalCode); err != nil {
		return "", "", err
	}
	if p.Mobile, err = evidence.ParseMobile(f.Mobile); err != nil {
		return "", "", err
	}
	if f.Locale != "en" {
		f.Locale = "fa"
	}
	id = newID()
	a := lockAsk{Lift: f.Lift, Locale: f.Locale, At: d.now()}
	token, a.TokenSHA256 = newToken()
	if a.Person, err = d.sealJSON(id, "lock", p); err != nil {
		return "", "", err
	}
	phone := d.phoneKey(p.Mobile)
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if err := take(tx, phone, d.Limits.PerMobile, d.Limits.Window, a.At); err != nil {
			return err
		}
		return store.Save(tx, lockBucket, id, a)
	})
	if err != nil {
		return "", "", err
	}
	return id, token, d.OTP.Send(ctx, a.binding(id), p.Mobile, a.Locale)
}

// ProveLock redeems the code and, if the register says that the phone is the
// person's, locks or lifts. A register that is down leaves the code redeemed:
// the same call again, with any code, goes on.
func (d *Desk) ProveLock(ctx context.Context, id, token, code string) (ca.Lock, error) {
	a, p, err := d.openLock(ctx, id, token)
	if err != nil {
		return ca.Lock{}, err
	}
	if !a.Proven {
		if err := d.OTP.Redeem(ctx, a.binding(id), code); err != nil {
			return ca.Lock{}, err
		}
		a.Proven = true
		kept := context.WithoutCancel(ctx) // the code is used up
		if err := d.Store.Update(kept, func(tx store.Tx) error { return store.Save(tx, lockBucket, id, a) }); err != nil {
			return ca.Lock{}, err
		}
	}
	if err := d.mayAsk(ctx, id); err != nil {
		return ca.Lock{}, err
	}
	owner, err := d.Registry.Mobile(ctx, p.NationalCode, p.Mobile)
	if err != nil {
		return ca.Lock{}, err
	}
	if owner.Contradicts || owner.Value.Result != gateway.Match {
		return ca.Lock{}, fault.New(fault.Denied, "lock_phone_foreign", "the register does not say that this phone is this person's; give the phone that is registered in your name, or ask an operator")
	}
	a.Quiet = !owner.Value.SIMUnknown && owner.Value.SIMChangedDays >= lockQuiet
	if a.Lift && !a.Quiet {
		return ca.Lock{}, fault.New(fault.Denied, "lock_sim_young", "the SIM was changed less than %[1]d days ago, so the lock is not lifted with it; wait, or ask an operator", lockQuiet)
	}
	return d.turnLock(ctx, id, a, p)
}

// openLock reads an ask for who holds its token.
func (d *Desk) openLock(ctx context.Context, id, token string) (a lockAsk, p Person, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		a, err = store.Load[lockAsk](tx, lockBucket, id)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return a, p, err
	}
	same := hasHash(token, a.TokenSHA256)
	switch {
	case err != nil || d.now().Sub(a.At) > lockAskFor:
		return a, p, fault.New(fault.NotFound, "lock_unknown", "there is no such ask, or its time is over; begin again")
	case !same:
		return a, p, web.TokenInvalid()
	}
	return a, p, d.openJSON(id, "lock", a.Person, &p)
}

// turnLock locks or lifts, and tells the person at their phone.
func (d *Desk) turnLock(ctx context.Context, id string, a lockAsk, p Person) (l ca.Lock, err error) {
	now, holder := d.now(), d.CA.Holder(p.NationalCode)
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if a.Lift {
			if l, err = ca.LiftLock(tx, holder, now, now.Add(liftAfter)); err != nil {
				return err
			}
			return tx.Delete(lockBucket, id)
		}
		if l, err = ca.LockHolder(tx, holder, now); err != nil {
			return err
		}
		a.Turned = true // who locked may look at what is in their name
		return store.Save(tx, lockBucket, id, a)
	})
	if err != nil {
		return l, err
	}
	text := d.Texts.Text(a.Locale, "enroll.sms.locked")
	if a.Lift {
		text = d.Texts.Text(a.Locale, "enroll.sms.lifted", d.Audience+"/enroll/lock")
	}
	if _, err := d.Notifier.SMS(context.WithoutCancel(ctx), p.Mobile, text); err != nil {
		// The phone has just proven itself and sees the answer; it is told no more.
		d.Log.Warn("lock not told", "error", err)
	}
	return l, nil
}

// pruneLocks deletes asks whose time is over.
func (d *Desk) pruneLocks(ctx context.Context) error {
	now := d.now()
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		var old []string
		err := store.Each(tx, lockBucket, "", "", func(id string, a lockAsk) error {
			if now.Sub(a.At) > lockAskFor {
				old = append(old, id)
			}
			if len(old) == resumeBatch {
				return store.Stop
			}
			return nil
		})
		for _, id := range old {
			err = errors.Join(err, tx.Delete(lockBucket, id))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("prune locks: %w", err)
	}
	return nil
}

type lockIn struct {
	Body struct {
		NationalCode string `json:"national_code" maxLength:"40"`
		Mobile       string `json:"mobile" maxLength:"40" doc:"registered in the person's name"`
		Lift         bool   `json:"lift,omitempty" doc:"lift the lock; it ends a day later"`
		Locale       string `json:"locale,omitempty" maxLength:"8"`
	}
}

type lockAskOut struct {
	Body struct {
		ID    string `json:"id"`
		Token string `json:"token"`
	}
}

type lockOut struct {
	Body struct {
		Locked bool       `json:"locked"`
		Since  *time.Time `json:"since,omitempty"`
		Lifts  *time.Time `json:"lifts,omitempty" doc:"the lock ends then"`
	}
}

// routesLock hangs what a person does who wants no certificate in their name.
func (d *Desk) routesLock(s *web.Server) {
	ask := web.Operation{Method: http.MethodPost, Path: "/locks", ID: "ask-lock", Summary: "Lock certificates in one's name, or lift the lock: a code is sent", Tag: "lock", Status: http.StatusCreated}
	web.Handle(s, ask, func(ctx context.Context, in *lockIn) (*lockAskOut, error) {
		b := in.Body
		id, token, err := d.AskLock(ctx, LockForm{NationalCode: b.NationalCode, Mobile: b.Mobile, Lift: b.Lift, Locale: b.Locale})
		out := &lockAskOut{}
		out.Body.ID, out.Body.Token = id, token
		return out, err
	})
	prove := web.Operation{Method: http.MethodPost, Path: "/locks/{id}/code", ID: "prove-lock", Summary: "Hand in the code of a lock", Tag: "lock", Bearer: true}
	web.Handle(s, prove, func(ctx context.Context, in *codeIn) (*lockOut, error) {
		token, err := web.Bearer(ctx)
		if err != nil {
			return nil, err
		}
		l, err := d.ProveLock(ctx, in.ID, token, in.Body.Code)
		if err != nil {
			return nil, err
		}
		out := &lockOut{}
		if out.Body.Locked = l.Holds(d.now()); out.Body.Locked {
			out.Body.Since = &l.Since
		}
		if out.Body.Locked && !l.Lifts.IsZero() {
			out.Body.Lifts = &l.Lifts
		}
		return out, nil
	})
}

package enroll

import (
	"errors"
	"time"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// Limits bounds what one person, code or key may try. Zero fields take the
// default.
type Limits struct {
	PerPerson     int           // applications a national code: opened within Unproven, or with the phone proven within Window; 20
	PerMobile     int           // codes sent to a phone in Window; 30
	PerRefresh    int           // times an application asks the registers again in Window; 300
	PerRevocation int           // tries of a revocation code a certificate in Window; 10
	Window        time.Duration // 24 hours
	Unproven      time.Duration // how long an application counts that never proved the person's phone; 1 hour
	WrongCodes    int           // an application; then it fails (R7); 10
	FaceTries     int           // an application; then it fails; 3
	ChipTries     int           // an application; then it fails; 10
}

func (l *Limits) fill() {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	set(&l.PerPerson, 20)
	set(&l.PerMobile, 30)
	set(&l.PerRefresh, 300)
	set(&l.PerRevocation, 10)
	set(&l.WrongCodes, 10)
	set(&l.FaceTries, 3)
	set(&l.ChipTries, 10)
	if l.Window == 0 {
		l.Window = 24 * time.Hour
	}
	if l.Unproven == 0 {
		l.Unproven = time.Hour
	}
}

// open counts an application for the national code and refuses one too many.
// Anybody may open one in another's name, so that counts for a short time
// only: an outsider cannot keep a person out for a day. The longer count is of
// those whose applicant proved the phone that the register says is theirs.
func (l *Limits) open(tx store.Tx, person string, now time.Time) error {
	if t, err := loadTally(tx, "proven/"+person, l.Window, now); err != nil {
		return err
	} else if t.Count >= l.PerPerson {
		return errLimit()
	}
	return take(tx, "person/"+person, l.PerPerson, l.Unproven, now)
}

// proven counts an application whose applicant proved the person's phone.
func (l *Limits) proven(tx store.Tx, person string, now time.Time) error {
	key := "proven/" + person
	t, err := loadTally(tx, key, l.Window, now)
	if err != nil {
		return err
	}
	t.Count++
	return store.Save(tx, limitBucket, key, t)
}

func errLimit() error {
	return fault.New(fault.Limited, "enroll_limit", "too many tries; wait some hours and try again")
}

// tally counts tries in a window that begins with the first.
type tally struct {
	Since time.Time `json:"since"`
	Count int       `json:"count"`
}

// loadTally returns the count of the window that is open at now.
func loadTally(tx store.Tx, key string, window time.Duration, now time.Time) (tally, error) {
	t, err := store.Load[tally](tx, limitBucket, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return t, err
	}
	if t.Since.IsZero() || now.Sub(t.Since) >= window {
		t = tally{Since: now}
	}
	return t, nil
}

// take counts one try under key and refuses, as Limited, the one after max.
// key must hold nothing personal: a blind index, a serial.
func take(tx store.Tx, key string, most int, window time.Duration, now time.Time) error {
	t, err := loadTally(tx, key, window, now)
	if err != nil {
		return err
	}
	if t.Count >= most {
		return errLimit()
	}
	t.Count++
	return store.Save(tx, limitBucket, key, t)
}

// giveBack takes one try that was counted at a time off again, unless a new
// window has begun since.
func giveBack(tx store.Tx, key string, at time.Time) error {
	t, err := store.Load[tally](tx, limitBucket, key)
	if errors.Is(err, store.ErrNotFound) || err == nil && (t.Count == 0 || t.Since.After(at)) {
		return nil
	} else if err != nil {
		return err
	}
	t.Count--
	return store.Save(tx, limitBucket, key, t)
}

// phoneKey is what the codes sent to a phone are counted under, whatever they
// are for.
func (d *Desk) phoneKey(mobile string) string {
	return "mobile/" + d.Seal.Index(limitBucket, "mobile", mobile)
}

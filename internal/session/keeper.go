package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// Buckets of this package.
const (
	sessionBucket = "session_sessions" // id -> Session
	subjectBucket = "session_subjects" // subject/id -> when it began
	endBucket     = "session_ends"     // time of the end at the latest/id -> id
)

// Defaults of a Keeper.
const (
	defaultIdle = 30 * time.Minute
	defaultLife = 12 * time.Hour
	// seenEvery is how exactly the last use is known: not every request writes.
	seenEvery = time.Minute
	// maxPerSubject bounds the sessions of one subject: one more ends the oldest.
	maxPerSubject = 20
	// maxDevice bounds what a browser says of itself, in octets.
	maxDevice = 200
	// tokenSize is of the random part, octets; its base64url has tokenLength.
	tokenSize   = 32
	tokenLength = 43
	pruneBatch  = 500
)

// Session is one browser that is signed in. T is what the desk that began it
// keeps of its subject.
type Session[T any] struct {
	ID      string    `json:"id"`      // hex SHA-256 of the token: it opens nothing
	Subject string    `json:"subject"` // whose it is
	Device  string    `json:"device"`  // as the browser calls itself, shortened
	Began   time.Time `json:"began"`
	Seen    time.Time `json:"seen"` // the last use, to the minute
	Of      T         `json:"of"`
}

// Keeper keeps sessions. It is safe for concurrent use, and several may work
// on one store; its fields must not change after the first use.
type Keeper[T any] struct {
	Store store.Store
	Now   func() time.Time // nil: time.Now
	Idle  time.Duration    // without use; zero: 30 minutes
	Life  time.Duration    // at the most; zero: 12 hours
}

func (k *Keeper[T]) now() time.Time {
	if k.Now == nil {
		return time.Now().UTC().Truncate(time.Second)
	}
	return k.Now().UTC().Truncate(time.Second)
}

func (k *Keeper[T]) idle() time.Duration {
	if k.Idle == 0 {
		return defaultIdle
	}
	return k.Idle
}

func (k *Keeper[T]) life() time.Duration {
	if k.Life == 0 {
		return defaultLife
	}
	return k.Life
}

// ErrNone is the Denied for who is not signed in, or not any more.
func ErrNone() error {
	return fault.New(fault.Denied, "session_none", "you are not signed in here, or not any more; sign in and try again")
}

// idOf is the record's key of a token; "" for what cannot be one.
func idOf(token string) string {
	if len(token) != tokenLength {
		return ""
	}
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// NewToken returns a token that opens nothing yet.
func NewToken() string {
	b := make([]byte, tokenSize)
	rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Begin begins a session of the subject and returns it with its token.
// former is the token that the browser had, "" for none: it ends. also, if not
// nil, runs in the transaction: what is used up by signing in.
func (k *Keeper[T]) Begin(ctx context.Context, former, subject, device string, of T, also func(store.Tx) error) (Session[T], string, error) {
	token, now := NewToken(), k.now()
	s := Session[T]{ID: idOf(token), Subject: subject, Device: shorten(device), Began: now, Seen: now, Of: of}
	err := k.Store.Update(ctx, func(tx store.Tx) error {
		if also != nil {
			if err := also(tx); err != nil {
				return err
			}
		}
		if err := k.drop(tx, idOf(former)); err != nil {
			return err
		}
		if err := k.makeRoom(tx, subject); err != nil {
			return err
		}
		return k.save(tx, s)
	})
	if err != nil {
		return Session[T]{}, "", fmt.Errorf("begin session: %w", err)
	}
	return s, token, nil
}

// save writes a new session with its index entries.
func (k *Keeper[T]) save(tx store.Tx, s Session[T]) error {
	if err := store.Save(tx, sessionBucket, s.ID, s); err != nil {
		return err
	}
	if err := store.Save(tx, subjectBucket, s.Subject+"/"+s.ID, s.Began); err != nil {
		return err
	}
	return store.Save(tx, endBucket, k.endKey(s), s.ID)
}

// endKey orders sessions by their end at the latest. It is made from what is
// in the record, so that a changed Life finds the entries of before.
func (k *Keeper[T]) endKey(s Session[T]) string {
	return s.Began.UTC().Format(time.RFC3339) + "/" + s.ID
}

// drop deletes a session, if it is there.
func (k *Keeper[T]) drop(tx store.Tx, id string) error {
	if id == "" {
		return nil
	}
	s, err := store.Load[Session[T]](tx, sessionBucket, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := tx.Delete(sessionBucket, id); err != nil {
		return err
	}
	if err := tx.Delete(subjectBucket, s.Subject+"/"+id); err != nil {
		return err
	}
	return tx.Delete(endBucket, k.endKey(s))
}

// makeRoom ends the oldest sessions of a subject that has as many as it may.
func (k *Keeper[T]) makeRoom(tx store.Tx, subject string) error {
	list, err := k.of(tx, subject)
	if err != nil {
		return err
	}
	for ; len(list) >= maxPerSubject; list = list[1:] {
		if err := k.drop(tx, list[0].ID); err != nil {
			return err
		}
	}
	return nil
}

// of returns the sessions of a subject, oldest first.
func (k *Keeper[T]) of(tx store.Tx, subject string) (list []Session[T], err error) {
	var ids []string
	prefix := subject + "/"
	err = tx.Scan(subjectBucket, prefix, "", func(key string, _ []byte) error {
		ids = append(ids, key[len(prefix):])
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		s, err := store.Load[Session[T]](tx, sessionBucket, id)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	slices.SortStableFunc(list, func(a, b Session[T]) int { return a.Began.Compare(b.Began) })
	return list, nil
}

// alive reports whether the session still counts at now.
func (k *Keeper[T]) alive(s Session[T], now time.Time) bool {
	return now.Sub(s.Seen) < k.idle() && now.Sub(s.Began) < k.life() && !now.Before(s.Began.Add(-seenEvery))
}

// Load returns the session of a token and notes that it is used; ErrNone for
// a token that opens none, or one that has ended.
func (k *Keeper[T]) Load(ctx context.Context, token string) (s Session[T], err error) {
	id, now := idOf(token), k.now()
	if id == "" {
		return s, ErrNone()
	}
	err = k.Store.View(ctx, func(tx store.Tx) error {
		s, err = k.Get(tx, id, now)
		return err
	})
	if err != nil || now.Sub(s.Seen) < seenEvery {
		return s, err
	}
	err = k.Store.Update(ctx, func(tx store.Tx) error {
		if s, err = k.Get(tx, id, now); err != nil { // it may have ended in between
			return err
		}
		s.Seen = now
		return store.Save(tx, sessionBucket, id, s)
	})
	return s, err
}

// Get returns a session that counts at now, by its id, inside tx; else ErrNone.
func (k *Keeper[T]) Get(tx store.Tx, id string, now time.Time) (Session[T], error) {
	s, err := store.Load[Session[T]](tx, sessionBucket, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && !k.alive(s, now) {
		return Session[T]{}, ErrNone()
	}
	return s, err
}

// Change lets fn change what the desk keeps of a living session, inside tx.
// ErrNone if it has ended at now.
func (k *Keeper[T]) Change(tx store.Tx, id string, now time.Time, fn func(*T) error) error {
	s, err := k.Get(tx, id, now)
	if err != nil {
		return err
	}
	if err := fn(&s.Of); err != nil {
		return err
	}
	return store.Save(tx, sessionBucket, id, s)
}

// Raise is Change for what lets the session do more from then on: it goes over
// to the token, a new one, and the one that somebody may have seen before opens
// nothing.
func (k *Keeper[T]) Raise(tx store.Tx, id, token string, now time.Time, fn func(*T) error) error {
	s, err := k.Get(tx, id, now)
	if err != nil {
		return err
	}
	if err := fn(&s.Of); err != nil {
		return err
	}
	if err := k.drop(tx, id); err != nil {
		return err
	}
	s.ID = idOf(token)
	return k.save(tx, s)
}

// List returns the living sessions of a subject, oldest first.
func (k *Keeper[T]) List(ctx context.Context, subject string) (list []Session[T], err error) {
	now := k.now()
	err = k.Store.View(ctx, func(tx store.Tx) error {
		list, err = k.of(tx, subject)
		return err
	})
	return slices.DeleteFunc(list, func(s Session[T]) bool { return !k.alive(s, now) }), err
}

// End ends one session of the subject; another's, and one that is not there,
// it leaves alone, without an error.
func (k *Keeper[T]) End(ctx context.Context, subject, id string) error {
	return k.Store.Update(ctx, func(tx store.Tx) error {
		ours, err := store.Has(tx, subjectBucket, subject+"/"+id)
		if err != nil || !ours {
			return err
		}
		return k.drop(tx, id)
	})
}

// EndAll ends every session of the subject.
func (k *Keeper[T]) EndAll(ctx context.Context, subject string) error {
	return k.Store.Update(ctx, func(tx store.Tx) error { return k.EndAllIn(tx, subject) })
}

// EndAllIn is EndAll inside a transaction.
func (k *Keeper[T]) EndAllIn(tx store.Tx, subject string) error {
	list, err := k.of(tx, subject)
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := k.drop(tx, s.ID); err != nil {
			return err
		}
	}
	return nil
}

// Prune is a job: it deletes the sessions whose life is over. It returns how
// many, and is safe to run at any time and on several nodes.
func (k *Keeper[T]) Prune(ctx context.Context) (pruned int, err error) {
	now := k.now()
	before := now.Add(-k.life()).Format(time.RFC3339)
	for {
		var due []string
		err := k.Store.Update(ctx, func(tx store.Tx) error {
			due = nil
			err := tx.Scan(endBucket, "", "", func(key string, _ []byte) error {
				if key >= before || len(due) == pruneBatch {
					return store.Stop
				}
				due = append(due, key[len(before)+1:])
				return nil
			})
			if err != nil {
				return err
			}
			for _, id := range due {
				if err := k.drop(tx, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return pruned, fmt.Errorf("prune sessions: %w", err)
		}
		if pruned += len(due); len(due) < pruneBatch {
			return pruned, nil
		}
	}
}

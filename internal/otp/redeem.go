package otp

import (
	"context"
	"crypto/hmac"
	"fmt"
	"strings"
	"time"

	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/store"
)

// Attempt is a code that somebody gave, ready to be looked at in a
// transaction. Its zero value is wrong.
type Attempt struct {
	key string
	mac []byte // nil: what was given cannot be a code
	now time.Time
}

// Attempt prepares a try: MAC and clock are taken here, outside of any
// transaction. Persian and Arabic digits count as ASCII ones.
func (c *Codes) Attempt(b Binding, code string) Attempt {
	code = i18n.FoldDigits(strings.TrimSpace(code))
	a := Attempt{key: c.key(b), now: c.now()}
	if len(code) == length && strings.Trim(code, "0123456789") == "" {
		a.mac = c.mac(b, code)
	}
	return a
}

// Use counts the try, then looks at the code and uses it up if it is right. A
// caller must commit also when it is wrong: a try that is rolled back has not
// been counted, and a deed that the code allows belongs in the same
// transaction.
func (a Attempt) Use(tx store.Tx) (right bool, err error) {
	if a.mac == nil {
		return false, nil
	}
	r, err := load(tx, a.key)
	if err != nil {
		return false, err
	}
	if r.MAC == nil || r.Tries >= maxTries || r.Failures >= maxFailures || a.now.After(r.Expires) {
		return false, nil
	}
	r.Tries++
	r.Failures++
	if right = hmac.Equal(a.mac, r.MAC); right {
		r.MAC, r.Failures = nil, 0
	}
	return right, store.Save(tx, bucket, a.key, r)
}

// Redeem uses the code up. Wrong, used up, too old, of another binding, or
// tried too often: all are the same Denied (code_wrong).
func (c *Codes) Redeem(ctx context.Context, b Binding, code string) error {
	attempt := c.Attempt(b, code)
	right := false
	err := c.Store.Update(ctx, func(tx store.Tx) (err error) {
		right, err = attempt.Use(tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("redeem code: %w", err)
	}
	if !right {
		return Refused()
	}
	return nil
}

// Refused returns the one answer to every code that does not count.
func Refused() error {
	return fault.New(fault.Denied, "code_wrong", "the code is wrong, was used or is too old; look at the newest message, or ask for another code")
}

// pruneAtOnce bounds what one transaction of Prune deletes.
const pruneAtOnce = 1000

// Prune deletes the records of codes that ended more than a day ago and
// returns how many. It is safe to repeat.
func (c *Codes) Prune(ctx context.Context) (int, error) {
	before, total := c.now().Add(-keepFor), 0
	for {
		var old []string
		err := c.Store.Update(ctx, func(tx store.Tx) error {
			old = old[:0]
			err := store.Each(tx, bucket, "", "", func(key string, r record) error {
				if r.Expires.Before(before) {
					old = append(old, key)
				}
				if len(old) == pruneAtOnce {
					return store.Stop
				}
				return nil
			})
			for _, key := range old {
				if err == nil {
					err = tx.Delete(bucket, key)
				}
			}
			return err
		})
		if err != nil {
			return total, fmt.Errorf("prune codes: %w", err)
		}
		if total += len(old); len(old) < pruneAtOnce {
			return total, nil
		}
	}
}

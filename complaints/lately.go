package complaints

import (
	"context"
	"errors"
	"sync"
	"time"

	"mohr/ca"
	"mohr/internal/store"
)

const (
	// latelyFor is how long a count is shown again while nothing changes at the
	// business: so late at most, a deadline that passes is seen.
	latelyFor = time.Minute
	// latelyMax bounds how many businesses' counts are kept.
	latelyMax = 4096
)

// lately keeps the last counts of businesses whose record is public. What is
// asked of them is asked often, and costs all their complaints. Its zero value
// is empty; it is safe for concurrent use.
type lately struct {
	mu sync.Mutex // guards of
	of map[ca.BusinessID]*recent
}

// recent are the counts of one business. mu is held while they are made: who
// asks meanwhile waits for them.
type recent struct {
	mu      sync.Mutex // guards all
	version version
	record  Record
	sheet   *Sheet // nil: not asked for yet
}

// version changes with the rows of a business, on any node.
type version struct{ changed, imports int }

// versionOf reads the version of a business's rows.
func versionOf(tx store.Tx, b ca.BusinessID) (v version, err error) {
	n, err := store.Load[named](tx, businessBucket, businessKey(string(b)))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return v, err
	}
	k, err := loadKept(tx)
	return version{n.Changed, k.Imports}, err
}

// touch notes that a row of the business changed.
func touch(tx store.Tx, business string) error {
	key := businessKey(business)
	n, err := store.Load[named](tx, businessBucket, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	n.Name = business
	n.Changed++
	return store.Save(tx, businessBucket, key, n)
}

func (l *lately) get(b ca.BusinessID) *recent {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of[b] == nil {
		if len(l.of) >= latelyMax || l.of == nil {
			l.of = map[ca.BusinessID]*recent{}
		}
		l.of[b] = &recent{}
	}
	return l.of[b]
}

// good reports whether the counts may be shown at now.
func (c *recent) good(v version, now time.Time) bool {
	age := now.Sub(c.record.At)
	return c.version == v && !c.record.At.IsZero() && age >= 0 && age < latelyFor
}

// public returns when the record of a business was made public, with the
// version of its rows; NotFound while it is not public.
func (d *Desk) public(ctx context.Context, b ca.BusinessID, at time.Time) (p Published, v version, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		list, err := publications(tx, b)
		if err != nil {
			return err
		}
		if p = publicationAt(list, at); p.State != Public {
			return errNotPublic()
		}
		v, err = versionOf(tx, b)
		return err
	})
	return p, v, err
}

// Public returns the record of a business as it stood at most a minute ago and
// with all that has happened since; At says when. It is NotFound while the
// record is not public, which is looked at first.
func (d *Desk) Public(ctx context.Context, b ca.BusinessID) (Record, error) {
	r, _, err := d.publicCounts(ctx, b, false)
	return r, err
}

// publicCounts is Public with the sheet of the same instant, where it is wanted.
func (d *Desk) publicCounts(ctx context.Context, b ca.BusinessID, wanted bool) (r Record, s Sheet, err error) {
	now := d.now()
	p, v, err := d.public(ctx, b, now)
	if err != nil {
		return r, s, err
	}
	c := d.lately.get(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.good(v, now) {
		// Rows that came after v was read may be counted; then it is made again.
		if r, err = d.Record(ctx, b); err != nil {
			return r, s, err
		}
		c.version, c.record, c.sheet = v, r, nil
	}
	if wanted && c.sheet == nil {
		if s, err = d.Sheet(ctx, b, c.record.At); err != nil {
			return r, s, err
		}
		c.sheet = &s
	}
	r = c.record
	r.Publication, r.Since, r.Published = p.State, p.At, true
	if !wanted {
		return r, s, nil
	}
	s = *c.sheet
	s.PerThousand, err = d.perThousand(ctx, s, now)
	return r, s, err
}

package complaints

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"mohr/internal/store"
)

// Register is the record of all complaints, for counting: live ones and
// imported ones. It is safe for concurrent use; its fields must not change
// after the first use.
type Register struct {
	Store    store.Store
	Policies Policies         // empty: single(96h) for ever
	Now      func() time.Time // nil: time.Now
}

// now returns the current time in UTC and whole seconds.
func (g *Register) now() time.Time {
	if g.Now == nil {
		return time.Now().UTC().Truncate(time.Second)
	}
	return g.Now().UTC().Truncate(time.Second)
}

// Buckets of rows. Keys begin with the business, so that one business's
// record costs its own rows only.
const (
	rowBucket      = "complaints_rows"       // business/complaint -> Row, live
	importedBucket = "complaints_imported"   // business/id -> Row, from files
	businessBucket = "complaints_businesses" // business -> named
)

// named is a business that has complaints: its name as it was given, and how
// often its live rows changed.
type named struct {
	Name    string `json:"name"`
	Changed int    `json:"changed,omitempty"`
}

// businessKey is the part of a key that names a business; it holds no slash.
func businessKey(name string) string { return url.PathEscape(name) }

// businessOf returns the business that a key begins with.
func businessOf(key string) string {
	escaped, _, _ := strings.Cut(key, "/")
	name, err := url.PathUnescape(escaped)
	if err != nil {
		return escaped // not written by businessKey
	}
	return name
}

// rowKey is the key of a complaint at a business in either bucket of rows.
func rowKey(business, id string) string { return businessKey(business) + "/" + id }

// enter makes the business known to Scorecards.
func enter(tx store.Tx, business string) error {
	key := businessKey(business)
	if ok, err := store.Has(tx, businessBucket, key); ok || err != nil {
		return err
	}
	return store.Save(tx, businessBucket, key, named{Name: business})
}

// eachRow calls fn with every complaint at the business, live and imported.
func eachRow(tx store.Tx, business string, fn func(Row) error) error {
	for _, bucket := range []string{rowBucket, importedBucket} {
		err := store.Each(tx, bucket, businessKey(business)+"/", "", func(_ string, r Row) error { return fn(r) })
		if err != nil {
			return err
		}
	}
	return nil
}

// tally counts the complaints of one business inside a transaction.
func (g *Register) tally(tx store.Tx, business string, t Terms) (Scorecard, Aside, error) {
	y := NewTally(business, g.terms(t))
	err := eachRow(tx, business, func(r Row) error {
		y.Add(r)
		return nil
	})
	if err != nil {
		return Scorecard{}, Aside{}, fmt.Errorf("count complaints: %w", err)
	}
	card, aside := y.Result()
	return card, aside, nil
}

// terms fills what t leaves open: the instant with now, the policies with
// those of the register.
func (g *Register) terms(t Terms) Terms {
	if t.At.IsZero() {
		t.At = g.now()
	}
	if t.Policies == nil {
		t.Policies = g.Policies
	}
	return t
}

// Scorecard counts the complaints at one business; a business nobody ever
// complained about has a count of nothing. A zero t.At means now, no
// t.Policies those of the register.
func (g *Register) Scorecard(ctx context.Context, business string, t Terms) (card Scorecard, aside Aside, err error) {
	err = g.Store.View(ctx, func(tx store.Tx) error {
		card, aside, err = g.tally(tx, business, t)
		return err
	})
	return card, aside, err
}

// Scorecards calls fn with the scorecard of every business that has
// complaints, by name, all from one snapshot. Memory is bounded by the number
// of businesses and the complaints at the largest. fn must not use the store.
func (g *Register) Scorecards(ctx context.Context, t Terms, fn func(Scorecard) error) error {
	t = g.terms(t)
	return g.Store.View(ctx, func(tx store.Tx) error {
		names, err := businesses(tx)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := ctx.Err(); err != nil {
				return err
			}
			card, _, err := g.tally(tx, name, t)
			if err != nil {
				return err
			}
			if err := fn(card); err != nil {
				return err
			}
		}
		return nil
	})
}

// businesses returns the names of all businesses with complaints, sorted.
func businesses(tx store.Tx) ([]string, error) {
	var names []string
	err := store.Each(tx, businessBucket, "", "", func(_ string, b named) error {
		names = append(names, b.Name)
		return nil
	})
	slices.Sort(names)
	return names, err
}

// Rows calls fn with the complaints of every business, by name, all from one
// snapshot. Memory is bounded by the complaints at the largest. fn must
// neither use the store nor keep rows.
func (g *Register) Rows(ctx context.Context, fn func(business string, rows []Row) error) error {
	return g.Store.View(ctx, func(tx store.Tx) error {
		names, err := businesses(tx)
		if err != nil {
			return err
		}
		var rows []Row
		for _, name := range names {
			if err := ctx.Err(); err != nil {
				return err
			}
			rows = rows[:0]
			err := eachRow(tx, name, func(r Row) error {
				rows = append(rows, r)
				return nil
			})
			if err != nil {
				return fmt.Errorf("read complaints: %w", err)
			}
			if err := fn(name, rows); err != nil {
				return err
			}
		}
		return nil
	})
}

// RowsOf returns the complaints at one business; none if nobody ever
// complained about it.
func (g *Register) RowsOf(ctx context.Context, business string) (rows []Row, err error) {
	err = g.Store.View(ctx, func(tx store.Tx) error {
		rows = nil
		return eachRow(tx, business, func(r Row) error {
			rows = append(rows, r)
			return nil
		})
	})
	return rows, err
}

// EachComplaint calls fn with every complaint at the business, live and
// imported: a key that stays its own, and the id of a live one.
func EachComplaint(tx store.Tx, business string, fn func(key, id string, r Row) error) error {
	for _, bucket := range []string{rowBucket, importedBucket} {
		err := store.Each(tx, bucket, businessKey(business)+"/", "", func(key string, r Row) error {
			id := ""
			if bucket == rowBucket {
				_, id, _ = strings.Cut(key, "/")
			}
			return fn(bucket+"/"+key, id, r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

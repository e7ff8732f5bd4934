package complaints

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/store"
)

// Owed is a complaint that the business owes an answer to, by its clock.
type Owed struct {
	ID       string    `json:"id"`
	Category Category  `json:"category"`
	Served   time.Time `json:"served"`
	Next     time.Time `json:"next,omitzero"` // end of the window that runs; zero: all are missed
	Last     time.Time `json:"last"`          // end of the last window
	Missed   int       `json:"missed"`        // windows missed so far
}

// OneOf returns a complaint that was served to the business, NotFound for any
// other. It is for the business alone.
func (d *Desk) OneOf(ctx context.Context, b ca.BusinessID, id string) (c Complaint, err error) {
	now := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		switch served, err := store.Has(tx, rowBucket, businessKey(string(b))+"/"+id); {
		case err != nil:
			return err
		case !served:
			return errUnknown()
		}
		list, err := d.showAll(tx, []string{id}, b, now)
		if err == nil {
			c = list[0]
		}
		return err
	})
	return c, err
}

// Late is how long the last window has been over at now; zero while one runs.
func (o Owed) Late(now time.Time) time.Duration {
	if o.Next.IsZero() {
		return now.Sub(o.Last)
	}
	return 0
}

// OwedOf returns the complaints that the business owes an answer to: those
// whose time is over first, the longest first, then those with the least time
// left. No text is opened. It is for the business alone.
func (d *Desk) OwedOf(ctx context.Context, b ca.BusinessID) (list []Owed, err error) {
	now, prefix := d.now(), businessKey(string(b))+"/"
	err = d.Store.View(ctx, func(tx store.Tx) error {
		list = []Owed{}
		return store.Each(tx, rowBucket, prefix, "", func(key string, r Row) error {
			if o, owed := r.owed(Terms{Policies: d.Policies}.window(r), now); owed {
				o.ID = strings.TrimPrefix(key, prefix)
				list = append(list, o)
			}
			return nil
		})
	})
	slices.SortFunc(list, func(a, b Owed) int {
		return cmp.Or(cmp.Compare(boolInt(!a.Next.IsZero()), boolInt(!b.Next.IsZero())), a.due().Compare(b.due()), strings.Compare(a.ID, b.ID))
	})
	return list, err
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// due is the end that counts now.
func (o Owed) due() time.Time {
	if o.Next.IsZero() {
		return o.Last
	}
	return o.Next
}

// owed is what the row says at now by its window, and whether an answer is owed.
func (r Row) owed(w Window, now time.Time) (o Owed, owed bool) {
	t := now.Unix()
	v, counted := r.at(t)
	if !counted || !v.open() {
		return o, false
	}
	o = Owed{Category: Category(r.Category), Served: unix(r.Served)}
	for stage := 1; stage <= w.Stages(); stage++ {
		end := unix(r.deadline(w.Until(stage), t))
		o.Last = end
		switch {
		case v.past(w.Until(stage)):
			o.Missed++
		case o.Next.IsZero():
			o.Next = end
		}
	}
	return o, true
}

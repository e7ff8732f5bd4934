package ledger

import (
	"context"
	"slices"
	"sort"
	"strings"
	"time"

	"mohr/internal/store"
)

// Query says which entries are looked for. What is empty is not asked.
type Query struct {
	Subject string    // exactly: a serial, the id of a badge or a complaint
	Kind    string    // exactly, or all of a family: "badge" is also "badge.active"
	From    time.Time // not before
	To      time.Time // before
	Before  int64     // only entries with a lower index; zero: from the newest
}

// Empty reports whether nothing is asked.
func (q Query) Empty() bool {
	return q.Subject == "" && q.Kind == "" && q.From.IsZero() && q.To.IsZero()
}

// takes reports whether the entry is one that is looked for.
func (q Query) takes(e Entry) bool {
	return (q.Subject == "" || e.Subject == q.Subject) &&
		(q.Kind == "" || e.Kind == q.Kind || strings.HasPrefix(e.Kind, q.Kind+".")) &&
		!e.At.Before(q.From) && (q.To.IsZero() || e.At.Before(q.To))
}

const (
	// mostLooked bounds how many entries one search looks at, so that nobody
	// has a large log read through with a click. The next one goes on there.
	mostLooked = 4000
	// disorder is how far an entry's time may lie from its neighbours': deeds
	// wait a moment for their place, and nodes' clocks differ.
	disorder = 5 * time.Minute
)

// Find returns the published entries that are looked for, newest first, at
// most shownEntries. Where there may be others, more is the Before of the
// query that goes on; zero: these are all.
func (l *Log) Find(ctx context.Context, q Query) (list []Entry, more int64, err error) {
	err = l.Store.View(ctx, func(tx store.Tx) error {
		list, more = nil, 0
		c, err := l.published(tx)
		if err != nil {
			return err
		}
		end := c.Size
		if q.Before > 0 {
			end = min(end, q.Before)
		}
		if q.Subject != "" {
			list, more, err = q.bySubject(tx, end)
		} else {
			list, more, err = q.byTime(tx, end)
		}
		return err
	})
	return list, more, err
}

// bySubject reads the entries of one subject, of which there are few.
func (q Query) bySubject(tx store.Tx, end int64) (list []Entry, more int64, err error) {
	var found []int64
	err = tx.Scan(subjectBucket, q.Subject+"/", "", func(key string, _ []byte) error {
		i, ok := parseIndexKey(strings.TrimPrefix(key, q.Subject+"/"))
		if ok && i < end {
			if found = append(found, i); len(found) > mostLooked { // the newest ones
				found = found[1:]
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	for _, i := range slices.Backward(found) {
		e, err := loadEntry(tx, i)
		if err != nil {
			return nil, 0, err
		}
		if !q.takes(e) {
			continue
		}
		if len(list) == shownEntries {
			return list, list[len(list)-1].Index, nil
		}
		list = append(list, e)
	}
	return list, 0, nil
}

// byTime goes back from the newest entry that can be meant.
func (q Query) byTime(tx store.Tx, end int64) (list []Entry, more int64, err error) {
	if !q.To.IsZero() {
		n := sort.Search(int(end), func(i int) bool {
			e, wrong := loadEntry(tx, int64(i))
			if wrong != nil {
				err = wrong
			}
			return wrong != nil || e.At.After(q.To.Add(disorder))
		})
		end = int64(n)
	}
	for i := end - 1; i >= 0 && err == nil; i-- {
		if end-i > mostLooked {
			return list, i + 1, nil
		}
		var e Entry
		if e, err = loadEntry(tx, i); err != nil || e.At.Before(q.From.Add(-disorder)) {
			break
		}
		if !q.takes(e) {
			continue
		}
		if list = append(list, e); len(list) == shownEntries {
			return list, i, nil
		}
	}
	return list, 0, err
}

// loadEntry reads the entry with the index.
func loadEntry(tx store.Tx, index int64) (Entry, error) {
	leaf, err := store.Load[leafRecord](tx, leafBucket, indexKey(index))
	if err != nil {
		return Entry{}, err
	}
	e, err := ParseEvent(leaf.Leaf)
	return Entry{Event: e, ID: leaf.ID, Index: index}, err
}

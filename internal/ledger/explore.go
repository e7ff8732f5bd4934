package ledger

import (
	"context"
	"strconv"
	"strings"
	"time"

	"mohr/internal/store"
)

// Entry is an entry of the log with its place.
type Entry struct {
	Event
	ID    string
	Index int64
}

// shownEntries is how many entries a page of them has.
const shownEntries = 25

// Recent returns the entries before the index, newest first, at most
// shownEntries; a negative index means the newest there are.
func (l *Log) Recent(ctx context.Context, before int64) (list []Entry, err error) {
	err = l.Store.View(ctx, func(tx store.Tx) error {
		list = nil
		c, err := l.published(tx)
		if err != nil {
			return err
		}
		if before < 0 || before > c.Size {
			before = c.Size
		}
		for i := before - 1; i >= 0 && i >= before-shownEntries; i-- {
			e, err := loadEntry(tx, i)
			if err != nil {
				return err
			}
			list = append(list, e)
		}
		return nil
	})
	return list, err
}

// Name returns the id of the entry that a reader means: by its id, or by its
// index in the published tree. What is neither is returned as it is, which
// Prove knows nothing of.
func (l *Log) Name(ctx context.Context, asked string) (id string, err error) {
	asked = strings.ToLower(strings.TrimSpace(asked))
	index, err := strconv.ParseInt(asked, 10, 64)
	if err != nil || len(asked) == 64 {
		return asked, nil
	}
	list, err := l.Recent(ctx, index+1)
	if err == nil && len(list) > 0 && list[0].Index == index {
		return list[0].ID, nil
	}
	return asked, err
}

// Head is the newest checkpoint with its time.
func (l *Log) Head(ctx context.Context) (c Checkpoint, at time.Time, err error) {
	if c, err = l.Checkpoint(ctx); err != nil {
		return c, at, err
	}
	err = l.Store.View(ctx, func(tx store.Tx) error {
		r, err := l.published(tx)
		at = r.At
		return err
	})
	return c, at, err
}

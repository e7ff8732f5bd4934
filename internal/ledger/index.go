package ledger

import (
	"context"
	"errors"

	"mohr/internal/store"
)

const (
	// subjectBucket finds entries by what they are about: subject/index.
	subjectBucket = "ledger_subjects"
	// stateIndexed is the key in stateBucket of how many entries are indexed.
	stateIndexed = "indexed"
	// indexChunk bounds the entries that one transaction indexes.
	indexChunk = 512
)

// indexed returns how many entries, from the first, are found by subject.
func indexed(tx store.Tx) (int64, error) {
	n, err := store.Load[int64](tx, stateBucket, stateIndexed)
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return n, err
}

// IndexSubjects has the entries that have a place found by their subjects. It
// stands beside the sequencer, which it would slow down: a search may lack the
// entries of the last moment. It is a job, safe to repeat, and with nothing to
// do it only reads.
func (l *Log) IndexSubjects(ctx context.Context) error {
	for {
		var from, size int64
		err := l.Store.View(ctx, func(tx store.Tx) (err error) {
			if from, err = indexed(tx); err != nil {
				return err
			}
			head, err := loadTree(tx)
			size = head.Size
			return err
		})
		if err != nil || from >= size {
			return err
		}
		if err := l.Store.Update(ctx, indexSome); err != nil {
			return err
		}
	}
}

// indexSome indexes the next entries.
func indexSome(tx store.Tx) error {
	from, err := indexed(tx)
	if err != nil {
		return err
	}
	head, err := loadTree(tx)
	if err != nil {
		return err
	}
	to := min(head.Size, from+indexChunk)
	for i := from; i < to; i++ {
		e, err := loadEntry(tx, i)
		if err != nil {
			return err
		}
		if e.Subject == "" {
			continue
		}
		if err := store.Save(tx, subjectBucket, e.Subject+"/"+indexKey(i), true); err != nil {
			return err
		}
	}
	return store.Save(tx, stateBucket, stateIndexed, to)
}

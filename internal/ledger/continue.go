package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"mohr/internal/store"
)

// nameRecord says under which name a log goes on after entries were lost.
type nameRecord struct {
	Base   string `json:"base"`   // the first name
	Number int    `json:"number"` // 0: the first name holds; n: base/n+1
	Lost   string `json:"lost"`   // the checkpoint (signed note) that could not be extended any more
}

func (n nameRecord) origin() string { return fmt.Sprintf("%s/%d", n.Base, n.Number+1) }

func loadName(tx store.Tx) (nameRecord, error) {
	n, err := store.Load[nameRecord](tx, stateBucket, stateName)
	if errors.Is(err, store.ErrNotFound) {
		return nameRecord{}, nil
	}
	return n, err
}

// Continue states that the entries of the checkpoint which the store does not
// have are lost, and lets the log go on under a new name: under the old one it
// would contradict what was signed (C2SP tlog-checkpoint). The entries that
// are left are the first of the new log; a new one says what was lost. Proofs
// under the old name hold as before. It returns the new name; stating the same
// loss twice changes nothing.
func Continue(ctx context.Context, s store.Store, lost Checkpoint, now time.Time) (origin string, err error) {
	now = now.UTC().Truncate(time.Second)
	sum := sha256.Sum256([]byte(lost.Note))
	err = s.Update(ctx, func(tx store.Tx) error {
		name, err := loadName(tx)
		if err != nil {
			return err
		}
		if name.Lost == lost.Note {
			origin = name.origin()
			return nil
		}
		if name.Number == 0 {
			name.Base = lost.Origin
		}
		name.Number, name.Lost = name.Number+1, lost.Note
		origin = name.origin()
		if err := tx.Delete(stateBucket, stateCheckpoint); err != nil {
			return err
		}
		if err := store.Save(tx, stateBucket, stateName, name); err != nil {
			return err
		}
		return Append(tx, Event{Kind: "log.continued", Subject: origin, At: now, Hash: hex.EncodeToString(sum[:]), Note: "entries_lost"})
	})
	if err != nil {
		return "", fmt.Errorf("continue log %s: %w", lost.Origin, err)
	}
	return origin, nil
}

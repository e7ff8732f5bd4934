package ledger

import (
	"context"
	"encoding/json"
	"fmt"

	"mohr/internal/store"
)

// EachEvent calls fn with every entry of a stored log, in order, and then with
// those that wait for their place, in short transactions. It trusts the
// store: VerifyStored compares it with what was signed. An entry that is no
// event is ErrDamaged.
func EachEvent(ctx context.Context, s store.Store, fn func(Event) error) error {
	for next := int64(0); ; {
		var leaves [][]byte
		err := s.View(ctx, func(tx store.Tx) error {
			return eachLeaf(tx, next, func(_ int64, r leafRecord) error {
				if leaves = append(leaves, r.Leaf); len(leaves) == verifyChunk {
					return store.Stop
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		for _, leaf := range leaves {
			if err := give(leaf, fn); err != nil {
				return err
			}
		}
		if len(leaves) < verifyChunk {
			break
		}
		next += int64(len(leaves))
	}
	return s.View(ctx, func(tx store.Tx) error {
		return tx.Scan(pendingBucket, "", "", func(key string, value []byte) error {
			var p pendingLeaf
			if err := json.Unmarshal(value, &p); err != nil {
				return fmt.Errorf("%w: pending leaf %s: %v", ErrDamaged, key, err)
			}
			return give(p.Leaf, fn)
		})
	})
}

func give(leaf []byte, fn func(Event) error) error {
	e, err := ParseEvent(leaf)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return fn(e)
}

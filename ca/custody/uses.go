package custody

import (
	"context"
	"errors"
	"fmt"

	"mohr/hsm"
	"mohr/internal/store"
)

// List returns every key, by purpose and generation, with what it did.
func (r *Register) List(ctx context.Context) ([]Line, error) {
	lines := []Line{}
	err := r.Store.View(ctx, func(tx store.Tx) error {
		lines = lines[:0]
		newest := map[string]int{} // purpose -> generation that serves
		return store.Each(tx, keyBucket, "", "", func(_ string, k Key) error {
			u, err := loadUses(tx, k)
			if err != nil {
				return err
			}
			l := Line{Key: k, State: "serving", Signatures: u.Signatures, LastUse: u.Last}
			switch before, ok := newest[k.Purpose]; {
			case !k.made():
				l.State = "making"
			case !k.Retired.IsZero():
				l.State = "retired"
			case ok:
				lines[before].State = "replaced"
				fallthrough
			default:
				newest[k.Purpose] = len(lines)
			}
			lines = append(lines, l)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return lines, nil
}

func loadUses(tx store.Tx, k Key) (uses, error) {
	u, err := store.Load[uses](tx, useBucket, k.record())
	if errors.Is(err, store.ErrNotFound) {
		return uses{}, nil
	}
	return u, err
}

// Count is a job: it adds what the keys of this process did since the last
// call to what is recorded. What a process did after its last call is lost
// when it is killed: the counts say how much a key is used, no more.
func (r *Register) Count(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh := map[string]hsm.Uses{} // by the hash of the public key
	for _, k := range r.Ring.Keys() {
		sum, err := sumOf(k.Public)
		if err != nil {
			return fmt.Errorf("count uses: %w", err)
		}
		if k.Uses.Signatures > r.counted[sum] {
			fresh[sum] = k.Uses
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	keys, err := r.keys(ctx)
	if err != nil {
		return err
	}
	err = r.Store.Update(ctx, func(tx store.Tx) error {
		for _, k := range keys {
			now, ok := fresh[k.SPKISHA256]
			if !ok {
				continue
			}
			u, err := loadUses(tx, k)
			if err != nil {
				return err
			}
			u.Signatures += now.Signatures - r.counted[k.SPKISHA256]
			u.Last = now.Last
			if err := store.Save(tx, useBucket, k.record(), u); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("count uses: %w", err)
	}
	for sum, u := range fresh {
		r.counted[sum] = u.Signatures
	}
	return nil
}

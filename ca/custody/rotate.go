package custody

import (
	"context"
	"fmt"
	"time"

	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Rotate makes a new key for the purpose, in Home, which serves from now on;
// "" keeps the algorithm. The old one stays until it is retired. A call that
// was cut short is taken up by the next. Purposes that keep their key for
// life are a Conflict.
func (r *Register) Rotate(ctx context.Context, purpose string, a hsm.Algorithm) (Key, error) {
	if why := r.Fixed(purpose); why != "" {
		return Key{}, errFixed(purpose, why)
	}
	r.making.Lock()
	defer r.making.Unlock()
	k, begun, err := r.planNext(ctx, purpose, a)
	if err != nil {
		return k, err
	}
	if k, err = r.make(ctx, k, begun); err != nil {
		return k, err
	}
	r.Log.InfoContext(ctx, "key rotated", "purpose", purpose, "generation", k.Generation)
	return k, nil
}

func errFixed(purpose, why string) error {
	return fault.New(fault.Conflict, "key_fixed", "the key of %[1]s is not made or rotated by itself: %[2]s", purpose, why)
}

// planNext records the next generation, or finds the one that was begun.
func (r *Register) planNext(ctx context.Context, purpose string, a hsm.Algorithm) (k Key, begun bool, err error) {
	now := r.now()
	err = r.Store.Update(ctx, func(tx store.Tx) error {
		list, err := generations(tx, purpose)
		if err != nil {
			return err
		}
		old, err := serving(list)
		if err != nil {
			return err
		}
		if last := list[len(list)-1]; !last.made() {
			k, begun = last, true
			return nil
		}
		if a == "" {
			a = old.Algorithm
		}
		k, begun = Key{Purpose: purpose, Generation: list[len(list)-1].Generation + 1, Home: scheme(r.Home), Algorithm: a, Created: now}, false
		return saveKey(tx, k)
	})
	return k, begun, err
}

// Retire says that a key that was replaced is used no more. It stays in its
// home until somebody removes it there. The key that serves is a Conflict; a
// retired one stays as it is.
func (r *Register) Retire(ctx context.Context, purpose string, generation int) (k Key, err error) {
	now := r.now()
	err = r.Store.Update(ctx, func(tx store.Tx) error {
		if k, err = loadKey(tx, purpose, generation); err != nil || !k.Retired.IsZero() {
			return err
		}
		list, err := generations(tx, purpose)
		if err != nil {
			return err
		}
		if now, err := serving(list); err != nil || now.Generation <= generation {
			return fault.New(fault.Conflict, "key_serving", "this key serves its purpose; rotate it first")
		}
		k.Retired = now
		if err := saveKey(tx, k); err != nil {
			return err
		}
		return ledger.Append(tx, ledger.Event{Kind: "key.retired", Subject: k.name(), At: now, Hash: k.SPKISHA256})
	})
	return k, err
}

// Trial is what testing a key showed.
type Trial struct {
	Key   Key    `json:"key"`
	Took  int64  `json:"took_us"`         // of opening, signing and verifying, in microseconds
	Fault string `json:"fault,omitempty"` // "" if the signature held
}

// Test opens each key that is not retired, of one purpose or ("") of all,
// signs with it and verifies: nothing is remembered of earlier openings.
func (r *Register) Test(ctx context.Context, purpose string) ([]Trial, error) {
	list, err := r.keys(ctx)
	if err != nil {
		return nil, err
	}
	trials := []Trial{}
	for _, k := range list {
		if !k.made() || !k.Retired.IsZero() || purpose != "" && k.Purpose != purpose {
			continue
		}
		begun := time.Now()
		_, err := r.open(ctx, k)
		t := Trial{Key: k, Took: time.Since(begun).Microseconds()}
		if err != nil {
			t.Fault = r.public(ctx, k, err)
		}
		trials = append(trials, t)
	}
	if len(trials) == 0 {
		return nil, errNoKey()
	}
	return trials, nil
}

// public is what may be told of an error outside the log.
func (r *Register) public(ctx context.Context, k Key, err error) string {
	r.Log.WarnContext(ctx, "key does not sign", "key", k.name(), "error", err)
	if f, ok := fault.Of(err); ok {
		return f.Error() + " [" + f.Code() + "]"
	}
	return "the reason is in the service's log"
}

func (r *Register) keys(ctx context.Context) (list []Key, err error) {
	err = r.Store.View(ctx, func(tx store.Tx) error {
		list = nil
		return store.Each(tx, keyBucket, "", "", func(_ string, k Key) error {
			list = append(list, k)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return list, nil
}

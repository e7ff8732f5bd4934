package ledger_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"testing"

	"mohr/internal/ledger"
	"mohr/internal/store"
)

var errKilled = errors.New("killed")

// dying is a store and a signer that stop working at a given step: before a
// transaction, after its commit but before anyone hears of it, or at a
// signature.
type dying struct {
	store.Store
	key   crypto.Signer
	steps int // left to live
}

func (d *dying) step() error {
	if d.steps <= 0 {
		return errKilled
	}
	d.steps--
	return nil
}

func (d *dying) View(ctx context.Context, fn func(store.Tx) error) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.Store.View(ctx, fn)
}

func (d *dying) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := d.step(); err != nil {
		return err
	}
	if err := d.Store.Update(ctx, func(tx store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return d.step() // dies before the commit
	}); err != nil {
		return err
	}
	return d.step() // dies after it
}

func (d *dying) Public() crypto.PublicKey { return d.key.Public() }

func (d *dying) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	return d.key.Sign(rand, digest, opts)
}

func TestASequencerThatDiesAtAnyStepLosesNothing(t *testing.T) {
	for steps := 0; ; steps++ {
		finished := false
		t.Run(fmt.Sprintf("after %d steps", steps), func(t *testing.T) {
			s := openStore(t)
			key := newKey(t)
			l := openLog(t, s, key)
			leaves := appendEvents(t, s, 0, 5)
			before := sequence(t, l)
			leaves = append(leaves, appendEvents(t, s, 5, 9)...)

			d := &dying{Store: s, key: key, steps: 1}
			dies := openLog(t, d, d) // opening takes one step
			d.steps = steps
			err := dies.Sequence(t.Context())
			finished = err == nil
			if err != nil && !errors.Is(err, errKilled) {
				t.Fatalf("Sequence: %v", err)
			}
			// What readers see meanwhile holds.
			mid, err := l.Checkpoint(t.Context())
			if err != nil || mid.Size < before.Size {
				t.Fatalf("the checkpoint went from %d to %d leaves, %v", before.Size, mid.Size, err)
			}
			checkRoot(t, mid, leaves[:mid.Size])

			leaves = append(leaves, appendEvents(t, s, 9, 10)...)
			checkRoot(t, sequence(t, l), leaves)
			if _, err := l.VerifyStore(t.Context()); err != nil {
				t.Errorf("VerifyStore: %v", err)
			}
			if p, err := l.ProveConsistency(t.Context(), before.Size); err != nil || p.Verify(l.VerifierKey(), before.Note) != nil {
				t.Errorf("the log does not extend what was signed before: %v", err)
			}
		})
		if finished || t.Failed() {
			if steps < 8 {
				t.Errorf("only %d steps were there to die at", steps)
			}
			return
		}
	}
}

func TestACheckpointIsNeverSignedOverATreeThatWentBack(t *testing.T) {
	key := newKey(t)
	signed := openStore(t)
	appendEvents(t, signed, 0, 5)
	sequence(t, openLog(t, signed, key))
	record := get(t, signed, "ledger_state", "checkpoint")

	tests := []struct {
		name string
		make func(t *testing.T, s store.Store)
	}{
		{"a shorter tree", func(t *testing.T, s store.Store) { appendEvents(t, s, 0, 3) }},
		{"another tree of the same size", func(t *testing.T, s store.Store) { appendEvents(t, s, 1, 6) }},
		{"a longer tree that begins differently", func(t *testing.T, s store.Store) { appendEvents(t, s, 1, 9) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := openStore(t)
			l := openLog(t, s, key)
			test.make(t, s)
			sequence(t, l)
			put(t, s, "ledger_state", "checkpoint", record) // what was published
			if err := l.Sequence(t.Context()); !errors.Is(err, ledger.ErrDamaged) {
				t.Errorf("Sequence: %v, want damaged", err)
			}
			if got := get(t, s, "ledger_state", "checkpoint"); string(got) != string(record) {
				t.Error("a checkpoint was signed that does not extend the last one")
			}
			if _, err := l.VerifyStore(t.Context()); !errors.Is(err, ledger.ErrDamaged) {
				t.Errorf("VerifyStore: %v, want damaged", err)
			}
		})
	}
}

func TestAPendingLeafThatWasChangedIsNotSequenced(t *testing.T) {
	s := openStore(t)
	l := openLog(t, s, newKey(t))
	appendEvents(t, s, 0, 1)
	var key string
	err := s.View(t.Context(), func(tx store.Tx) error {
		return tx.Scan("ledger_pending", "", "", func(k string, _ []byte) error {
			key = k
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "ledger_pending", key, []byte(`{"leaf":"e30="}`))
	if err := l.Sequence(t.Context()); !errors.Is(err, ledger.ErrDamaged) {
		t.Errorf("Sequence: %v, want damaged", err)
	}
}

func get(t testing.TB, s store.Store, bucket, key string) (b []byte) {
	t.Helper()
	err := s.View(t.Context(), func(tx store.Tx) (err error) {
		b, err = tx.Get(bucket, key)
		return err
	})
	if err != nil {
		t.Fatalf("get %s %s: %v", bucket, key, err)
	}
	return b
}

func put(t testing.TB, s store.Store, bucket, key string, value []byte) {
	t.Helper()
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Put(bucket, key, value) }); err != nil {
		t.Fatal(err)
	}
}

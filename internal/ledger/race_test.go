package ledger_test

import (
	"context"
	"crypto"
	"errors"
	"io"
	"testing"

	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// hooked is a store and a signer that let another node work at a given moment.
type hooked struct {
	store.Store
	key        crypto.Signer
	afterWrite func() // once, after the next update
	beforeSign func() // once, before the next signature
	signed     int
}

func once(fn *func()) {
	if f := *fn; f != nil {
		*fn = nil
		f()
	}
}

func (h *hooked) Update(ctx context.Context, fn func(store.Tx) error) error {
	err := h.Store.Update(ctx, fn)
	once(&h.afterWrite)
	return err
}

func (h *hooked) Public() crypto.PublicKey { return h.key.Public() }

func (h *hooked) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	once(&h.beforeSign)
	h.signed++
	return h.key.Sign(r, digest, o)
}

func TestASlowNodeNeverPutsBackACheckpoint(t *testing.T) {
	for _, test := range []struct {
		name   string
		hook   func(h *hooked, other func())
		signed int
	}{
		{"overtaken before it signs", func(h *hooked, other func()) { h.afterWrite = other }, 0},
		{"overtaken while it signs", func(h *hooked, other func()) { h.beforeSign = other }, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openStore(t)
			key := newKey(t)
			fast := openLog(t, s, key)
			leaves := appendEvents(t, s, 0, 3)
			h := &hooked{Store: s, key: key}
			slow := openLog(t, h, h)
			test.hook(h, func() {
				leaves = append(leaves, appendEvents(t, s, 3, 8)...)
				checkRoot(t, sequence(t, fast), leaves)
			})
			c := sequence(t, slow)
			checkRoot(t, c, leaves)
			if h.signed != test.signed {
				t.Errorf("the slow node signed %d checkpoints, want %d", h.signed, test.signed)
			}
		})
	}
}

func TestALeafWithoutACheckpointWaits(t *testing.T) {
	s := openStore(t)
	key := newKey(t)
	l := openLog(t, s, key)
	appendEvents(t, s, 0, 2)
	sequence(t, l)
	appendEvents(t, s, 2, 3)
	// It gets its index, and the signature fails.
	if err := openLog(t, s, failing{key}).Sequence(t.Context()); !errors.Is(err, errKilled) {
		t.Fatalf("Sequence: %v", err)
	}
	if _, err := l.Prove(t.Context(), id(t, 2)); fault.Code(err) != "log_leaf_waiting" {
		t.Errorf("Prove: %v, want log_leaf_waiting", err)
	}
	sequence(t, l)
	prove(t, l, 2)
}

// failing is a signer whose token was pulled.
type failing struct{ crypto.Signer }

func (failing) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errKilled }

func TestAnIDThatNamesAnotherLeafIsDamage(t *testing.T) {
	s := openStore(t)
	l := openLog(t, s, newKey(t))
	appendEvents(t, s, 0, 10)
	sequence(t, l)
	put(t, s, "ledger_ids", id(t, 7), []byte("8"))
	if _, err := l.Prove(t.Context(), id(t, 7)); !errors.Is(err, ledger.ErrDamaged) {
		t.Errorf("Prove: %v, want damaged", err)
	}
}

package ledger_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"mohr/internal/ledger"
	"mohr/internal/store"
)

var start = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

func openStore(t testing.TB) store.Store {
	t.Helper()
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func openLog(t testing.TB, s store.Store, key crypto.Signer) *ledger.Log {
	t.Helper()
	l, err := ledger.New(ledger.Config{Store: s, Signer: key, Origin: "mohr.test/log"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// event is the i-th deed; they come one a second.
func event(i int) ledger.Event {
	return ledger.Event{Kind: "certificate.issued", Subject: fmt.Sprintf("01%034x", i), At: start.Add(time.Duration(i) * time.Second)}
}

func appendEvents(t testing.TB, s store.Store, from, to int) [][]byte {
	t.Helper()
	var leaves [][]byte
	err := s.Update(t.Context(), func(tx store.Tx) error {
		leaves = nil
		for i := from; i < to; i++ {
			leaf, err := event(i).Leaf()
			if err != nil {
				return err
			}
			leaves = append(leaves, leaf)
			if err := ledger.Append(tx, event(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return leaves
}

func sequence(t testing.TB, l *ledger.Log) ledger.Checkpoint {
	t.Helper()
	if err := l.Sequence(t.Context()); err != nil {
		t.Fatalf("Sequence: %v", err)
	}
	c, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatalf("Checkpoint: %v", err)
	}
	return c
}

func id(t testing.TB, i int) string {
	t.Helper()
	id, err := event(i).ID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func prove(t testing.TB, l *ledger.Log, i int) ledger.Proof {
	t.Helper()
	p, err := l.Prove(t.Context(), id(t, i))
	if err != nil {
		t.Fatalf("Prove entry %d: %v", i, err)
	}
	return p
}

func checkRoot(t testing.TB, c ledger.Checkpoint, leaves [][]byte) {
	t.Helper()
	if c.Size != int64(len(leaves)) {
		t.Fatalf("the checkpoint covers %d leaves, want %d", c.Size, len(leaves))
	}
	if want := mth(leaves); string(c.Root[:]) != string(want) {
		t.Fatalf("root over %d leaves is %x, by RFC 6962 it is %x", c.Size, c.Root, want)
	}
}

// checkProof has the proof judged by both verifiers.
func checkProof(t testing.TB, l *ledger.Log, c ledger.Checkpoint, i int) {
	t.Helper()
	p := prove(t, l, i)
	if p.Index != int64(i) || p.Checkpoint != c.Note {
		t.Fatalf("the proof of entry %d is for index %d", i, p.Index)
	}
	if !included(p.Leaf, uint64(p.Index), uint64(c.Size), p.Hashes, c.Root[:]) {
		t.Fatalf("the proof of %d in %d does not hold by RFC 9162", i, c.Size)
	}
	if err := p.Verify(l.VerifierKey()); err != nil {
		t.Fatalf("Verify the proof of %d in %d: %v", i, c.Size, err)
	}
	if e, err := p.Event(); err != nil || e != event(i) {
		t.Fatalf("the proof of entry %d is of %+v, %v", i, e, err)
	}
}

package ledger_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"sync"
	"testing"

	"mohr/internal/fault"
	"mohr/internal/ledger"
)

func TestEveryTreeUpTo300LeavesHasTheRootOfRFC6962(t *testing.T) {
	s := openStore(t)
	l := openLog(t, s, newKey(t))
	var leaves [][]byte
	checkRoot(t, sequence(t, l), leaves)
	for n := 1; n <= 300; n++ {
		leaves = append(leaves, appendEvents(t, s, n-1, n)...)
		c := sequence(t, l)
		checkRoot(t, c, leaves)
		for _, i := range []int{0, n / 3, n / 2, n - 1, mathrand.IntN(n)} {
			checkProof(t, l, c, i)
		}
	}
	if _, err := l.VerifyStore(t.Context()); err != nil {
		t.Errorf("VerifyStore: %v", err)
	}
}

func TestTreesGrownInRandomStepsHaveTheRootOfRFC6962(t *testing.T) {
	s := openStore(t)
	l := openLog(t, s, newKey(t))
	var leaves [][]byte
	var old []ledger.Checkpoint
	for _, step := range []int{1, 255, 1, 700, mathrand.IntN(500) + 1, 1500, mathrand.IntN(300) + 1} {
		leaves = append(leaves, appendEvents(t, s, len(leaves), len(leaves)+step)...)
		c := sequence(t, l)
		checkRoot(t, c, leaves)
		old = append(old, c)
	}
	last := old[len(old)-1]
	for _, c := range old {
		checkProof(t, l, last, int(c.Size-1))
		p, err := l.ProveConsistency(t.Context(), c.Size)
		if err != nil {
			t.Fatalf("ProveConsistency with %d: %v", c.Size, err)
		}
		if !consistent(uint64(c.Size), uint64(last.Size), p.Hashes, c.Root[:], last.Root[:]) {
			t.Errorf("the consistency of %d and %d does not hold by RFC 9162", c.Size, last.Size)
		}
		if err := p.Verify(l.VerifierKey(), c.Note); err != nil {
			t.Errorf("Verify the consistency of %d and %d: %v", c.Size, last.Size, err)
		}
		if c.Size < last.Size {
			if err := p.Verify(l.VerifierKey(), last.Note); err == nil {
				t.Errorf("the proof for %d holds for another checkpoint", c.Size)
			}
		}
	}
	if r, err := l.VerifyStore(t.Context()); err != nil || r.Size != last.Size {
		t.Errorf("VerifyStore: %d leaves, %v", r.Size, err)
	}
	for _, size := range []int64{0, -1, last.Size + 1} {
		if _, err := l.ProveConsistency(t.Context(), size); fault.Code(err) != "log_size_unknown" {
			t.Errorf("ProveConsistency with %d: %v", size, err)
		}
	}
}

func TestTheSameEventIsOneLeaf(t *testing.T) {
	s := openStore(t)
	l := openLog(t, s, newKey(t))
	appendEvents(t, s, 0, 3)
	appendEvents(t, s, 0, 3)
	first := sequence(t, l)
	appendEvents(t, s, 1, 4) // two of them have their index already
	second := sequence(t, l)
	if first.Size != 3 || second.Size != 4 {
		t.Fatalf("the log has %d, then %d leaves, want 3 and 4", first.Size, second.Size)
	}
	for i := range 4 {
		checkProof(t, l, second, i)
	}
	appendEvents(t, s, 0, 4) // nothing new at all
	if third := sequence(t, l); third != second {
		t.Errorf("events already in the log made the checkpoint %v of %v", third, second)
	}
	checkProof(t, l, second, 2)
}

func TestProveTellsWaitingFromUnknown(t *testing.T) {
	s := openStore(t)
	l := openLog(t, s, newKey(t))
	if _, err := l.Checkpoint(t.Context()); fault.Code(err) != "log_checkpoint_missing" {
		t.Errorf("Checkpoint of a new log: %v", err)
	}
	sequence(t, l)
	appendEvents(t, s, 0, 1)
	if _, err := l.Prove(t.Context(), id(t, 0)); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Prove a waiting leaf: %v, want Unavailable", err)
	}
	if since, err := l.WaitingSince(t.Context()); err != nil || !since.Equal(event(0).At) {
		t.Errorf("leaves wait since %v, %v; want %v", since, err, event(0).At)
	}
	if _, err := l.Prove(t.Context(), id(t, 1)); !errors.Is(err, fault.NotFound) {
		t.Errorf("Prove what was never appended: %v, want NotFound", err)
	}
	sequence(t, l)
	prove(t, l, 0)
	if since, err := l.WaitingSince(t.Context()); err != nil || !since.IsZero() {
		t.Errorf("leaves wait since %v, %v; none does", since, err)
	}
}

func TestManySequencersAtOnceMakeOneLog(t *testing.T) {
	s := openStore(t)
	key := newKey(t)
	const nodes, each = 4, 150
	var wg sync.WaitGroup
	for n := range nodes {
		l := openLog(t, s, key)
		wg.Go(func() {
			for i := range each {
				appendEvents(t, s, n*each+i, n*each+i+1)
				if err := l.Sequence(context.Background()); err != nil {
					t.Errorf("Sequence: %v", err)
				}
			}
		})
	}
	wg.Wait()
	l := openLog(t, s, key)
	c := sequence(t, l)
	r, err := l.VerifyStore(t.Context())
	if err != nil || r.Size != nodes*each || c.Size != nodes*each {
		t.Fatalf("the log has %d leaves, %v; want %d", r.Size, err, nodes*each)
	}
	seen := map[int64]bool{}
	for i := range nodes * each {
		p := prove(t, l, i)
		if seen[p.Index] {
			t.Fatalf("index %d was given twice", p.Index)
		}
		seen[p.Index] = true
	}
}

func TestNewSaysAllThatIsWrong(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		config ledger.Config
	}{
		{"nothing", ledger.Config{}},
		{"no store", ledger.Config{Signer: newKey(t), Origin: "x"}},
		{"a key on another curve", ledger.Config{Store: openStore(t), Signer: p384, Origin: "x"}},
		{"an origin with a space", ledger.Config{Store: openStore(t), Signer: newKey(t), Origin: "x y"}},
		{"an origin with a plus", ledger.Config{Store: openStore(t), Signer: newKey(t), Origin: "x+y"}},
		{"an origin of two lines", ledger.Config{Store: openStore(t), Signer: newKey(t), Origin: "x\ny"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := ledger.New(test.config); err == nil {
				t.Error("New took it")
			}
		})
	}
}

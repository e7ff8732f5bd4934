package ledger_test

import (
	"testing"
)

func TestATreeOfThreeTileLevelsHasTheRootOfRFC6962(t *testing.T) {
	s := openStore(t)
	l := openLog(t, s, newKey(t))
	const size = 65536 + 300
	var leaves [][]byte
	for len(leaves) < size {
		leaves = append(leaves, appendEvents(t, s, len(leaves), min(len(leaves)+2048, size))...)
	}
	if err := l.Sequence(t.Context()); err != nil { // at most 64 batches a call
		t.Fatal(err)
	}
	if c, err := l.Checkpoint(t.Context()); err != nil || c.Size != 65536 {
		t.Fatalf("one call took %d leaves, %v; it is bounded to 65536", c.Size, err)
	}
	c := sequence(t, l)
	checkRoot(t, c, leaves)
	for _, i := range []int{0, 65535, 65536, len(leaves) - 1} {
		checkProof(t, l, c, i)
	}
	if _, err := public(t, l).Verify(t.Context()); err != nil {
		t.Errorf("Verify: %v", err)
	}
	if _, err := l.VerifyStore(t.Context()); err != nil {
		t.Errorf("VerifyStore: %v", err)
	}
}

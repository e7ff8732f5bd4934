package ledger_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mohr/internal/ledger"
	"mohr/internal/store"
)

func newEd25519(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func witnessed(s store.Store, key crypto.Signer, file string) (*ledger.Log, error) {
	return ledger.New(ledger.Config{Store: s, Signer: key, Origin: "mohr.test/log", Witness: file})
}

// backedUp returns a store with the first entries of a log that went on, the
// file that knows of it, and the key.
func backedUp(t *testing.T, before, after int) (old store.Store, key crypto.Signer, file string) {
	t.Helper()
	file, key = filepath.Join(t.TempDir(), "checkpoint"), newKey(t)
	old, whole := openStore(t), openStore(t)
	appendEvents(t, old, 0, before)
	sequence(t, openLog(t, old, key))
	appendEvents(t, whole, 0, after)
	l, err := witnessed(whole, key, file)
	if err != nil {
		t.Fatal(err)
	}
	c := sequence(t, l)
	if b, err := os.ReadFile(file); err != nil || string(b) != c.Note {
		t.Fatalf("the witness file: %q, %v, want the checkpoint", b, err)
	}
	return old, key, file
}

func TestAnOlderStoreIsNotContinuedSilently(t *testing.T) {
	old, key, file := backedUp(t, 5, 9)
	if _, err := witnessed(old, key, file); !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(err.Error(), "has 5 entries, and a checkpoint over 9") {
		t.Fatalf("New on an older store: %v", err)
	}
	// One that was open before the file knew better signs nothing either.
	l, err := witnessed(old, key, filepath.Join(t.TempDir(), "none"))
	if err != nil {
		t.Fatal(err)
	}
	l.Witness = file
	appendEvents(t, old, 100, 101)
	if err := l.Sequence(t.Context()); !errors.Is(err, ledger.ErrDamaged) {
		t.Errorf("Sequence: %v, want damaged", err)
	}
	if c, err := l.Checkpoint(t.Context()); err != nil || c.Size != 5 {
		t.Errorf("a checkpoint over %d entries is published, %v", c.Size, err)
	}
}

func TestAStoreWithOtherEntriesIsNotContinued(t *testing.T) {
	old, key, file := backedUp(t, 5, 9)
	appendEvents(t, old, 100, 110)
	sequence(t, openLog(t, old, key))
	if _, err := witnessed(old, key, file); !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(err.Error(), "first 9 entries") {
		t.Errorf("New: %v", err)
	}
}

func TestAWitnessFileOfAnotherLogIsAnError(t *testing.T) {
	_, _, file := backedUp(t, 1, 2)
	if _, err := witnessed(openStore(t), newKey(t), file); !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("New: %v", err)
	}
}

func TestALossThatIsStatedLetsTheLogGoOnUnderANewName(t *testing.T) {
	old, key, file := backedUp(t, 5, 9)
	before := prove(t, openLog(t, old, key), 3)
	oldKey := openLog(t, old, key).VerifierKey()
	signed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lost, err := ledger.OpenCheckpoint(string(signed), oldKey)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // stating it twice is stating it once
		if origin, err := ledger.Continue(t.Context(), old, lost, start); err != nil || origin != "mohr.test/log/2" {
			t.Fatalf("Continue: %q, %v", origin, err)
		}
	}
	l, err := witnessed(old, key, file)
	if err != nil {
		t.Fatal(err)
	}
	c := sequence(t, l)
	if c.Origin != "mohr.test/log/2" || c.Size != 6 { // five were left, one says what was lost
		t.Errorf("the log goes on as %s with %d entries", c.Origin, c.Size)
	}
	if _, err := l.VerifyStore(context.Background()); err != nil {
		t.Errorf("VerifyStore: %v", err)
	}
	if err := before.Verify(oldKey); err != nil {
		t.Errorf("a proof under the old name: %v", err)
	}
	if err := prove(t, l, 3).Verify(l.VerifierKey()); err != nil {
		t.Errorf("a proof under the new name: %v", err)
	}
	if _, err := ledger.OpenCheckpoint(c.Note, oldKey); err == nil {
		t.Error("the new log passes for the old one")
	}
	// The file has the new log's checkpoint now, and guards it as before.
	if l, err = witnessed(old, key, file); err != nil || l.Origin != "mohr.test/log/2" {
		t.Errorf("the next start: %v", err)
	}
	if _, err := witnessed(openStore(t), key, file); !errors.Is(err, ledger.ErrDamaged) {
		t.Errorf("an empty store: %v, want damaged", err)
	}
}

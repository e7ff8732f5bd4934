package main

import (
	"os"
	"path/filepath"
	"testing"

	"mohr/internal/store/pgtest"
)

// TestTourOnPostgreSQLLeavesTheSameArtifacts runs all journeys with the
// records in a database, and compares records, log and answers afterwards.
func TestTourOnPostgreSQLLeavesTheSameArtifacts(t *testing.T) {
	url, out := pgtest.Start(t).Database("tour"), t.TempDir()
	if code := run(t.Context(), []string{"tour", "--out", out, "--store", url}); code != exitDone {
		t.Fatalf("tour ended with %d", code)
	}
	for _, name := range artifacts() {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Error(err)
		}
	}
	back := filepath.Join(t.TempDir(), "back")
	if code := run(t.Context(), []string{"store", "copy", url, back}); code != exitDone {
		t.Errorf("store copy ended with %d", code)
	}
	if code := run(t.Context(), []string{"store", "copy", url, back}); code != exitFailed {
		t.Errorf("a second copy to the same place ended with %d", code)
	}
	if code := run(t.Context(), []string{"store", "copy", back, back}); code != exitUsage {
		t.Errorf("a copy to itself ended with %d", code)
	}
}

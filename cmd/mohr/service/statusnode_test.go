package service

import (
	"log/slog"
	"strings"
	"testing"
)

// TestAStatusNodeThatCannotOpenSaysWhy has a database that is not there; so do
// commands upon its data directory.
func TestAStatusNodeThatCannotOpenSaysWhy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := Config{Data: dir, Store: "postgres://mohr@/mohr?host=" + dir}
	if _, err := openStatusNode(t.Context(), c, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "open store") {
		t.Errorf("%v", err)
	}
	if _, err := OpenStopped(t.Context(), Config{Data: dir}); err == nil || !strings.Contains(err.Error(), "a status node, which keeps no records") {
		t.Errorf("a command upon its data directory: %v", err)
	}
}

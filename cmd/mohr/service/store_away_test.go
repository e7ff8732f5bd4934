package service

import (
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestADatabaseThatIsAwayIsNotTakenForALostStore: the socket of a server that
// does not run is a file that is not there, and no reason to advise that the
// data directory be moved away.
func TestADatabaseThatIsAwayIsNotTakenForALostStore(t *testing.T) {
	data := t.TempDir()
	if err := os.Mkdir(filepath.Join(data, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "keys", "tls.pem"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Config{Data: data, Store: "postgres://mohr@/mohr?host=" + url.QueryEscape(t.TempDir())}, slog.New(slog.DiscardHandler))
	if err == nil || strings.Contains(err.Error(), embeddedFile) || !strings.Contains(err.Error(), "failed to connect") {
		t.Errorf("the start without its database: %v", err)
	}
}

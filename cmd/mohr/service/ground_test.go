package service

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// begin makes the ground of a fresh data directory and leaves it.
func begin(t *testing.T) Config {
	t.Helper()
	c := Config{Data: t.TempDir()}
	c.Defaults()
	c.fillAddresses("http://127.0.0.1:8080", "https://localhost:8443", "https://localhost:8444")
	g, err := Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	g.Close()
	return c
}

func TestALostOrReplacedKeyStopsTheStart(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(dir string) error
		want string
	}{
		{"nothing happened", func(string) error { return nil }, ""},
		{"an issuing key was lost", func(dir string) error { return os.Remove(filepath.Join(dir, "sign-p256.pem")) }, "it was in use here"},
		{"an issuing key was replaced by another", func(dir string) error {
			return os.Rename(filepath.Join(dir, "auth-p256.pem"), filepath.Join(dir, "sign-p256.pem"))
		}, "is not the key that was in use here"},
		{"the checkpoint key was lost", func(dir string) error { return os.Remove(filepath.Join(dir, "checkpoint.pem")) }, "it was in use here"},
		{"the secret was lost", func(dir string) error { return os.Remove(filepath.Join(dir, "secret")) }, "is not the one that the store"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := begin(t)
			if err := test.do(filepath.Join(c.Data, "keys")); err != nil {
				t.Fatal(err)
			}
			g, err := Open(t.Context(), c, slog.New(slog.DiscardHandler))
			if err == nil {
				g.Close()
			}
			if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
				t.Errorf("start: %v, want %q", err, test.want)
			}
		})
	}
}

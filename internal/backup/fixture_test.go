package backup_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mohr/internal/backup"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

var start = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

// running is a service's store and log.
type running struct {
	store.Store
	log     *ledger.Log
	witness string
}

func run(t testing.TB) *running {
	t.Helper()
	dir := t.TempDir()
	s, err := store.OpenBolt(filepath.Join(dir, "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Store: s, witness: filepath.Join(dir, "checkpoint")}
	r.log, err = ledger.New(ledger.Config{Store: s, Signer: key, Origin: "mohr.test/log", Witness: r.witness})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// deeds appends n deeds from the i-th on, and sequences them.
func (r *running) deeds(t testing.TB, i, n int) ledger.Checkpoint {
	t.Helper()
	for ; n > 0; i, n = i+1, n-1 {
		e := ledger.Event{Kind: "certificate.issued", Subject: fmt.Sprintf("%034x", i), At: start.Add(time.Duration(i) * time.Second)}
		if err := r.Update(t.Context(), func(tx store.Tx) error { return ledger.Append(tx, e) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.log.Sequence(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := r.log.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (r *running) source() backup.Source {
	return backup.Source{Store: r.Store, LogKey: r.log.VerifierKey(), Now: func() time.Time { return start }}
}

// file makes a backup and returns its path.
func (r *running) file(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := r.source().Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return write(t, b.Bytes())
}

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backup.tar")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

package main

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mohr/ca/custody"
	"mohr/cmd/mohr/care"
	"mohr/hsm"
	"mohr/internal/nonce"
	"mohr/internal/store"
)

// oldNonce leaves a nonce in a stopped service's store that was used two days
// ago, and 400 KiB that were in use once: old-nonce DIR.
func oldNonce(ts *testscript.TestScript, _ bool, args []string) {
	s, err := store.OpenBolt(filepath.Join(ts.MkAbs(args[0]), "mohr.db"))
	ts.Check(err)
	then := time.Now().Add(-48 * time.Hour)
	source := nonce.Source{Key: make([]byte, 32), Now: func() time.Time { return then }}
	used, err := source.Redeemable("renew", source.New("renew"))
	ts.Check(err)
	ts.Check(s.Update(context.Background(), func(tx store.Tx) error { return store.Save(tx, "filling", "a", make([]byte, 300<<10)) }))
	ts.Check(s.Update(context.Background(), func(tx store.Tx) error { return tx.Delete("filling", "a") }))
	ts.Check(s.Update(context.Background(), used.Use))
	ts.Check(s.Close())
}

// TestTheDoctorSeesWhatEnds looks at the data of a service that was stopped,
// at later and later times.
func TestTheDoctorSeesWhatEnds(t *testing.T) {
	service := startService(t, "")
	service.stop()
	s, err := store.OpenBolt(filepath.Join(service.data, "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	vkey, err := readVkey(filepath.Join(service.data, "log.vkey"))
	if err != nil {
		t.Fatal(err)
	}
	ring := hsm.Open(hsm.Config{})
	defer ring.Close()
	const day = 24 * time.Hour
	for _, test := range []struct {
		name    string
		after   time.Duration
		running bool
		line    string
		want    care.State
	}{
		{"TLS at once", time.Hour, true, "tls", care.OK},
		{"TLS that its job forgot", 80 * day, true, "tls", care.Warn},
		{"TLS that is over while it is shown", 100 * day, true, "tls", care.Fail},
		{"TLS that the next start renews", 100 * day, false, "tls", care.Warn},
		{"a stamp key in the middle of its certificate's life", 375 * day, true, "time-stamping", care.Fail},
		{"an audit key at the same time", 375 * day, true, "audit", care.OK},
		{"the root's list at its end", 350 * day, false, "CRL of root", care.Warn},
		{"the root's list after its end", 370 * day, false, "CRL of root", care.Fail},
		{"an issuing authority after its end", 40 * 365 * day, false, "sign-p256", care.Fail},
		{"a key, whenever", 40 * 365 * day, false, "keys", care.OK},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := care.Patient{
				Data: service.data, Witness: filepath.Join(service.data, "witness", "checkpoint"), LogKey: vkey, Store: s, Running: test.running,
				Keys:  custody.New(custody.Config{Store: s, Ring: ring, Home: hsm.FileURI(filepath.Join(service.data, "keys"))}),
				Clock: func() error { return nil }, Now: func() time.Time { return time.Now().Add(test.after) },
			}
			for _, l := range p.Examine(t.Context()) {
				if l.Name == test.line {
					if l.State != test.want {
						t.Errorf("%s: %s, want %s: %s", l.Name, l.State, test.want, l.Words)
					}
					return
				}
			}
			t.Errorf("no line about %s", test.line)
		})
	}
}

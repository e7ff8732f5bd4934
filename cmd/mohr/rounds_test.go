package main

import (
	"flag"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"mohr/cmd/mohr/bench"
	"mohr/cmd/mohr/service"
	"mohr/internal/pkitest"
	"mohr/internal/store/pgtest"
)

var (
	rounds  = flag.Int("rounds", 3, "rounds of faults")
	outages = flag.Int("outages", 3, "outages of the database")
	only    = flag.String("only", "", "with -rounds: a part of the names of the kinds of faults that are wanted")
	seed    = flag.Uint64("seed", 0, "with -rounds: of the dice; 0 is a random one")
)

// TestRoundsOfFaultsLoseAndDoubleNothing breaks two processes of the service on
// one database while clients have certificates issued and revoked, and
// compares what they were told with store and log. Many rounds:
// go test ./cmd/mohr -run RoundsOfFaults -v -timeout 0 -args -rounds 500 -seed 7
func TestRoundsOfFaultsLoseAndDoubleNothing(t *testing.T) {
	self, err := exec.LookPath("mohr") // this binary, by TestMain
	if err != nil {
		t.Fatal(err)
	}
	server, keys, dir := pgtest.StartPair(t), pkitest.P11Server(t), t.TempDir()
	r := everyFault(server, keys, "faults", 6)
	r.Rounds = *rounds
	t.Logf("seed %d", r.Seed)
	conf := bench.Config{Self: self, Program: self, Clients: r.Clients, Duration: time.Minute, Runs: 1, Progress: t.Output(), Store: server.Database("faults"), Keys: keys.Base, Clock: clockVar}
	begun := time.Now()
	damage, err := bench.Faults(t.Context(), conf, dir, r)
	t.Logf("%s: %+v", time.Since(begun).Round(time.Second), damage)
	if err != nil {
		t.Fatal(err)
	}
	nothingBroken(t, damage, r, service.Config{Data: filepath.Join(dir, "data"), Keys: keys.Base})
}

// nothingBroken holds what rounds found, and the log of the service that was
// broken in them and is stopped now, against what was promised.
func nothingBroken(t *testing.T, damage bench.Damage, r bench.Rounds, c service.Config) {
	t.Helper()
	if damage.Lost+damage.Doubled+damage.Wrong > 0 {
		t.Errorf("lost %d, doubled %d, wrong %d; the first: %s", damage.Lost, damage.Doubled, damage.Wrong, damage.First)
	}
	if damage.Issued < *rounds*r.Clients || damage.Revoked == 0 || damage.Renewed == 0 || damage.Asked == 0 {
		t.Errorf("the clients did not do their work: %+v", damage)
	}
	g, err := service.OpenStopped(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := g.Ledger.VerifyStore(t.Context()); err != nil {
		t.Errorf("log after the rounds: %v", err)
	}
}

// TestARevocationAfterAnOutageShowsAtOtherNodes takes the database away from
// nodes that answer for status, and prints how soon after it is back a
// revocation at one node shows at others. Many times:
// go test ./cmd/mohr -run AfterAnOutage -v -timeout 0 -args -outages 50 -seed 7
func TestARevocationAfterAnOutageShowsAtOtherNodes(t *testing.T) {
	self, err := exec.LookPath("mohr") // this binary, by TestMain
	if err != nil {
		t.Fatal(err)
	}
	server := pgtest.Start(t)
	r := bench.Rounds{Rounds: *outages, Seed: *seed, Clients: 1, Kill: server.Kill, Stop: server.Stop, Start: server.Up}
	conf := bench.Config{Self: self, Program: self, Clients: 4, Duration: time.Minute, Runs: 1, Progress: t.Output(), Store: server.Database("outages")}
	found, err := bench.AfterOutages(t.Context(), conf, t.TempDir(), r)
	found.Print(t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if found.Lost+found.Doubled+found.Wrong > 0 {
		t.Errorf("lost %d, doubled %d, wrong %d; the first: %s", found.Lost, found.Doubled, found.Wrong, found.First)
	}
	if found.Answered == 0 || found.Revoked != *outages {
		t.Errorf("the nodes did not serve on, or not all was revoked: %+v", found.Damage)
	}
}

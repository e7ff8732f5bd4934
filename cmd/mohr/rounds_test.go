package main

import (
	"flag"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"mohr/cmd/mohr/bench"
	"mohr/internal/store/pgtest"
)

var (
	rounds = flag.Int("rounds", 3, "rounds of faults")
	seed   = flag.Uint64("seed", 0, "with -rounds: of the dice; 0 is a random one")
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
	server, dir := pgtest.Start(t), t.TempDir()
	r := bench.Rounds{
		Rounds: *rounds, Seed: *seed, Clients: 6, Kill: server.Kill, Stop: server.Stop, Start: server.Up,
		Cut: func() {
			server.Query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = 'faults'")
		},
	}
	if r.Seed == 0 {
		r.Seed = rand.Uint64()
	}
	t.Logf("seed %d", r.Seed)
	conf := bench.Config{Self: self, Program: self, Clients: r.Clients, Duration: time.Minute, Runs: 1, Progress: t.Output(), Store: server.Database("faults")}
	begun := time.Now()
	damage, err := bench.Faults(t.Context(), conf, dir, r)
	t.Logf("%s: %+v", time.Since(begun).Round(time.Second), damage)
	if err != nil {
		t.Fatal(err)
	}
	if damage.Lost+damage.Doubled+damage.Wrong > 0 {
		t.Errorf("lost %d, doubled %d, wrong %d; the first: %s", damage.Lost, damage.Doubled, damage.Wrong, damage.First)
	}
	if damage.Issued < *rounds*r.Clients || damage.Revoked == 0 || damage.Asked == 0 {
		t.Errorf("the clients did not do their work: %+v", damage)
	}
	if _, err := verifyStoredLog(t.Context(), filepath.Join(dir, "data")); err != nil {
		t.Errorf("log after the faults: %v", err)
	}
}

package main

import (
	"flag"
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"

	"mohr/cmd/mohr/bench"
	"mohr/internal/pkitest"
	"mohr/internal/store/pgtest"
)

var soakFor = flag.Duration("soak", time.Minute, "how long the mixed load runs")

// TestAMixedLoadUnderFaultsLosesNothing runs every kind of load on two processes
// while they, their database and the home of their keys are broken by dice.
// Whether memory and times stay is printed, not asserted. Long:
// go test ./cmd/mohr -run AMixedLoad -v -timeout 0 -args -soak 20m -seed 7
func TestAMixedLoadUnderFaultsLosesNothing(t *testing.T) {
	self, err := exec.LookPath("mohr") // this binary, by TestMain
	if err != nil {
		t.Fatal(err)
	}
	server, keys := pgtest.StartPair(t), pkitest.P11Server(t)
	s := bench.Soak{For: *soakFor, Rounds: everyFault(server, keys, "soak", 8)}
	conf := bench.Config{Self: self, Program: self, Clients: s.Clients, Duration: s.For, Progress: t.Output(), Store: server.Database("soak"), Keys: keys.Base}
	found, err := soakAndWeigh(t.Context(), conf, t.TempDir(), s)
	found.Print(t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if min(found.Applied, found.Issued, found.Renewed, found.Revoked, found.Filed, found.Asked, len(found.Faults), len(found.Periods)) == 0 {
		t.Errorf("some kind of load or fault is missing: %+v", found)
	}
}

// everyFault breaks all there is. The seed is that of the flag, or a random one.
func everyFault(server *pgtest.Pair, keys *pkitest.TokenServer, database string, clients int) bench.Rounds {
	r := bench.Rounds{
		Seed: *seed, Clients: clients, Only: *only, Kill: server.Kill, Stop: server.Stop, Failover: server.Failover, Start: server.Up,
		KeysGone: keys.Kill, KeysBack: keys.Start,
		Cut: func() {
			server.Query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '" + database + "'")
		},
	}
	if r.Seed == 0 {
		r.Seed = rand.Uint64()
	}
	return r
}

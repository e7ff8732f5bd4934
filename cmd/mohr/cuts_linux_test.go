package main

import (
	"flag"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"mohr/cmd/mohr/bench"
	"mohr/cmd/mohr/bench/wire"
	"mohr/cmd/mohr/service"
	"mohr/internal/pkitest"
	"mohr/internal/store/pgtest"
)

var longest = flag.Duration("longest", 2*time.Second, "with -rounds: the longest cut of a link")

// TestCutsOfTheNetworkLoseAndDoubleNothing runs the parts of a service on hosts
// of their own (network namespaces) and breaks the links between them while
// clients have certificates issued, renewed and revoked. Long:
// go test ./cmd/mohr -run CutsOfTheNetwork -v -timeout 0 -args -rounds 100 -longest 40s -seed 7
func TestCutsOfTheNetworkLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()                       // it waits more than it works
	self, err := exec.LookPath("mohr") // this binary, by TestMain
	if err != nil {
		t.Fatal(err)
	}
	pkitest.Need(t, "ip", "iproute2")
	r := bench.Rounds{Rounds: *rounds, Seed: *seed, Clients: 6, Only: *only}
	if r.Seed == 0 {
		r.Seed = rand.Uint64()
	}
	t.Logf("seed %d", r.Seed)
	net, err := wire.New(r.Seed, bench.Hosts...)
	if err != nil {
		pkitest.Missing(t, "hosts of one's own need root, /dev/net/tun and iproute2: "+err.Error())
	}
	t.Cleanup(net.Close)
	host, dir := net.Host("database"), t.TempDir()
	server := pgtest.StartOn(t, host.In, host.Address)
	conf := bench.Config{Self: self, Program: self, Clients: r.Clients, Duration: time.Minute, Runs: 1, Progress: t.Output(), Store: server.Database("cuts")}
	begun := time.Now()
	damage, err := bench.Cuts(t.Context(), conf, dir, r, bench.Apart{Net: net, Store: "postgres://mohr@" + host.Address + "/cuts", Longest: *longest})
	t.Logf("%s: %+v", time.Since(begun).Round(time.Second), damage)
	if err != nil {
		t.Fatal(err)
	}
	nothingBroken(t, damage, r, service.Config{Data: filepath.Join(dir, "ca"), Store: conf.Store})
}

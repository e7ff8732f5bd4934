package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"mohr/cmd/mohr/bench/load"
	"mohr/cmd/mohr/bench/wire"
	"mohr/internal/store"
)

// Hosts are those of a service in parts: the registry, the database and each
// role have one of their own.
var Hosts = []string{"registry", "database", "ca", "portal", "status"}

// Apart says where the parts of a service are, and how their network is broken.
type Apart struct {
	Net     *wire.Net     // of Hosts
	Store   string        // URL of the database as the hosts reach it; that of the Config leads past the wires
	Longest time.Duration // that a link is broken
}

// links are the pairs of hosts that are parted.
var links = [][2]string{{"portal", "ca"}, {"portal", "database"}, {"status", "database"}, {"ca", "database"}}

// Cuts breaks the network between the parts of a service so often, one link at
// a time, and compares what clients were told with store and log. What links do:
// nothing goes through, nothing goes through one way, a third of the packets is
// lost, every packet is late. Clients reach the service past the wires.
func Cuts(ctx context.Context, c Config, dir string, r Rounds, a Apart) (Damage, error) {
	b := &breaking{Rounds: r, dice: rand.New(rand.NewPCG(r.Seed, 0)), damage: Damage{Seed: r.Seed, Faults: map[string]int{}}}
	defer b.close()
	p := &apart{breaking: b, Apart: a}
	if err := p.open(ctx, c, dir); err != nil {
		return b.damage, err
	}
	if err := b.all(ctx); err != nil {
		return b.damage, err
	}
	err := p.nothingWaits(ctx)
	return b.damage, err
}

// apart is a service in parts that is broken.
type apart struct {
	*breaking
	Apart
	ca *node
}

// open starts the registry and the nodes. Both nodes that answer for status
// count among the nodes of breaking; the portal is one for both.
func (p *apart) open(ctx context.Context, c Config, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	p.World = &World{Config: c, dir: dir}
	registry := p.Net.Host("registry")
	registry.In(func() { err = p.foundRegistry(ctx, max(batch, p.Rounds.Rounds*p.Clients/2), registry.Address+":0") })
	if err != nil {
		return err
	}
	inside := p.registry
	if p.registry, err = registry.Front(inside); err != nil {
		return err
	}
	issuing := p.Net.Host("ca").Address + ":8446"
	if p.ca, err = p.startPart(ctx, inside, "ca", fmt.Sprintf("roles: [ca]\nissuing: {listen: %q, callers: [localhost], word: [otp_sms]}\n", issuing)); err != nil {
		return err
	}
	if err := p.copyKeys("portal", regexp.MustCompile(`^(secret|tls|audit|credential|cmp|time-stamping|checkpoint|ocsp-)`)); err != nil {
		return err
	}
	portal, err := p.startPart(ctx, inside, "portal", fmt.Sprintf("roles: [portal, status, jobs]\nserial_prefix: 2\nissuing: {nodes: [\"https://%s\"]}\n", issuing))
	if err != nil {
		return err
	}
	if err := p.copyKeys("status", regexp.MustCompile(`^ocsp-`)); err != nil {
		return err
	}
	status, err := p.startPart(ctx, inside, "status", "roles: [status]\n")
	if err != nil {
		return err
	}
	if portal.portal.Trust, err = readPool(p.file("ca/root.pem")); err != nil {
		return err
	}
	status.portal = portal.portal
	p.nodes = []*node{portal, status}
	p.World.portal, p.plain, p.ops = portal.portal, portal.plain, portal.ops
	if err := p.choose(p.cuts()); err != nil {
		return err
	}
	p.own, err = store.OpenPostgres(ctx, c.Store)
	return err
}

// startPart starts the node of a role on its host, and opens fronts to it.
func (p *apart) startPart(ctx context.Context, registry, name, more string) (n *node, err error) {
	n = &node{config: p.file(name + ".yaml"), data: p.file(name)}
	conf := fmt.Sprintf(`data: %q
store: %q
https: 127.0.0.1:0
mtls: 127.0.0.1:0
http: 127.0.0.1:0
ops: 127.0.0.1:0
portal: https://localhost:8443
publish: http://127.0.0.1:8080
policy: %q
registry: {url: "http://%s", public_key: %q, environment: simulated}
domains: {resolvers: ["127.0.0.1:9", "127.0.0.1:9"]}
%s`, n.data, p.Apart.Store, p.file("policy.yaml"), registry, p.file("registry.pem"), more)
	if err := os.WriteFile(n.config, []byte(conf), 0o600); err != nil {
		return nil, err
	}
	host := p.Net.Host(name)
	host.In(func() {
		n.process, err = load.Start(ctx, p.Program, p.dir, name, nil, "serve", "--log", "error", "--config", n.config)
	})
	if err != nil {
		return nil, err
	}
	p.children = append(p.children, n.process)
	for door, at := range map[string]*string{"https": &n.portal.Address, "http": &n.plain.Address, "ops": &n.ops} {
		if inside := n.process.Addresses[door]; inside != "" {
			if *at, err = host.Front(inside); err != nil {
				return nil, err
			}
		}
	}
	return n, nil
}

// copyKeys brings the keys of these names from the node that makes them to
// another.
func (p *apart) copyKeys(name string, which *regexp.Regexp) error {
	from, to := p.file("ca/keys"), p.file(filepath.Join(name, "keys"))
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !which.MatchString(entry.Name()) {
			return err
		}
		key, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, entry.Name()), key, 0o600)
	})
}

// cuts are the ways in which the network can be broken. Their order counts.
func (p *apart) cuts() (list []fault) {
	gone, lossy := wire.Fault{Loss: 1}, wire.Fault{Loss: 1. / 3}
	for _, l := range links {
		for _, k := range []struct {
			kind        string
			there, back wire.Fault
		}{
			{l[0] + " and " + l[1] + " are cut off", gone, gone},
			{l[0] + " does not reach " + l[1], gone, wire.Fault{}},
			{l[1] + " does not reach " + l[0], wire.Fault{}, gone},
			{l[0] + " and " + l[1] + " lose a third", lossy, lossy},
			{l[0] + " and " + l[1] + " are far away", wire.Fault{Delay: 700 * time.Millisecond}, wire.Fault{Delay: 1500 * time.Millisecond}},
		} {
			list = append(list, fault{k.kind, func(ctx context.Context, b *breaking, d time.Duration) error {
				d += time.Duration(b.dice.Int64N(int64(p.Longest)))
				return p.hold(ctx, l, k.there, k.back, d)
			}})
		}
	}
	return list
}

// hold breaks a link for a while. Where it leads from a node that answers for
// status to the database, that is away until the node says that it is there.
func (p *apart) hold(ctx context.Context, link [2]string, there, back wire.Fault, d time.Duration) error {
	from, to := p.Net.Host(link[0]), p.Net.Host(link[1])
	if link[1] == "database" && link[0] != "ca" {
		defer p.isAway()()
	}
	p.Net.Set(from, to, there)
	p.Net.Set(to, from, back)
	wait(ctx, d)
	p.Net.Set(from, to, wire.Fault{})
	p.Net.Set(to, from, wire.Fault{})
	begun := time.Now()
	err := p.ready(ctx, append([]*node{p.ca}, p.nodes...)...)
	p.say("  %s and %s, %s: ready again after %s", link[0], link[1], d.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond))
	return err
}

// nothingWaits waits until no certificate is to be signed any more.
func (p *apart) nothingWaits(ctx context.Context) error {
	var serials []string
	for begun := time.Now(); time.Since(begun) < time.Minute; wait(ctx, 100*time.Millisecond) {
		err := p.own.View(ctx, func(tx store.Tx) error {
			serials = nil
			return tx.Scan("ca_pending", "", "", func(serial string, _ []byte) error { serials = append(serials, serial); return nil })
		})
		if err := errors.Join(err, ctx.Err()); err != nil || len(serials) == 0 {
			return err
		}
	}
	p.accuse(&p.damage.Lost, "still to be signed: %s", strings.Join(serials, ", "))
	return nil
}

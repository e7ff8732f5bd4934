package bench

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"mohr/cmd/mohr/bench/load"
)

// Config says what is measured, where and for how long.
type Config struct {
	Self     string        // this program's file, for the bare handler
	Program  string        // the program that serves: Self, or another build to compare with
	Clients  int           // connections that work at once
	Usual    bool          // measure with net/http's client and not the lean one
	Duration time.Duration // of a run, at most
	Count    int           // operations a run of what a load uses up; zero: 5,000
	Runs     int           // the median of so many is the result
	Profile  string        // directory for processor profiles of the service; "" for none
	Progress io.Writer
	Store    string // URL of the PostgreSQL database of a service of the measurement's own; "": the embedded store
	Keys     string // URI of a home for the keys of such a service; "": files
	// TimeReference is an NTP server, host:port, that such a service asks; "": none.
	TimeReference string
	// Clock names the environment variable by which Program is told the file of
	// SetClock; "": the clocks of such a service's processes cannot be set.
	Clock string

	// Server and what follows are an existing service; Server is "" for one
	// of the measurement's own.
	Server   string // host:port of the portal
	Plain    string // host:port of the door without TLS
	Ops      string // host:port of the operators' door
	Registry string // host:port of its reference registry
	Root     string // file with its root certificate
	People   string // people file of its registry
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New(what))
		}
	}
	need(c.Clients > 0, "--concurrency is below 1")
	need(c.Duration > 0, "--duration is not above 0")
	need(c.Runs > 0, "--runs is below 1")
	need(c.Count >= 0, "--count is below 0")
	need(c.Server == "" || c.Plain != "" && c.Ops != "" && c.Registry != "" && c.Root != "" && c.People != "",
		"--server needs --http, --ops, --registry, --root and --people too")
	need(c.Server == "" || c.Store == "", "--store is of a service that is started, and goes without --server")
	return errors.Join(errs...)
}

// policy is the assurance policy of a measured service: what a development
// service has, but an approval that lasts until its turn comes and a window
// for renewals that is open at once; companies are for a shop with a badge.
const policy = `version: "bench-1"
environment: simulated
profiles:
  natural-sign:
    level: substantial
    policy_oids: {software: 2.999.1.1.1}
    evidence:
      any_of: [[civil_registry, mobile_ownership, otp_sms, face_match]]
      max_age: {civil_registry: 24h, mobile_ownership: 24h, otp_sms: 24h, face_match: 24h, cert_signature: 1h}
      face_score: 80
      sim_quiet: 7d
    validity: 365d
    renewal: {opens_before: 365d, closes_after: 0s, overlap: 14d, max_depth: 3, max_age: 1461d, evidence: [civil_registry]}
    approved_for: 12h
    terms_version: "1"
  organisation-sign:
    level: substantial
    policy_oids: {software: 2.999.1.2.1}
    evidence:
      any_of: [[civil_registry, mobile_ownership, otp_sms, face_match, legal_registry]]
      max_age: {civil_registry: 24h, mobile_ownership: 24h, otp_sms: 24h, face_match: 24h, legal_registry: 24h, cert_signature: 1h}
      face_score: 80
      sim_quiet: 7d
    validity: 365d
    renewal: {opens_before: 365d, closes_after: 0s, overlap: 14d, max_depth: 3, max_age: 1461d, evidence: [civil_registry, legal_registry]}
    approved_for: 12h
    terms_version: "1"
`

// World is a service under load and what surrounds it.
type World struct {
	Config
	portal, plain load.Door
	ops, registry string // host:port
	people        []person
	asked         int    // applications so far: people take turns
	dir           string // of logs and of the store, if it is the measurement's own
	nodes         []*node
	children      []*load.Process
}

// Open starts a service with an empty store in dir, or takes the one that c
// names. The service has so many people to serve.
func Open(ctx context.Context, c Config, dir string, people int) (*World, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	w := &World{Config: c, dir: dir}
	var err error
	if c.Server != "" {
		err = w.visit()
	} else {
		err = w.found(ctx, people)
	}
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// visit takes an existing service.
func (w *World) visit() error {
	trust, err := readPool(w.Root)
	if err != nil {
		return err
	}
	w.portal, w.plain = load.Door{Address: w.Server, Trust: trust, Usual: w.Usual}, load.Door{Address: w.Plain, Usual: w.Usual}
	w.ops, w.registry = w.Config.Ops, w.Config.Registry
	b, err := os.ReadFile(w.People)
	if err != nil {
		return fmt.Errorf("people file: %w", err)
	}
	var file struct{ Persons []person }
	if err := json.Unmarshal(b, &file); err != nil {
		return fmt.Errorf("people file: %w", err)
	}
	if w.people = file.Persons; len(w.people) == 0 {
		return fmt.Errorf("people file %s names nobody", w.People)
	}
	return nil
}

// found starts a registry and a service.
func (w *World) found(ctx context.Context, people int) error {
	if err := w.foundRegistry(ctx, people, "127.0.0.1:0"); err != nil {
		return err
	}
	first, err := w.startNode(ctx, "")
	if err != nil {
		return err
	}
	w.portal, w.plain, w.ops = first.portal, first.plain, first.ops
	return nil
}

// foundRegistry starts a registry of so many people that listens at an address.
func (w *World) foundRegistry(ctx context.Context, people int, listen string) error {
	w.people = makePeople(somewhere(), people)
	b, err := peopleFile(w.people)
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"people.json": b, "policy.yaml": []byte(policy)} {
		if err := os.WriteFile(w.file(name), content, 0o600); err != nil {
			return err
		}
	}
	registry, err := load.Start(ctx, w.Program, w.dir, "registry", nil, "refregistry", "--shops", "--people", w.file("people.json"), "--listen", listen, "--public-key", w.file("registry.pem"))
	if err != nil {
		return err
	}
	w.children = append(w.children, registry)
	w.registry = registry.Addresses["http"]
	return nil
}

func (w *World) file(name string) string { return filepath.Join(w.dir, name) }

// By is the same world for net/http's client or the lean one. It is not to be
// closed.
func (w *World) By(usual bool) *World {
	other := *w
	other.Usual, other.portal.Usual, other.plain.Usual = usual, usual, usual
	return &other
}

// Usage is what the service has used up so far and holds now.
func (w *World) Usage(ctx context.Context) (load.Usage, error) { return load.UsageOf(ctx, w.ops) }

// Close ends what was started.
func (w *World) Close() {
	for i := len(w.children) - 1; i >= 0; i-- {
		w.children[i].Stop()
	}
}

func readPool(file string) (*x509.CertPool, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("root certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return pool, nil
}

// say shows progress.
func (c *Config) say(format string, args ...any) { fmt.Fprintf(c.Progress, format+"\n", args...) }

// Settle waits until the service has done what it does in the background,
// bundles and notices after issuing above all: else the next load would be
// charged for it.
func (w *World) Settle(ctx context.Context) error {
	const quiet, patience = 0.06, 5 * time.Minute // share of one processor
	last, err := load.UsageOf(ctx, w.ops)
	if err != nil {
		return err
	}
	for begun := time.Now(); time.Since(begun) < patience; {
		const look = 3 * time.Second
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
		now, err := load.UsageOf(ctx, w.ops)
		if err != nil {
			return err
		}
		if (now.CPU - last.CPU).Seconds() < quiet*look.Seconds() {
			return nil
		}
		last = now
	}
	w.say("the service is not quiet after %s; going on", patience)
	return nil
}

package bench

import (
	"context"
	"fmt"
	"strings"

	"mohr/cmd/mohr/bench/load"
)

// Run measures one load on a service of its own in dir, or on that of c.
func Run(ctx context.Context, c Config, dir, name string) (Result, error) {
	if name == "badge" || name == "record" || name == "acme" {
		return runToured(ctx, c, dir, name)
	}
	n := c.prepared(name)
	w, err := Open(ctx, c, dir, PeopleFor(n))
	if err != nil {
		return Result{}, err
	}
	defer w.Close()
	list, decided, err := w.Approve(ctx, n)
	if err != nil {
		return Result{}, err
	}
	if name == "apply" {
		return w.Decided(decided), nil
	}
	return w.Measure(ctx, name, list)
}

func runToured(ctx context.Context, c Config, dir, name string) (Result, error) {
	t, err := OpenTour(ctx, c, dir)
	if err != nil {
		return Result{}, err
	}
	defer t.Close()
	switch name {
	case "acme":
		return t.ACME(ctx)
	case "badge":
		return t.Badge(ctx)
	}
	return t.Record(ctx)
}

// prepared is how many approved applications a load wants.
func (c *Config) prepared(name string) int {
	switch name {
	case "ocsp", "ocsp-signed":
		return AskedFor
	case "crl":
		return 1
	case "apply":
		return c.Count
	}
	return c.Count * c.Runs
}

// load.Measure measures a load that rests on applications which nothing else uses.
func (w *World) Measure(ctx context.Context, name string, list []*applicant) (Result, error) {
	if name != "issue" && name != "issue-1" {
		if err := w.issue(ctx, list); err != nil {
			return Result{}, fmt.Errorf("issue what %s is about: %w", name, err)
		}
	}
	if err := w.Settle(ctx); err != nil {
		return Result{}, err
	}
	switch name {
	case "issue":
		return w.Issue(ctx, "issue", w.Clients, list)
	case "issue-1":
		return w.Issue(ctx, name, 1, list)
	case "renew":
		return w.Renew(ctx, list)
	case "revoke":
		return w.Revoke(ctx, list)
	case "ocsp":
		return w.OCSP(ctx, list)
	case "ocsp-signed":
		return w.OCSPSigned(ctx, list)
	case "crl":
		return w.CRL(ctx, list)
	}
	return Result{}, fmt.Errorf("there is no load %q", name)
}

// Decided is the preparation as a result: there is nothing bare beside it.
func (w *World) Decided(m load.Measure) Result {
	r := Result{
		Name: "apply", Concurrency: w.Clients, Runs: []Pair{{Service: m}}, Median: m,
		Counted: "an application from its opening to the approval: consent, two registers asked, code sent and redeemed, face compared, policy run, records sealed; four requests",
	}
	return r
}

// String shows a result to people.
func (r Result) String() string {
	var b strings.Builder
	line := func(what string, m load.Measure) {
		fmt.Fprintf(&b, "%-12s %9.0f/s   p50 %8.2f ms   p99 %8.2f ms   processor %7.3f ms   memory %5.0f MiB   errors %d\n", what, m.Rate, m.P50, m.P99, m.CPU, m.Memory, m.Errors)
	}
	fmt.Fprintf(&b, "%s, %d clients: %s.\n", r.Name, r.Concurrency, r.Counted)
	line("service", r.Median)
	if r.Bare.Rate > 0 {
		line("bare", r.Bare)
		fmt.Fprintf(&b, "ratio        %9.3f\n", r.Ratio)
	}
	return b.String()
}

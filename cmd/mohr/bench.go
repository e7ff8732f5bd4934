package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mohr/cmd/mohr/bench"
	"mohr/cmd/mohr/bench/figures"
	"mohr/cmd/mohr/bench/load"
)

type benchFlags struct {
	bench.Config
	work string
	json bool
}

func benchCommand() *cobra.Command {
	var f benchFlags
	return group("bench", "Measure a service beside a bare handler", f.all(), f.scale(), f.fill(), f.nodes(), f.soak(),
		f.one("issue", "Certificates for approved applications"),
		f.one("renew", "Renewals by signed statements"),
		f.one("revoke", "Revocations by code"),
		f.one("ocsp", "OCSP answers that may come from a cache"),
		f.one("ocsp-signed", "OCSP answers signed on demand"),
		f.one("crl", "A CRL shard that nothing changes"),
		f.one("apply", "Applications decided"),
		f.one("badge", "The picture of a badge"),
		f.one("record", "The record page of a badge"),
		f.one("acme", "ACME orders, by 16 clients"),
		bareCommand(),
	)
}

// one is the command of one load.
func (f *benchFlags) one(name, short string) *cobra.Command {
	c := &cobra.Command{
		Use: name, Short: short, Args: exactly(0),
		Example: fmt.Sprintf("  mohr bench %s\n  mohr bench %s --concurrency 1 --runs 5 --json", name, name),
		RunE: func(c *cobra.Command, _ []string) error {
			return f.run(c.Context(), name, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f.register(c)
	return c
}

// all is the command that makes the page of figures.
func (f *benchFlags) all() *cobra.Command {
	var out, records string
	c := &cobra.Command{
		Use: "all", Short: "Measure everything and write the page of figures", Args: exactly(0),
		Long: `Measure every load on services of the measurement's own and write docs/performance.md.

What is measured is kept in --work: a run that was stopped goes on where it was, and --out is written again
from what is there. With --records, stores of so many certificates and complaints are filled first; a million takes
some eight gigabytes, and ten minutes to half an hour. The machine should have nothing else to do.`,
		Example: `  mohr bench all --out docs/performance.md
  mohr bench all --out docs/performance.md --records 10000,100000,1000000 --work bench-work`,
		RunE: func(c *cobra.Command, _ []string) error {
			sizes, err := parseSizes(records)
			if err != nil {
				return err
			}
			return f.runAll(c.Context(), out, sizes, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f.register(c)
	c.Flags().StringVar(&out, "out", "docs/performance.md", "file for the page")
	c.Flags().StringVar(&records, "records", "", "sizes of stores to compare, with commas")
	return c
}

// scale is the command that compares stores of several sizes.
func (f *benchFlags) scale() *cobra.Command {
	var records string
	c := &cobra.Command{
		Use: "scale", Short: "Compare the cost with few and with many records in the store", Args: exactly(0),
		Example: `  mohr bench scale --records 10000,100000,1000000 --work bench-work --count 1000`,
		RunE: func(c *cobra.Command, _ []string) error {
			sizes, err := f.sizes(records)
			if err != nil {
				return err
			}
			return f.runScale(c.Context(), sizes, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f.register(c)
	c.Flags().StringVar(&records, "records", "10000,100000", "sizes, with commas")
	return c
}

// fill is the command that makes stores of several sizes, and measures nothing.
func (f *benchFlags) fill() *cobra.Command {
	var records string
	c := &cobra.Command{
		Use: "fill", Short: "Make stores of several sizes, for scale or for trials of one's own", Args: exactly(0),
		Long: `Fill a store for each size with certificates that the authority itself issues: checked, linted, signed, recorded,
in the log; and with as many complaints, imported. Each store is DIR/scale-N/data, which mohr serve --dev --data takes. Run again, it goes on where it was.`,
		Example: `  mohr bench fill --records 100000,1000000 --work bench-work`,
		RunE: func(c *cobra.Command, _ []string) error {
			sizes, err := f.sizes(records)
			if err != nil {
				return err
			}
			return bench.Fill(c.Context(), bench.Config{Progress: c.ErrOrStderr()}, f.work, sizes)
		},
	}
	c.Flags().StringVar(&records, "records", "10000,100000", "sizes, with commas")
	c.Flags().StringVar(&f.work, "work", "", "directory for the stores, which are kept")
	return c
}

// sizes are those of stores that are kept in --work.
func (f *benchFlags) sizes(records string) ([]int, error) {
	sizes, err := parseSizes(records)
	if err == nil && (f.work == "" || len(sizes) == 0 || f.Server != "") {
		err = usageError{errors.New("this needs --work and --records, and takes no --server")}
	}
	return sizes, err
}

// nodes is the command that compares numbers of processes on one database.
func (f *benchFlags) nodes() *cobra.Command {
	var processes string
	c := &cobra.Command{
		Use: "nodes", Short: "Issue certificates by several processes on one database", Args: exactly(0),
		Long: `Measure the issuance by 1 and more processes of the service that share a PostgreSQL database. The database
must be empty: what is written to it stays. The clients are as many each time and shared out among the processes.
A register that has certificates is measured by a store of mohr bench fill, copied to the database (mohr store copy), with its mohr.db moved away.`,
		Example: `  mohr bench nodes --store 'postgres://mohr@/bench?host=/run/postgresql' --processes 1,2,4
  mohr bench nodes --store 'postgres://mohr@/filled?host=/run/postgresql' --work bench-work/scale-100000`,
		RunE: func(c *cobra.Command, _ []string) error {
			sizes, err := parseSizes(processes)
			if err != nil {
				return err
			}
			return f.runNodes(c.Context(), sizes, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f.register(c)
	c.Flags().StringVar(&f.Store, "store", "", "URL of a PostgreSQL database, empty or with the records of --work")
	c.Flags().StringVar(&processes, "processes", "1,2,4", "numbers of processes, with commas")
	return c
}

func (f *benchFlags) runNodes(ctx context.Context, sizes []int, stdout, progress io.Writer) error {
	conf, err := f.config(progress)
	if err != nil {
		return err
	}
	if conf.Store == "" || len(sizes) == 0 {
		return usageError{errors.New("this needs --store and --processes")}
	}
	dir, done, err := f.directory()
	if err != nil {
		return err
	}
	defer done()
	list, err := bench.Nodes(ctx, conf, dir, sizes)
	if err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(stdout).Encode(list)
	}
	bench.PrintShared(stdout, list)
	return nil
}

// directory is --work, or a temporary one that done removes.
func (f *benchFlags) directory() (dir string, done func(), err error) {
	if f.work != "" {
		return f.work, func() {}, nil
	}
	dir, err = os.MkdirTemp("", "mohr-bench-")
	return dir, func() { os.RemoveAll(dir) }, err
}

func parseSizes(s string) ([]int, error) {
	var sizes []int
	for field := range strings.SplitSeq(s, ",") {
		if field == "" {
			continue
		}
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			return nil, usageError{fmt.Errorf("%q is no number that can be measured", field)}
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

func (f *benchFlags) runAll(ctx context.Context, out string, sizes []int, stdout, progress io.Writer) error {
	conf, err := f.config(progress)
	if err != nil {
		return err
	}
	if conf.Server != "" {
		return usageError{errors.New("this measures services of its own: --server does not go with it")}
	}
	dir := f.work
	if dir == "" {
		dir = "bench-work"
	}
	book, err := figures.All(ctx, conf, dir, sizes)
	if err != nil {
		return fmt.Errorf("%w\nwhat was measured so far is in %s; run the same again to go on", err, dir)
	}
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	if err := errors.Join(book.Write(file), file.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, out)
	return err
}

func (f *benchFlags) runScale(ctx context.Context, sizes []int, stdout, progress io.Writer) error {
	conf, err := f.config(progress)
	if err != nil {
		return err
	}
	list, err := bench.Scale(ctx, conf, f.work, sizes)
	if err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(stdout).Encode(list)
	}
	bench.PrintSizes(stdout, list)
	return nil
}

func (f *benchFlags) register(c *cobra.Command) {
	flags := c.Flags()
	flags.IntVar(&f.Clients, "concurrency", 64, "clients at once, each with a kept connection")
	flags.DurationVar(&f.Duration, "duration", 10*time.Second, "of a run, at most")
	flags.IntVar(&f.Count, "count", 5000, "operations a run, of what a load uses up")
	flags.IntVar(&f.Runs, "runs", 3, "runs; the result is the median")
	flags.StringVar(&f.work, "work", "", "directory for the service's data, which is kept; default a temporary one")
	flags.BoolVar(&f.Usual, "usual-client", false, "measure with the HTTP client of the Go library and not the lean one")
	flags.BoolVar(&f.json, "json", false, "print the result as JSON")
	flags.StringVar(&f.Profile, "profile", "", "directory for a processor profile of the service")
	flags.StringVar(&f.Program, "program", "", "another build of mohr that is to serve, to compare with")
	flags.StringVar(&f.Server, "server", "", "measure this development service, HOST:PORT of its portal, and start none")
	flags.StringVar(&f.Plain, "http", "127.0.0.1:8080", "with --server: its door without TLS")
	flags.StringVar(&f.Ops, "ops", "127.0.0.1:9090", "with --server: its operators' door")
	flags.StringVar(&f.Registry, "registry", "", "with --server: HOST:PORT of its reference registry")
	flags.StringVar(&f.Root, "root", "mohr-data/root.pem", "with --server: its root certificate")
	flags.StringVar(&f.People, "people", "", "with --server: the people file of its registry")
}

func (f *benchFlags) config(progress io.Writer) (bench.Config, error) {
	self, err := os.Executable()
	if err != nil {
		return bench.Config{}, err
	}
	conf := f.Config
	conf.Self, conf.Progress = self, progress
	if conf.Program == "" {
		conf.Program = self
	}
	if err := conf.Validate(); err != nil {
		return conf, usageError{err}
	}
	return conf, nil
}

func (f *benchFlags) run(ctx context.Context, name string, out, progress io.Writer) error {
	conf, err := f.config(progress)
	if err != nil {
		return err
	}
	dir, done, err := f.directory()
	if err != nil {
		return err
	}
	defer done()
	r, err := bench.Run(ctx, conf, dir, name)
	if err != nil {
		return err
	}
	if f.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		fmt.Fprint(out, r)
	}
	if err == nil && r.Median.Errors > 0 {
		err = errors.New("some operations failed: the figures are not to be used")
	}
	return err
}

// bareCommand is for the measurement itself, which starts it.
func bareCommand() *cobra.Command {
	return &cobra.Command{
		Use: "bare", Short: "Serve the bare handler (used by the measurement)", Hidden: true, Args: exactly(0),
		Example: `  echo '{"type":"text/plain","body":"b2s="}' | mohr bench bare`,
		RunE: func(c *cobra.Command, _ []string) error {
			return load.ServeBare(c.Context(), c.InOrStdin(), c.OutOrStdout())
		},
	}
}

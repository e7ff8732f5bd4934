package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"mohr/cmd/mohr/bench"
	"mohr/cmd/mohr/service"
	"mohr/hsm"
)

// soak is the command of a long load on a service that is broken meanwhile.
func (f *benchFlags) soak() *cobra.Command {
	var seed uint64
	c := &cobra.Command{
		Use: "soak", Short: "Put a mixed load on two processes while they are broken", Args: exactly(0),
		Long: `Let clients apply, have certificates issued, renewed and revoked, ask for status, read badges and file
complaints at two processes of the service on one PostgreSQL database, which must be empty, while dice kill and
stop processes and the registry, let time references lie and make conflicts. At the end what clients were told is
compared with the service, its store and its log. Memory and times are printed for every minute, and whether
they stay: a straight line through all but the first quarter (its slope the median of those between every two
minutes) may rise by a fifth of their median.`,
		Example: `  mohr bench soak --store 'postgres://mohr@/soak?host=/run/postgresql' --duration 20m --concurrency 8 --seed 7`,
		RunE: func(c *cobra.Command, _ []string) error {
			conf, err := f.config(c.ErrOrStderr())
			if err != nil {
				return err
			}
			if conf.Store == "" {
				return usageError{errors.New("this needs --store")}
			}
			if seed == 0 {
				seed = rand.Uint64()
			}
			dir, done, err := f.directory()
			if err != nil {
				return err
			}
			defer done()
			s := bench.Soak{Rounds: bench.Rounds{Seed: seed, Clients: conf.Clients}, For: conf.Duration}
			found, err := soakAndWeigh(c.Context(), conf, dir, s)
			return errors.Join(f.printSoak(c.OutOrStdout(), found), err)
		},
	}
	flags := c.Flags()
	flags.IntVar(&f.Clients, "concurrency", 8, "holders at once")
	flags.DurationVar(&f.Duration, "duration", 20*time.Minute, "of the load")
	flags.Uint64Var(&seed, "seed", 0, "of the dice; 0 is a random one, which is printed")
	flags.StringVar(&f.Store, "store", "", "URL of an empty PostgreSQL database")
	flags.StringVar(&f.work, "work", "", "directory for the service's data, which is kept; default a temporary one")
	flags.BoolVar(&f.json, "json", false, "print the result as JSON")
	return c
}

func (f *benchFlags) printSoak(out io.Writer, found bench.Soaked) error {
	if f.json {
		return json.NewEncoder(out).Encode(found)
	}
	found.Print(out)
	return nil
}

// soakAndWeigh runs a soak in dir and verifies the log that it leaves. What is
// lost, doubled or wrong is an error.
func soakAndWeigh(ctx context.Context, conf bench.Config, dir string, s bench.Soak) (bench.Soaked, error) {
	conf.Runs = 1
	s.Open = openShop
	fmt.Fprintf(conf.Progress, "seed %d\n", s.Seed)
	found, err := s.Run(ctx, conf, dir)
	if err != nil {
		return found, err
	}
	if n := found.Lost + found.Doubled + found.Wrong; n > 0 {
		return found, fmt.Errorf("%d things are lost, doubled or wrong; the first: %s", n, found.First)
	}
	g, err := service.OpenStopped(ctx, service.Config{Data: filepath.Join(dir, "data"), Keys: conf.Keys})
	if err != nil {
		return found, err
	}
	defer g.Close()
	if _, err := g.Ledger.VerifyStore(ctx); err != nil {
		return found, fmt.Errorf("log after the load: %w", err)
	}
	return found, nil
}

// openShop has a badge granted to the company of the tour.
func openShop(ctx context.Context, at bench.Site) (bench.Shop, error) {
	api, err := serverFlags{server: at.Portal, root: at.Root}.dial(nil)
	if err != nil {
		return bench.Shop{}, err
	}
	t := &tour{sight: sight{portal: at.Portal, registry: at.Registry, rootFile: at.Root}, dir: filepath.Join(at.Dir, "shop"), api: api, ring: hsm.Open(hsm.Config{}), progress: io.Discard}
	defer t.ring.Close()
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return bench.Shop{}, err
	}
	if err := t.enrollStep(ctx); err != nil {
		return bench.Shop{}, err
	}
	t.renewed = t.holder
	err = t.badgeStep(ctx)
	return bench.Shop{Badge: t.badge, Business: t.business}, err
}

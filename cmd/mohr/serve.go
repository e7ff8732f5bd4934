package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"mohr/hsm"
)

type serveFlags struct {
	Config
	file, people, logLevel string
	dev                    bool
}

func serveCommand() *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use: "serve", Short: "Serve the portal, the authority and the badge and complaint desks",
		Example: `  mohr serve --dev                      # everything on this machine, simulated registries
  mohr serve --config mohr.yaml`, Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			conf, err := f.config(c)
			if err != nil {
				return err
			}
			log, err := newLog(c.ErrOrStderr(), f.logLevel)
			if err != nil {
				return usageError{err}
			}
			err = serve(c.Context(), conf, devOptions{on: f.dev, people: f.people}, log, func(s *served) { s.announce(c.OutOrStdout()) })
			if c.Context().Err() != nil && errors.Is(err, context.Canceled) {
				return nil // stopped before it was ready
			}
			return err
		},
	}
	c.Flags().BoolVar(&f.dev, "dev", false, "development: software keys, simulated registries, no legal effect")
	c.Flags().StringVar(&f.people, "people", "", "people of the reference registry, with --dev (JSON)")
	c.Flags().StringVar(&f.file, "config", "", "configuration file (YAML)")
	c.Flags().StringVar(&f.Data, "data", "", "directory of the embedded store")
	c.Flags().StringVar(&f.HTTPS, "https", "", "address of the portal")
	c.Flags().StringVar(&f.MTLS, "mtls", "", "address of the portal for clients with a certificate")
	c.Flags().StringVar(&f.HTTP, "http", "", "address for OCSP, CRLs and time stamps")
	c.Flags().StringVar(&f.Ops, "ops", "", "address for health, metrics and profiles")
	c.Flags().StringVar(&f.Keys, "keys", "", "where the service's keys live: file:DIR or a pkcs11: URI")
	c.Flags().StringVar(&f.Policy, "policy", "", "assurance policy file (YAML)")
	c.Flags().StringVar(&f.logLevel, "log", "warn", "log level: debug, info, warn, error")
	return c
}

// config joins file and flags: a flag that was given wins.
func (f *serveFlags) config(c *cobra.Command) (Config, error) {
	conf, err := loadConfig(f.file)
	if err != nil {
		return conf, usageError{err}
	}
	for _, v := range []struct {
		flag string
		from string
		to   *string
	}{
		{"data", f.Data, &conf.Data}, {"https", f.HTTPS, &conf.HTTPS}, {"mtls", f.MTLS, &conf.MTLS}, {"http", f.HTTP, &conf.HTTP},
		{"ops", f.Ops, &conf.Ops}, {"keys", f.Keys, &conf.Keys}, {"policy", f.Policy, &conf.Policy},
	} {
		if c.Flags().Changed(v.flag) {
			*v.to = v.from
		}
	}
	conf.defaults()
	if f.people != "" && !f.dev {
		return conf, usageError{errors.New("--people goes with --dev")}
	}
	return conf, nil
}

func newLog(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log %s: choose debug, info, warn or error", level)
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l})), nil
}

// served is a service that is ready.
type served struct {
	listeners
	config  Config
	dev     *devWorld     // nil but in development
	started time.Duration // how long the start took, if whoever started it measured
}

// announce prints the ready line, and in development what to do next.
func (s *served) announce(w io.Writer) {
	fmt.Fprintln(w, s.readyLine())
	if s.dev == nil {
		return
	}
	fmt.Fprintf(w, `
Development service: no certificate of it has legal effect.
  open       %s    (trust %s, or accept the warning)
  registry   %s    simulated people: %s
  codes      http://%s/dev/outbox
  shop       curl -T FILE %s/v1/shop/shop.example/PATH    puts a file on the simulated shop
  operator   mohr cert list --server https://localhost:%d --root %s --cert %s --key %s
`, s.config.Portal, filepath.Join(s.config.Data, "root.pem"), s.dev.registryURL, s.dev.peopleHint, s.ops.Addr(), s.dev.registryURL, portOf(s.mtls),
		filepath.Join(s.config.Data, "root.pem"), filepath.Join(s.config.Data, "operator.pem"), filepath.Join(s.config.Data, "operator.key"))
}

// fillAddresses sets what follows from the bound addresses, where the
// configuration does not say otherwise.
func (c *Config) fillAddresses(publish, portal string) {
	if c.Publish == "" {
		c.Publish = publish
	}
	if c.Portal == "" {
		c.Portal = portal
	}
	if c.Keys == "" {
		c.Keys = hsm.FileURI(filepath.Join(c.Data, "keys"))
	}
	if c.Secret == "" {
		c.Secret = hsm.FileURI(filepath.Join(c.Data, "keys", "secret"))
	}
}

// serve opens everything, calls ready once it serves, and serves until ctx
// ends; then it drains.
func serve(ctx context.Context, c Config, dev devOptions, log *slog.Logger, ready func(*served)) error {
	l, err := openListeners(c)
	if err != nil {
		return err
	}
	defer l.close()
	c.fillAddresses("http://"+l.http.Addr().String(), fmt.Sprintf("https://localhost:%d", portOf(l.https)))
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := &served{listeners: l}
	if dev.on {
		if s.dev, err = openDevWorld(ctx, &c, dev, log); err != nil {
			return fmt.Errorf("development registry: %w", err)
		}
		defer s.dev.close()
	}
	if err := c.Validate(); err != nil {
		return usageError{fmt.Errorf("configuration: %w", err)}
	}
	s.config = c
	return s.open(ctx, stop, log, ready)
}

func (s *served) open(ctx context.Context, stop context.CancelFunc, log *slog.Logger, ready func(*served)) error {
	g, err := openGround(ctx, s.config, log)
	if err != nil {
		return err
	}
	defer g.close()
	if s.dev != nil {
		if err := g.devOperator(ctx); err != nil {
			return err
		}
	}
	r, err := openRooms(ctx, g)
	if err != nil {
		return err
	}
	runner, err := r.startJobs(ctx)
	if err != nil {
		return err
	}
	defer runner.Wait()
	defer stop()
	if err := waitReady(ctx, r); err != nil {
		return err
	}
	h := handlers{portal: r.web.Handler(), plain: r.plain(), ops: opsHandler(r.ready, s.outbox())}
	ready(s) // the doors are bound: who knocks from now on is served
	return serveAll(ctx, s.listeners, h, g.tlsConfig(false), g.tlsConfig(true), log)
}

// waitReady waits for the first checkpoint.
func waitReady(ctx context.Context, r *rooms) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := r.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("start: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *served) outbox() http.Handler {
	if s.dev == nil {
		return nil
	}
	return s.dev.outbox()
}

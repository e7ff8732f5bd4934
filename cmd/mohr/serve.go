package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"mohr/cmd/mohr/service"

	"github.com/spf13/cobra"
)

type serveFlags struct {
	service.Config
	file, people, logLevel, roles string
	dev                           bool
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
			if c.Flags().Changed("roles") {
				conf.Roles = service.ParseRoles(f.roles)
			}
			log, err := newLog(c.ErrOrStderr(), f.logLevel)
			if err != nil {
				return usageError{err}
			}
			collectLess()
			err = service.Serve(c.Context(), conf, service.Dev{On: f.dev, People: f.people}, log, func(s *service.Served) { s.Announce(c.OutOrStdout()) })
			if errors.Is(err, service.ErrConfig) {
				return usageError{err}
			}
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
	storeFlag(c.Flags(), &f.Store)
	c.Flags().StringVar(&f.HTTPS, "https", "", "address of the portal")
	c.Flags().StringVar(&f.MTLS, "mtls", "", "address of the portal for clients with a certificate")
	c.Flags().StringVar(&f.HTTP, "http", "", "address for OCSP, CRLs and time stamps")
	c.Flags().StringVar(&f.Ops, "ops", "", "address for health, metrics and profiles")
	c.Flags().StringVar(&f.Keys, "keys", "", "where the service's keys live: file:DIR or a pkcs11: URI")
	c.Flags().StringVar(&f.Policy, "policy", "", "assurance policy file (YAML)")
	c.Flags().StringVar(&f.roles, "roles", "", "what this node does: portal,ca,status,jobs (default all)")
	c.Flags().StringVar(&f.logLevel, "log", "warn", "log level: debug, info, warn, error")
	return c
}

// collectLess lets the heap grow to five times what is alive before it is
// collected, unless GOGC says otherwise. Little of ours is alive for longer
// than a request, so the collector's work is spared and the memory is small
// all the same.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// config joins file and flags: a flag that was given wins.
func (f *serveFlags) config(c *cobra.Command) (service.Config, error) {
	conf, err := service.LoadConfig(f.file)
	if err != nil {
		return conf, usageError{err}
	}
	for _, v := range []struct {
		flag string
		from string
		to   *string
	}{
		{"data", f.Data, &conf.Data}, {"store", f.Store, &conf.Store}, {"https", f.HTTPS, &conf.HTTPS}, {"mtls", f.MTLS, &conf.MTLS}, {"http", f.HTTP, &conf.HTTP},
		{"ops", f.Ops, &conf.Ops}, {"keys", f.Keys, &conf.Keys}, {"policy", f.Policy, &conf.Policy},
	} {
		if c.Flags().Changed(v.flag) {
			*v.to = v.from
		}
	}
	conf.Defaults()
	conf.Version = release
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

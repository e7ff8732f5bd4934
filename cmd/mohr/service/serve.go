package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"mohr/ca/narrow"
	"mohr/hsm"
	"mohr/internal/control"
	"mohr/internal/trace"
	"mohr/internal/web"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrConfig is in the error of Serve for a configuration that cannot be served.
var ErrConfig = errors.New("configuration")

// Served is a service that is ready.
type Served struct {
	listeners
	Config Config      // as it was completed by what was bound
	Routes []web.Route // of the portal
	dev    *devWorld   // nil but in development
}

// RegistryURL is where a development service's reference registry is; "" where there is none.
func (s *Served) RegistryURL() string {
	if s.dev == nil {
		return ""
	}
	return s.dev.registryURL
}

// Announce prints the ready line, and in development what to do next.
func (s *Served) Announce(w io.Writer) {
	fmt.Fprintln(w, s.ReadyLine())
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
`, s.Config.Portal, filepath.Join(s.Config.Data, "root.pem"), s.dev.registryURL, s.dev.peopleHint, s.Ops.Addr(), s.dev.registryURL, PortOf(s.MTLS),
		filepath.Join(s.Config.Data, "root.pem"), filepath.Join(s.Config.Data, "operator.pem"), filepath.Join(s.Config.Data, "operator.key"))
}

// fillAddresses sets what follows from the bound addresses, where the
// configuration does not say otherwise.
func (c *Config) fillAddresses(publish, portal, mtls string) {
	if c.Publish == "" {
		c.Publish = publish
	}
	if c.Portal == "" {
		c.Portal = portal
	}
	if c.PortalMTLS == "" && mtls != "" {
		c.PortalMTLS = beside(c.Portal, mtls)
	}
	if c.Keys == "" {
		c.Keys = hsm.FileURI(filepath.Join(c.Data, "keys"))
	}
	if c.Witness == "" {
		c.Witness = filepath.Join(c.Data, "witness", "checkpoint")
	}
	if c.Secret == "" {
		c.Secret = hsm.FileURI(filepath.Join(c.Data, "keys", "secret"))
	}
}

// beside returns the address at the host of the portal that has the port of
// the listener at address; address itself where the portal's says no host.
func beside(portal, address string) string {
	p, err := url.Parse(portal)
	a, bad := url.Parse(address)
	if err != nil || bad != nil || p.Hostname() == "" || a.Port() == "" {
		return address
	}
	return "https://" + net.JoinHostPort(p.Hostname(), a.Port())
}

// Serve opens everything, calls ready once it serves, and serves until ctx
// ends; then it drains.
func Serve(ctx context.Context, c Config, dev Dev, log *slog.Logger, ready func(*Served)) error {
	if dev.On && len(c.Roles) > 0 {
		return fmt.Errorf("%w: a development service has all roles; leave out --roles", ErrConfig)
	}
	l, err := openListeners(c)
	if err != nil {
		return err
	}
	defer l.close()
	c.fillAddresses(l.addresses())
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := &Served{listeners: l}
	if dev.On {
		if s.dev, err = openDevWorld(ctx, &c, dev, log); err != nil {
			return fmt.Errorf("development registry: %w", err)
		}
		defer s.dev.close()
	}
	if err := c.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	s.Config = c
	if c.Roles.statusOnly() {
		return s.serveStatus(ctx, stop, log, ready)
	}
	return s.open(ctx, stop, log, ready)
}

func (s *Served) open(ctx context.Context, stop context.CancelFunc, log *slog.Logger, ready func(*Served)) error {
	g, err := Open(ctx, s.Config, log)
	if err != nil {
		return err
	}
	defer g.Close()
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
	defer g.lastCheckpoint()
	defer runner.Wait()
	defer stop()
	if err := waitReady(ctx, r); err != nil {
		return err
	}
	owner, err := control.Listen(s.Config.Data)
	if err != nil {
		return err
	}
	dev, err := s.devPages(r)
	if err != nil {
		return err
	}
	s.Routes = r.web.Routes()
	traces, err := trace.Open(ctx, s.Config.Traces, s.Config.Version, log)
	if err != nil {
		return err
	}
	defer closeTraces(traces, log)
	d := s.Config.doors()
	h := handlers{control: g.control(), portal: r.web.Handler(), portalBusy: web.Refuser(r.web.Echo), requests: requests(), traces: traces}
	h.plain, h.plainBusy = r.plain()
	if s.Issuing != nil {
		h.issuing, h.issuingTLS = &narrow.Desk{CA: g.CA, Callers: s.Config.Issuing.Callers, Log: log}, g.issuingTLS()
	}
	h.left = ctx.Done()
	ctx, check := leaving(ctx, s.Config.Notice, r.ready)
	all := &gauges{node{s.Config.Version, check, g.Store, g.Clock, g.Ring, r.status, d, runner}, r}
	h.ops = opsHandler(check, []prometheus.Collector{all, h.requests}, dev)
	ready(s) // the doors are bound: who knocks from now on is served
	return serveAll(ctx, s.listeners, d, owner, h, g.tlsConfig(false), g.tlsConfig(true), log)
}

// closeTraces sends the last spans.
func closeTraces(traces *trace.Sender, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := traces.Close(ctx); err != nil {
		log.Warn("the last traces were not sent", "error", err)
	}
}

// lastCheckpoint signs for what was recorded since the last one: an older
// store in place of one that was stopped in order is then always found out.
func (g *Ground) lastCheckpoint() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := g.Ledger.Sequence(ctx); err != nil {
		g.Log.Warn("the log's last entries wait for the next start", "err", err)
	}
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

// devPages are the outbox and the pages of a development service; nil for
// every other.
func (s *Served) devPages(r *rooms) (http.Handler, error) {
	if s.dev == nil {
		return nil, nil
	}
	pages, err := web.NewDev(r.webConfig(), samples(s.Config.Portal, time.Now()))
	if err != nil {
		return nil, err
	}
	return s.dev.outbox(pages), nil
}

package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"mohr/internal/control"
	"mohr/internal/door"
	"mohr/internal/trace"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// listeners are the four doors of the service.
type listeners struct{ HTTPS, MTLS, HTTP, Ops net.Listener }

// openListeners binds all four; port 0 picks a free one.
func openListeners(c Config) (l listeners, err error) {
	for _, door := range []struct {
		name, addr string
		to         *net.Listener
	}{{"https", c.HTTPS, &l.HTTPS}, {"mtls", c.MTLS, &l.MTLS}, {"http", c.HTTP, &l.HTTP}, {"ops", c.Ops, &l.Ops}} {
		if *door.to, err = net.Listen("tcp", door.addr); err != nil {
			l.close()
			return l, fmt.Errorf("listen (--%s): %w; choose another address, or port 0 for a free one", door.name, err)
		}
	}
	return l, nil
}

func (l listeners) close() {
	for _, x := range []net.Listener{l.HTTPS, l.MTLS, l.HTTP, l.Ops} {
		if x != nil {
			x.Close()
		}
	}
}

// ReadyLine is what scripts wait for.
func (l listeners) ReadyLine() string {
	return fmt.Sprintf("mohr ready https=%s mtls=%s http=%s ops=%s", l.HTTPS.Addr(), l.MTLS.Addr(), l.HTTP.Addr(), l.Ops.Addr())
}

// PortOf returns the port an address was bound to.
func PortOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// handlers are what the doors lead to; busy are the answers of who is not let in.
type handlers struct {
	portal, plain, ops, control http.Handler
	portalBusy, plainBusy       door.Refuse
	requests                    *prometheus.HistogramVec // by door
	traces                      *trace.Sender
}

// watched is what a listener serves, timed and traced.
func (h handlers) watched(door string, served http.Handler) http.Handler {
	return h.traces.Handler(door, timed(h.requests, door, served))
}

// doors bound what each listener takes on. ops bounds its connections only:
// health and metrics are asked for when the others are full.
type doors struct{ HTTPS, MTLS, HTTP, Ops *door.Door }

func (c *Config) doors() doors {
	open := func() *door.Door { return door.New(c.Limits, door.Times{}) }
	return doors{open(), open(), open(), door.New(door.Limits{Connections: 256, OneNetwork: 1}, door.Times{})}
}

// How long what was let in has to finish, and to ask for a header.
const (
	drainTimeout  = 15 * time.Second
	headerTimeout = 5 * time.Second
)

// serveAll serves until ctx ends, then drains. owner is the door for who owns
// the data directory.
func serveAll(ctx context.Context, l listeners, d doors, owner net.Listener, h handlers, tlsConfig, mtlsConfig *tls.Config, log *slog.Logger) error {
	servers := []struct {
		listener net.Listener
		door     *door.Door
		handler  http.Handler
		tls      *tls.Config
	}{
		{l.HTTPS, d.HTTPS, h.watched("https", d.HTTPS.Handler(h.portal, h.portalBusy)), tlsConfig},
		{l.MTLS, d.MTLS, h.watched("mtls", d.MTLS.Handler(h.portal, h.portalBusy)), mtlsConfig},
		{l.HTTP, d.HTTP, h.watched("http", d.HTTP.Handler(h.plain, h.plainBusy)), nil}, {l.Ops, d.Ops, h.ops, nil},
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return control.Serve(ctx, owner, h.control) })
	for _, s := range servers {
		server := s.door.Server(s.handler, s.tls)
		// What a client does wrong in its handshake is no event of ours.
		server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
		g.Go(func() error {
			listener := s.door.Listen(s.listener)
			serve := func() error { return server.Serve(listener) }
			if s.tls != nil {
				serve = func() error { return server.ServeTLS(listener, "", "") }
			}
			if err := serve(); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve %s: %w", s.listener.Addr(), err)
			}
			return nil
		})
		g.Go(func() error {
			<-ctx.Done()
			drain, cancel := context.WithTimeout(context.Background(), drainTimeout)
			defer cancel()
			return server.Shutdown(drain)
		})
	}
	return g.Wait()
}

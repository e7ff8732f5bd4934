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

// handlers are what the doors lead to.
type handlers struct{ portal, plain, ops, control http.Handler }

// Bounds of a connection: a slow or silent client costs little.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
	drainTimeout  = 15 * time.Second
)

// serveAll serves until ctx ends, then drains. door is the one for who owns
// the data directory.
func serveAll(ctx context.Context, l listeners, door net.Listener, h handlers, tlsConfig, mtlsConfig *tls.Config, log *slog.Logger) error {
	servers := []struct {
		listener net.Listener
		handler  http.Handler
		tls      *tls.Config
	}{{l.HTTPS, h.portal, tlsConfig}, {l.MTLS, h.portal, mtlsConfig}, {l.HTTP, h.plain, nil}, {l.Ops, h.ops, nil}}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return control.Serve(ctx, door, h.control) })
	for _, s := range servers {
		server := &http.Server{
			// What a client does wrong in its handshake is no event of ours.
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
			Handler:  s.handler, TLSConfig: s.tls, MaxHeaderBytes: maxHeader,
			ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		}
		g.Go(func() error {
			serve := func() error { return server.Serve(s.listener) }
			if s.tls != nil {
				serve = func() error { return server.ServeTLS(s.listener, "", "") }
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

package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"mohr/internal/control"
	"mohr/internal/door"
	"mohr/internal/trace"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// listeners are the doors of the service; nil where its roles need none.
type listeners struct{ HTTPS, MTLS, HTTP, Issuing, Ops net.Listener }

// openListeners binds what the roles need; port 0 picks a free one.
func openListeners(c Config) (l listeners, err error) {
	portal, status := c.Roles.Has(RolePortal), c.Roles.Has(RoleStatus)
	for _, door := range []struct {
		name, addr string
		needed     bool
		to         *net.Listener
	}{{"https", c.HTTPS, portal, &l.HTTPS}, {"mtls", c.MTLS, portal, &l.MTLS}, {"http", c.HTTP, portal || status, &l.HTTP}, {"issuing", c.Issuing.Listen, c.Issuing.Listen != "", &l.Issuing}, {"ops", c.Ops, true, &l.Ops}} {
		if !door.needed {
			continue
		}
		if *door.to, err = net.Listen("tcp", door.addr); err != nil {
			l.close()
			return l, fmt.Errorf("listen (--%s): %w; choose another address, or port 0 for a free one", door.name, err)
		}
	}
	return l, nil
}

func (l listeners) close() {
	for _, x := range []net.Listener{l.HTTPS, l.MTLS, l.HTTP, l.Issuing, l.Ops} {
		if x != nil {
			x.Close()
		}
	}
}

// addresses are base URLs of what is bound, "" for what is not.
func (l listeners) addresses() (publish, portal, mtls string) {
	if l.HTTP != nil {
		publish = "http://" + l.HTTP.Addr().String()
	}
	if l.HTTPS != nil {
		portal = fmt.Sprintf("https://localhost:%d", PortOf(l.HTTPS))
	}
	if l.MTLS != nil {
		mtls = fmt.Sprintf("https://localhost:%d", PortOf(l.MTLS))
	}
	return publish, portal, mtls
}

// ReadyLine is what scripts wait for: what is bound.
func (l listeners) ReadyLine() string {
	line := "mohr ready"
	for _, door := range []struct {
		name string
		at   net.Listener
	}{{"https", l.HTTPS}, {"mtls", l.MTLS}, {"http", l.HTTP}, {"ops", l.Ops}, {"issuing", l.Issuing}} {
		if door.at != nil {
			line += " " + door.name + "=" + door.at.Addr().String()
		}
	}
	return line
}

// PortOf returns the port an address was bound to.
func PortOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// handlers are what the doors lead to; busy are the answers of who is not let in.
type handlers struct {
	portal, plain, ops, control http.Handler
	issuing                     http.Handler // nil: this node signs for nobody
	issuingTLS                  *tls.Config
	portalBusy, plainBusy       door.Refuse
	requests                    *prometheus.HistogramVec // by door
	left                        <-chan struct{}          // closed when the node is told to stop; nil: never
	traces                      *trace.Sender
}

// watched is what a listener serves, timed and traced.
func (h handlers) watched(door string, served http.Handler) http.Handler {
	return h.traces.Handler(door, timed(h.requests, door, h.parting(served)))
}

// parting ends each connection with its next answer once the node leaves: who
// keeps it for the next request learns in time that this goes elsewhere, and
// does not send it into a connection that is being closed.
func (h handlers) parting(served http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-h.left:
			w.Header().Set("Connection", "close") // of HTTP/2 a GOAWAY (RFC 9113, 6.8)
		default:
		}
		served.ServeHTTP(w, r)
	})
}

// doors bound what each listener takes on. ops bounds its connections only:
// health and metrics are asked for when the others are full.
type doors struct{ HTTPS, MTLS, HTTP, Issuing, Ops *door.Door }

func (c *Config) doors() doors {
	open := func() *door.Door { return door.New(c.Limits, door.Times{}) }
	return doors{open(), open(), open(), open(), door.New(door.Limits{Connections: 256, OneNetwork: 1}, door.Times{})}
}

// How long what was let in has to finish, and to ask for a header.
const (
	drainTimeout  = 15 * time.Second
	headerTimeout = 5 * time.Second
)

// served is one listener with what it leads to.
type served struct {
	listener net.Listener
	door     *door.Door
	handler  http.Handler
	tls      *tls.Config
}

// serveAll serves until ctx ends, then drains: what was let in is finished,
// and health is the last to go. owner is the door for who owns the data
// directory; nil: there is none.
func serveAll(ctx context.Context, l listeners, d doors, owner net.Listener, h handlers, tlsConfig, mtlsConfig *tls.Config, log *slog.Logger) error {
	public := []served{
		{l.HTTPS, d.HTTPS, h.watched("https", d.HTTPS.Handler(h.portal, h.portalBusy)), tlsConfig},
		{l.MTLS, d.MTLS, h.watched("mtls", d.MTLS.Handler(h.portal, h.portalBusy)), mtlsConfig},
		{l.HTTP, d.HTTP, h.watched("http", d.HTTP.Handler(h.plain, h.plainBusy)), nil},
		{l.Issuing, d.Issuing, h.traces.Continued("issuing", timed(h.requests, "issuing", h.parting(d.Issuing.Handler(h.issuing, h.plainBusy)))), h.issuingTLS},
	}
	g, ctx := errgroup.WithContext(ctx)
	if owner != nil {
		g.Go(func() error { return control.Serve(ctx, owner, h.control) })
	}
	var drained sync.WaitGroup
	for _, s := range public {
		if s.listener != nil {
			drained.Add(1)
			s.run(g, ctx.Done(), log, drained.Done)
		}
	}
	gone := make(chan struct{})
	g.Go(func() error {
		<-ctx.Done()
		drained.Wait()
		close(gone)
		return nil
	})
	served{l.Ops, d.Ops, h.ops, nil}.run(g, gone, log, func() {})
	return g.Wait()
}

// run serves in g until end, then drains and says so.
func (s served) run(g *errgroup.Group, end <-chan struct{}, log *slog.Logger, drained func()) {
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
		defer drained()
		<-end
		drain, cancel := context.WithTimeout(context.Background(), drainTimeout)
		defer cancel()
		return server.Shutdown(drain)
	})
}

// leaving is a service that is told to stop: first it says that it is not
// ready, and after a while, in which balancers learn of it, it drains.
func leaving(ctx context.Context, notice time.Duration, ready func(context.Context) error) (stop context.Context, noticed func(context.Context) error) {
	stop, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		time.Sleep(notice)
		cancel()
	})
	return stop, func(asked context.Context) error {
		if ctx.Err() != nil {
			return errors.New("this node is stopping")
		}
		return ready(asked)
	}
}

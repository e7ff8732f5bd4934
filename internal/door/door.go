package door

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Times bound what a slow or silent client costs. Zero fields stand for the
// defaults.
type Times struct {
	Header time.Duration // TLS handshake, and then each header; default 5s
	Read   time.Duration // a whole request; default 30s
	Work   time.Duration // of a handler: then its context ends; default 50s
	Answer time.Duration // from a request's header to the end of its answer; default 60s
	Idle   time.Duration // between two requests; default 2m
}

func (t *Times) fill() {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{{&t.Header, 5 * time.Second}, {&t.Read, 30 * time.Second}, {&t.Work, 50 * time.Second}, {&t.Answer, time.Minute}, {&t.Idle, 2 * time.Minute}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
}

// Bounds of what one connection may send and keep open.
const (
	maxHeader  = 32 << 10 // octets of all header fields
	maxStreams = 100      // requests at once on a connection of HTTP/2
)

// Door lets connections and requests in. It is safe for concurrent use.
type Door struct {
	Limits
	Times

	slots            chan struct{} // one for each request that is worked on
	waiting          atomic.Int64
	full, late, many atomic.Uint64 // refused: queue full, waited too long, one network's too many
	turned, ended    atomic.Uint64 // connections: not let in, ended while idle to let another in

	mu          sync.Mutex
	requests    shares
	connections shares
	open        int
	idle        *list.List              // of *conn, idle the longest first
	place       map[*conn]*list.Element // of idle
}

// New returns a Door. l has been validated.
func New(l Limits, t Times) *Door {
	l.fill()
	t.fill()
	return &Door{
		Limits: l, Times: t, slots: make(chan struct{}, l.InFlight),
		requests: l.shares(l.InFlight), connections: l.shares(l.Connections),
		idle: list.New(), place: map[*conn]*list.Element{},
	}
}

// Server returns a server that serves h behind the door. Its listener is one
// that Listen returned.
func (d *Door) Server(h http.Handler, conf *tls.Config) *http.Server {
	return &http.Server{
		Handler: h, TLSConfig: conf, MaxHeaderBytes: maxHeader, ConnState: d.follow,
		ReadHeaderTimeout: d.Header, ReadTimeout: d.Read, WriteTimeout: d.Answer, IdleTimeout: d.Idle,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: d.Read, PingTimeout: d.Header, WriteByteTimeout: d.Read},
	}
}

// Stats are what a door holds, and what it has refused since the start.
type Stats struct {
	Connections, Idle int // open, and idle among them
	InFlight, Waiting int // requests

	Full, Late, Many uint64 // requests refused: the queue was full, they waited too long, the network had its part
	Turned, Ended    uint64 // connections: not let in, ended while idle to let another in
}

// Stats returns the counts of now.
func (d *Door) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Stats{
		Connections: d.open, Idle: d.idle.Len(), InFlight: len(d.slots), Waiting: int(d.waiting.Load()),
		Full: d.full.Load(), Late: d.late.Load(), Many: d.many.Load(), Turned: d.turned.Load(), Ended: d.ended.Load(),
	}
}

// spared reports whether the address speaks for many.
func (d *Door) spared(a netip.Addr) bool {
	return slices.ContainsFunc(d.Proxies, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

// addressOf is a peer's address, the zero one if it has none (a socket's).
func addressOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr()
	}
	return netip.Addr{}
}

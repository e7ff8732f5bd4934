package gateway

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"mohr/internal/fault"
)

// DialConfig is what a Dialer needs. Its zero value dials public addresses
// only, by the system's resolver.
type DialConfig struct {
	// Resolvers are recursive DNS servers, "192.0.2.53:53"; each is a vantage
	// point of its own. None: the system's.
	Resolvers []string
	// Allow are addresses that may be dialed though they are not public.
	Allow []netip.Prefix
	// Ports sends connections for one port to another: in a test a shop's
	// web server cannot have port 80. nil: as asked.
	Ports map[uint16]uint16
	// Timeout bounds a look-up, a connection and a whole request of Client;
	// zero means 5 seconds.
	Timeout time.Duration
	// MaxBody bounds what Client reads of an answer, octets; zero means 64 KiB.
	MaxBody int64
	// Roots are whom Client and Transport believe as CAs; nil: the system's.
	Roots *x509.CertPool
}

// ErrAddress is in every error about an address that is not to be dialed.
var ErrAddress = errors.New("gateway: address not allowed")

// maxDials bounds how many addresses of one host are tried.
const maxDials = 4

// Dialer is the one way out. It resolves a name, refuses the host if any of
// its addresses is not public, and connects to an address it has checked, so
// that a name cannot point elsewhere between check and use (DNS rebinding).
// It is safe for concurrent use.
type Dialer struct{ c DialConfig }

// NewDialer returns a Dialer. Resolvers must be addresses, not names.
func NewDialer(c DialConfig) (*Dialer, error) {
	for _, r := range c.Resolvers {
		if _, err := netip.ParseAddrPort(r); err != nil {
			return nil, fmt.Errorf("gateway: resolver %q: %w", r, err)
		}
	}
	for _, p := range c.Allow {
		if !p.IsValid() {
			return nil, errors.New("gateway: an allowed prefix is not valid")
		}
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.MaxBody == 0 {
		c.MaxBody = 64 << 10
	}
	return &Dialer{c}, nil
}

// Resolvers returns the configured resolvers, the names of vantage points.
func (d *Dialer) Resolvers() []string { return slices.Clone(d.c.Resolvers) }

// Lookup resolves host by one of the resolvers, or by the first that answers
// if resolver is "", and returns addresses that may be dialed. host may be an
// address itself. Invalid: no host name; NotFound: the name has no address;
// Denied, with ErrAddress: an address is not public; Unavailable: no resolver answered.
func (d *Dialer) Lookup(ctx context.Context, resolver, host string) ([]netip.Addr, error) {
	list, err := d.resolve(ctx, resolver, host)
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		if !d.allowed(a) {
			refused := fault.New(fault.Denied, "host_refused", "this host has an address that is not on the public Internet; publish only public addresses for it")
			return nil, fmt.Errorf("%w: %w", refused, ErrAddress)
		}
	}
	return list, nil
}

func (d *Dialer) allowed(a netip.Addr) bool {
	return public(a) || slices.ContainsFunc(d.c.Allow, func(p netip.Prefix) bool { return p.Contains(a) })
}

func (d *Dialer) resolve(ctx context.Context, resolver, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	if err := checkHost(host); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.c.Timeout)
	defer cancel()
	switch {
	case resolver != "" && !slices.Contains(d.c.Resolvers, resolver):
		return nil, fmt.Errorf("gateway: resolver %q is not configured", resolver)
	case resolver != "":
		return ask(ctx, resolver, host)
	case len(d.c.Resolvers) == 0:
		return askSystem(ctx, host)
	}
	var last error
	for _, r := range d.c.Resolvers {
		list, err := ask(ctx, r, host)
		if !errors.Is(err, fault.Unavailable) {
			return list, err
		}
		last = err
	}
	return nil, last
}

// DialContext connects to addr, host:port, as net.Dialer does, by the first
// resolver that answers. Only "tcp" is spoken.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return d.dial(ctx, "", network, addr)
}

func (d *Dialer) dial(ctx context.Context, resolver, network, addr string) (net.Conn, error) {
	if network != "tcp" {
		return nil, fmt.Errorf("gateway: network %q is not dialed", network)
	}
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("gateway: dial: %w", err)
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("gateway: dial: no port %q", p)
	}
	port := uint16(n)
	if other, ok := d.c.Ports[port]; ok {
		port = other
	}
	list, err := d.Lookup(ctx, resolver, host)
	if err != nil {
		return nil, err
	}
	var tried []error
	plain := net.Dialer{Timeout: d.c.Timeout}
	for _, a := range list[:min(len(list), maxDials)] {
		// An address, not a name: nothing is resolved a second time.
		conn, err := plain.DialContext(ctx, "tcp", netip.AddrPortFrom(a, port).String())
		if err == nil {
			return conn, nil
		}
		tried = append(tried, err)
	}
	down := fault.New(fault.Unavailable, "host_unreachable", "this host does not accept connections now; it is tried again later")
	return nil, fmt.Errorf("%w: %w", down, errors.Join(tried...))
}

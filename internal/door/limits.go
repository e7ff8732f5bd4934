package door

import (
	"errors"
	"net/netip"
	"time"
)

// Limits are what a Door lets in. Zero fields stand for the defaults.
type Limits struct {
	Connections int           `yaml:"connections"` // open at once; default 4096
	InFlight    int           `yaml:"in_flight"`   // requests worked on at once; default 256
	Queue       int           `yaml:"queue"`       // requests that wait for their turn; default four times InFlight
	Wait        time.Duration `yaml:"wait"`        // how long they wait at most; default 2s
	// OneNetwork is the part of Connections and of InFlight that one network
	// may hold, an IPv4 /24 or an IPv6 /48; default 0.25.
	OneNetwork float64 `yaml:"one_network"`
	// Proxies are networks whose clients are not counted together, since they
	// speak for others; default this machine (127.0.0.0/8 and ::1).
	Proxies []netip.Prefix `yaml:"proxies"`
}

func (l *Limits) fill() {
	set := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	set(&l.Connections, 4096)
	set(&l.InFlight, 256)
	set(&l.Queue, 4*l.InFlight)
	if l.Wait == 0 {
		l.Wait = 2 * time.Second
	}
	if l.OneNetwork == 0 {
		l.OneNetwork = 0.25
	}
	if l.Proxies == nil {
		l.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
}

// Validate reports all faults at once.
func (l Limits) Validate() error {
	var errs []error
	if l.Connections < 0 || l.InFlight < 0 || l.Queue < 0 || l.Wait < 0 {
		errs = append(errs, errors.New("limits: none may be negative"))
	}
	if l.OneNetwork < 0 || l.OneNetwork > 1 {
		errs = append(errs, errors.New("limits.one_network is a part, from 0 to 1"))
	}
	return errors.Join(errs...)
}

// Network is what counts as one client: the IPv4 /24 or IPv6 /48 of an address.
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap()
	bits := 48
	if a.Is4() {
		bits = 24
	}
	network, _ := a.Prefix(bits) // the zero Prefix of no address is a network too
	return network
}

// shares count what each network holds of one thing. Guarded by the Door's mu.
type shares struct {
	most int
	held map[netip.Prefix]int
}

func (l Limits) shares(of int) shares {
	return shares{max(1, int(l.OneNetwork*float64(of))), map[netip.Prefix]int{}}
}

// take reports whether the network may hold one more, and counts it.
func (s shares) take(n netip.Prefix) bool {
	if s.held[n] >= s.most {
		return false
	}
	s.held[n]++
	return true
}

func (s shares) give(n netip.Prefix) {
	if s.held[n]--; s.held[n] <= 0 {
		delete(s.held, n)
	}
}

package wire

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// Fault is what one way of a link does to packets. The zero value lets them
// through.
type Fault struct {
	Loss  float64       // the share that is lost; 1: the way is cut
	Delay time.Duration // how long each is on its way; their order stays
}

// Net is a set of hosts, each of which reaches every other. It is safe for
// concurrent use.
type Net struct {
	hosts []*Host
	ways  map[way]*pipe
	end   context.CancelFunc

	mu     sync.Mutex // guards what follows
	dice   *rand.Rand // of lost packets
	faults map[way]Fault
}

// way leads from one host to another.
type way struct{ from, to *Host }

// pipe holds the packets of a way, in their order.
type pipe chan packet

type packet struct {
	due time.Time
	b   []byte
}

const (
	// held is how many packets a way holds; more are lost, as in a router.
	held = 4096
	// largest is more than a packet of the devices has (1,500 octets).
	largest = 2048
)

// New makes a host for each name. An error says what this machine does not
// allow. The seed is that of lost packets.
func New(seed uint64, names ...string) (*Net, error) {
	ctx, cancel := context.WithCancel(context.Background())
	n := &Net{dice: rand.New(rand.NewPCG(seed, 1)), faults: map[way]Fault{}, ways: map[way]*pipe{}, end: cancel}
	for i, name := range names {
		h, err := newHost(name, fmt.Sprintf("10.87.0.%d", i+1))
		if err != nil {
			n.Close()
			return nil, err
		}
		n.hosts = append(n.hosts, h)
	}
	for _, from := range n.hosts {
		for _, to := range n.hosts {
			p := make(pipe, held)
			n.ways[way{from, to}] = &p
			go p.empty(ctx, to)
		}
	}
	for _, from := range n.hosts {
		go n.read(from)
	}
	return n, nil
}

// Host returns the host of the name, which New was given.
func (n *Net) Host(name string) *Host {
	for _, h := range n.hosts {
		if h.Name == name {
			return h
		}
	}
	panic("wire: no host " + name)
}

// Set breaks, or mends, the way from one host to another.
func (n *Net) Set(from, to *Host, f Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults[way{from, to}] = f
}

// Close cuts everything for good. The namespaces go when the processes on them
// have ended.
func (n *Net) Close() {
	n.end()
	for _, h := range n.hosts {
		h.close()
	}
}

// read puts what a host sends on its way, until the device is closed.
func (n *Net) read(from *Host) {
	b := make([]byte, largest)
	for {
		size, err := from.wire.Read(b)
		if err != nil {
			return
		}
		to := n.to(b[:size])
		if to == nil {
			continue
		}
		w := way{from, to}
		delay, lost := n.fate(w)
		if lost {
			continue
		}
		select {
		case *n.ways[w] <- packet{time.Now().Add(delay), append([]byte(nil), b[:size]...)}:
		default: // full: lost
		}
	}
}

// to is the host that a packet is for (RFC 791 section 3.1); nil: none, or it
// is not of IPv4, as what hosts ask of their neighbours by themselves.
func (n *Net) to(b []byte) *Host {
	if len(b) < 20 || b[0]>>4 != 4 {
		return nil
	}
	address := netip.AddrFrom4([4]byte(b[16:20])).String()
	for _, h := range n.hosts {
		if h.Address == address {
			return h
		}
	}
	return nil
}

func (n *Net) fate(w way) (delay time.Duration, lost bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := n.faults[w]
	return f.Delay, f.Loss > 0 && n.dice.Float64() < f.Loss
}

// empty hands each packet over when it is due.
func (p pipe) empty(ctx context.Context, to *Host) {
	for {
		select {
		case <-ctx.Done():
			return
		case one := <-p:
			if left := time.Until(one.due); left > 0 {
				select {
				case <-ctx.Done():
					return
				case <-time.After(left):
				}
			}
			to.wire.Write(one.b) // an error: the host takes no more, and the packet is lost
		}
	}
}

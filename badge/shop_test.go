package badge_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"mohr/badge"
	"mohr/internal/gateway"
)

// shop is a merchant's web server.
type shop struct {
	*httptest.Server
	mu    sync.Mutex
	serve http.HandlerFunc
}

func (s *shop) set(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serve = h
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	h := s.serve
	s.mu.Unlock()
	h(w, r)
}

// put puts the proof of a challenge under the domain, as a merchant does.
func (s *shop) put(c badge.Challenge) {
	s.set(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" || r.URL.Path != "/.well-known/mohr-challenge/"+c.Token {
			http.NotFound(w, r)
			return
		}
		w.Write([]byte(c.Content + "\n"))
	})
}

// resolver is a recursive DNS server that knows what the test tells it.
type resolver struct {
	mu    sync.Mutex
	addr  string
	names map[string]string // name with its last dot -> IPv4 address; "" fails
	texts map[string][]string
	turns map[string][]string // addresses given out in turn
}

func (r *resolver) setTXT(name string, texts ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.texts == nil {
		r.texts = map[string][]string{}
	}
	r.texts[name+"."] = texts
}

func (r *resolver) forget(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.names, name+".")
}

// alternate gives out one address after the other, as in DNS rebinding.
func (r *resolver) alternate(name string, addresses ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turns = map[string][]string{name + ".": addresses}
}

func newResolver(t testing.TB) *resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &resolver{addr: conn.LocalAddr().String(), names: map[string]string{}}
	server := &dns.Server{PacketConn: conn, Handler: r}
	go server.ActivateAndServe()
	t.Cleanup(func() { server.Shutdown() })
	return r
}

func (r *resolver) set(name, address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names[name+"."] = address
}

func (r *resolver) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := new(dns.Msg).SetReply(q)
	name := q.Question[0].Name
	address, known := r.names[name]
	if turns := r.turns[name]; len(turns) > 0 && q.Question[0].Qtype == dns.TypeA {
		address, r.turns[name] = turns[0], append(turns[1:], turns[0])
	}
	switch {
	case q.Question[0].Qtype == dns.TypeTXT && len(r.texts[name]) > 0:
		for _, s := range r.texts[name] {
			m.Answer = append(m.Answer, &dns.TXT{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 1}, Txt: []string{s}})
		}
	case !known:
		m.Rcode = dns.RcodeNameError
	case address == "":
		m.Rcode = dns.RcodeServerFailure
	case q.Question[0].Qtype == dns.TypeA:
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.ParseIP(address)}}
	}
	w.WriteMsg(m)
}

// dialer is the way out that production takes, with the shop's address
// allowed and so many resolvers.
func (b *bench) dialer(t testing.TB, resolvers int) *gateway.Dialer {
	t.Helper()
	c := gateway.DialConfig{
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Ports: map[uint16]uint16{80: netip.MustParseAddrPort(b.shop.Listener.Addr().String()).Port()},
	}
	for range resolvers {
		r := newResolver(t)
		for _, name := range []string{domain, "second.example", "evil.example"} {
			r.set(name, "127.0.0.1")
		}
		b.resolvers = append(b.resolvers, r)
		c.Resolvers = append(c.Resolvers, r.addr)
	}
	d, err := gateway.NewDialer(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

package refregistry

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/miekg/dns"
)

// ServeDNS answers on addr (UDP, "127.0.0.1:0" picks a port) for the domains
// of the people file until ctx ends, and returns the address it is bound to.
// Every domain has the shops' address; no other name exists. Call it once for
// each vantage point.
func (s *Server) ServeDNS(ctx context.Context, addr string) (net.Addr, error) {
	conn, err := net.ListenPacket("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("serve names: %w", err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(s.resolve)}
	go func() {
		if err := server.ActivateAndServe(); err != nil && ctx.Err() == nil {
			s.log.Error("name server stopped", "error", err)
		}
	}()
	context.AfterFunc(ctx, func() {
		server.Shutdown() // its only error is that it does not run
		conn.Close()
	})
	return conn.LocalAddr(), nil
}

// resolve answers one query.
func (s *Server) resolve(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg)
	if len(q.Question) != 1 || q.Opcode != dns.OpcodeQuery {
		w.WriteMsg(m.SetRcodeFormatError(q))
		return
	}
	m.SetReply(q)
	m.Authoritative, m.RecursionAvailable = true, true
	name := q.Question[0].Name
	if !s.domains[strings.ToLower(strings.TrimSuffix(name, "."))] {
		w.WriteMsg(m.SetRcode(q, dns.RcodeNameError))
		return
	}
	head := dns.RR_Header{Name: name, Rrtype: q.Question[0].Qtype, Class: dns.ClassINET, Ttl: 0}
	switch ip := net.IP(s.shopIP.AsSlice()); {
	case head.Rrtype == dns.TypeA && s.shopIP.Is4():
		m.Answer = append(m.Answer, &dns.A{Hdr: head, A: ip})
	case head.Rrtype == dns.TypeAAAA && s.shopIP.Is6():
		m.Answer = append(m.Answer, &dns.AAAA{Hdr: head, AAAA: ip})
	}
	w.WriteMsg(m)
}

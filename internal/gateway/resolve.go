package gateway

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/miekg/dns"

	"mohr/internal/fault"
)

// maxAddresses bounds how many addresses a host may have.
const maxAddresses = 32

func errNoHost() error {
	return fault.New(fault.NotFound, "host_unknown", "this host has no address; check its name and its DNS records")
}

func errResolver() error {
	return fault.New(fault.Unavailable, "resolver_unavailable", "the name of this host could not be resolved now; it is tried again later")
}

// ask puts the name to one recursive resolver and returns its IPv4 addresses
// before its IPv6 ones. /etc/hosts and search domains play no part.
func ask(ctx context.Context, resolver, host string) ([]netip.Addr, error) {
	var list []netip.Addr
	var failed error
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		found, err := query(ctx, resolver, host, qtype)
		if errors.Is(err, fault.NotFound) {
			return nil, err // the name does not exist, for no type
		}
		failed = errors.Join(failed, err)
		list = append(list, found...)
	}
	switch {
	case len(list) > 0 && len(list) <= maxAddresses:
		return list, nil
	case len(list) == 0 && failed == nil:
		return nil, errNoHost()
	}
	return nil, errResolver()
}

// exchange asks for one type, over TCP if the answer does not fit a datagram.
func exchange(ctx context.Context, resolver, host string, qtype uint16) ([]dns.RR, error) {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(host), qtype)
	m.SetEdns0(1232, false)
	reply, _, err := new(dns.Client).ExchangeContext(ctx, m, resolver)
	if err == nil && reply.Truncated {
		reply, _, err = (&dns.Client{Net: "tcp"}).ExchangeContext(ctx, m, resolver)
	}
	switch {
	case err != nil:
		return nil, errResolver()
	case !reply.Response || len(reply.Question) != 1 || reply.Question[0] != m.Question[0]:
		return nil, errResolver() // an answer to something else
	case reply.Rcode == dns.RcodeNameError:
		return nil, errNoHost()
	case reply.Rcode != dns.RcodeSuccess:
		return nil, errResolver()
	}
	return reply.Answer, nil
}

// query asks for the addresses of one type.
func query(ctx context.Context, resolver, host string, qtype uint16) ([]netip.Addr, error) {
	answer, err := exchange(ctx, resolver, host, qtype)
	if err != nil {
		return nil, err
	}
	var list []netip.Addr
	for _, rr := range answer {
		var ip net.IP
		switch r := rr.(type) {
		case *dns.A:
			ip = r.A.To4()
		case *dns.AAAA:
			ip = r.AAAA // 16 octets: what maps IPv4 stays as it is, and is refused
		}
		if a, ok := netip.AddrFromSlice(ip); ok {
			list = append(list, a)
		}
	}
	return list, nil
}

// askSystem puts the name to the resolver of the machine.
func askSystem(ctx context.Context, host string) ([]netip.Addr, error) {
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if d := (*net.DNSError)(nil); errors.As(err, &d) && d.IsNotFound {
		return nil, errNoHost()
	}
	if err != nil || len(list) > maxAddresses {
		return nil, errResolver()
	}
	for i, a := range list {
		list[i] = a.Unmap() // the system's resolver maps IPv4
	}
	return list, nil
}

package gateway_test

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mohr/internal/fault"
	"mohr/internal/gateway"
)

// names runs a name server that answers by f, with records in presentation
// form; a nil answer is NXDOMAIN, "SERVFAIL" and "silence" are what they say.
func names(t *testing.T, f func(name, qtype string) []string) string {
	t.Helper()
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		name := q.Question[0].Name
		list := f(strings.ToLower(strings.TrimSuffix(name, ".")), dns.TypeToString[q.Question[0].Qtype])
		if list == nil {
			m.Rcode = dns.RcodeNameError
		}
		for _, value := range list {
			switch value {
			case "SERVFAIL":
				m.Rcode = dns.RcodeServerFailure
			case "silence":
				return
			case "TRUNCATED":
				if w.LocalAddr().Network() == "udp" {
					m.Truncated = true
				}
			case "ANOTHER":
				m.Question[0].Name = "another.example."
			default:
				rr, err := dns.NewRR(name + " 0 IN " + value)
				if err != nil {
					t.Error(err)
					return
				}
				m.Answer = append(m.Answer, rr)
			}
		}
		w.WriteMsg(m)
	})
	conn, listener := bothPorts(t)
	for _, s := range []*dns.Server{{PacketConn: conn, Handler: handler}, {Listener: listener, Handler: handler}} {
		up := make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		go s.ActivateAndServe()
		<-up
		t.Cleanup(func() { s.Shutdown() })
	}
	return conn.LocalAddr().String()
}

// bothPorts listens on one port by UDP and TCP.
func bothPorts(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 50 {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listener, err := net.Listen("tcp", conn.LocalAddr().String())
		if err == nil {
			return conn, listener
		}
		conn.Close() // the TCP port is somebody else's
	}
	t.Fatal("no port is free for both UDP and TCP")
	return nil, nil
}

// zone answers from a table of name and type.
func zone(records map[string][]string) func(name, qtype string) []string {
	return func(name, qtype string) []string {
		if list, ok := records[name+" "+qtype]; ok {
			return list
		}
		for key := range records {
			if strings.HasPrefix(key, name+" ") {
				return []string{}
			}
		}
		return nil
	}
}

func dialer(t *testing.T, c gateway.DialConfig) *gateway.Dialer {
	t.Helper()
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	d, err := gateway.NewDialer(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLookup(t *testing.T) {
	server := names(t, zone(map[string][]string{
		"good.example A":         {"A 93.184.215.14"},
		"both.example A":         {"A 93.184.215.14"},
		"both.example AAAA":      {"AAAA 2606:2800:21f:cb07::1"},
		"alias.example A":        {"CNAME good.example.", "A 93.184.215.14"},
		"large.example A":        {"TRUNCATED", "A 93.184.215.14"},
		"half.example A":         {"A 93.184.215.14"},
		"half.example AAAA":      {"SERVFAIL"},
		"empty.example TXT":      {"TXT x"},
		"ill.example A":          {"SERVFAIL"},
		"other.example A":        {"ANOTHER", "A 93.184.215.14"},
		"loopback.example A":     {"A 127.0.0.1"},
		"loopback6.example A":    {},
		"loopback6.example AAAA": {"AAAA ::1"},
		"mapped.example AAAA":    {"AAAA ::ffff:10.0.0.1"},
		"mixed.example A":        {"A 93.184.215.14", "A 10.0.0.1"},
		"mixed6.example A":       {"A 93.184.215.14"},
		"mixed6.example AAAA":    {"AAAA fe80::1"},
	}))
	silent := names(t, func(string, string) []string { return []string{"silence"} })
	for _, tt := range []struct {
		name, host string
		resolver   string // "": server
		want       string // addresses; "": refused
		code       string
	}{
		{name: "a public address", host: "good.example", want: "93.184.215.14"},
		{name: "upper case and a dot at the end", host: "GOOD.example.", want: "93.184.215.14"},
		{name: "IPv4 before IPv6", host: "both.example", want: "93.184.215.14 2606:2800:21f:cb07::1"},
		{name: "an alias", host: "alias.example", want: "93.184.215.14"},
		{name: "an answer too large for a datagram", host: "large.example", want: "93.184.215.14"},
		{name: "one type that fails", host: "half.example", want: "93.184.215.14"},
		{name: "a public address as such", host: "93.184.215.14", want: "93.184.215.14"},
		{name: "a name that does not exist", host: "nobody.example", code: "host_unknown"},
		{name: "a name without an address", host: "empty.example", code: "host_unknown"},
		{name: "a server that fails", host: "ill.example", code: "resolver_unavailable"},
		{name: "an answer to another question", host: "other.example", code: "resolver_unavailable"},
		{name: "a server that is silent", host: "good.example", resolver: silent, code: "resolver_unavailable"},
		{name: "a name for loopback", host: "loopback.example", code: "host_refused"},
		{name: "a name for IPv6 loopback", host: "loopback6.example", code: "host_refused"},
		{name: "a name for a mapped address", host: "mapped.example", code: "host_refused"},
		{name: "a public and a private address", host: "mixed.example", code: "host_refused"},
		{name: "a public and a link-local address", host: "mixed6.example", code: "host_refused"},
		{name: "decimal", host: "2130706433", code: "host_invalid"},
		{name: "hexadecimal", host: "0x7f000001", code: "host_invalid"},
		{name: "hexadecimal parts", host: "0x7f.0.0.0x1", code: "host_invalid"},
		{name: "octal parts", host: "0177.0.0.01", code: "host_invalid"},
		{name: "a short form", host: "127.1", code: "host_invalid"},
		{name: "full width digits", host: "１２７.0.0.1", code: "host_invalid"},
		{name: "an address and a dot", host: "127.0.0.1.", code: "host_invalid"},
		{name: "a name with a number below a number", host: "a.127", code: "host_invalid"},
		{name: "an underscore", host: "_dmarc.example", code: "host_invalid"},
		{name: "a space", host: "good.example ", code: "host_invalid"},
		{name: "nothing", host: "", code: "host_invalid"},
		{name: "an empty label", host: "good..example", code: "host_invalid"},
		{name: "too long a label", host: strings.Repeat("a", 64) + ".example", code: "host_invalid"},
		{name: "a user", host: "good.example@127.0.0.1", code: "host_invalid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := gateway.DialConfig{Resolvers: []string{server}}
			if tt.resolver != "" {
				c = gateway.DialConfig{Resolvers: []string{tt.resolver}, Timeout: time.Second}
			}
			resolver, d := c.Resolvers[0], dialer(t, c)
			list, err := d.Lookup(t.Context(), resolver, tt.host)
			var got []string
			for _, a := range list {
				got = append(got, a.String())
			}
			if strings.Join(got, " ") != tt.want || fault.Code(err) != tt.code {
				t.Errorf("got %v, %v; want %q, %s", got, err, tt.want, tt.code)
			}
			if errors.Is(err, gateway.ErrAddress) != (tt.code == "host_refused") {
				t.Errorf("%v and ErrAddress", err)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	d := dialer(t, gateway.DialConfig{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}})
	for _, tt := range []struct {
		host string
		ok   bool
	}{
		{"8.8.8.8", true}, {"185.51.200.2", true}, {"2a00:1450:4001::1", true}, {"10.1.2.3", true},
		{"0.0.0.0", false}, {"0.1.2.3", false}, {"10.0.0.1", false}, {"10.2.0.1", false}, {"100.64.0.1", false}, {"100.127.255.255", false},
		{"127.0.0.1", false}, {"127.255.255.254", false}, {"169.254.169.254", false}, {"172.16.0.1", false}, {"172.31.255.255", false},
		{"192.0.0.1", false}, {"192.0.2.1", false}, {"192.168.1.1", false}, {"198.18.0.1", false}, {"198.51.100.1", false}, {"203.0.113.1", false},
		{"224.0.0.1", false}, {"239.255.255.255", false}, {"240.0.0.1", false}, {"255.255.255.255", false},
		{"::", false}, {"::1", false}, {"::127.0.0.1", false}, {"::ffff:127.0.0.1", false}, {"::ffff:8.8.8.8", false}, {"::ffff:10.1.2.3", false},
		{"64:ff9b::7f00:1", false}, {"64:ff9b:1::1", false}, {"100::1", false}, {"2001::1", false}, {"2001:db8::1", false}, {"2002:7f00:1::", false},
		{"3fff::1", false}, {"5f00::1", false}, {"fc00::1", false}, {"fd12:3456::1", false}, {"fe80::1", false}, {"fe80::1%lo", false}, {"fec0::1", false}, {"ff02::1", false},
		{"2a00:1450:4001::1%eth0", false},
	} {
		_, err := d.Lookup(t.Context(), "", tt.host)
		if (err == nil) != tt.ok || (!tt.ok && !errors.Is(err, fault.Denied)) {
			t.Errorf("%s: %v", tt.host, err)
		}
	}
}

func TestDialConfigRefused(t *testing.T) {
	for name, c := range map[string]gateway.DialConfig{
		"a resolver by name":      {Resolvers: []string{"dns.example:53"}},
		"a resolver without port": {Resolvers: []string{"192.0.2.53"}},
		"no prefix":               {Allow: []netip.Prefix{{}}},
	} {
		if _, err := gateway.NewDialer(c); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

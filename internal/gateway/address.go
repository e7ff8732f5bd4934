package gateway

import (
	"net/netip"
	"strings"

	"mohr/internal/fault"
)

// special4 are the blocks of the IANA IPv4 special-purpose registry (RFC 6890
// and successors) with multicast and what is reserved: no shop lives there.
var special4 = [...]string{
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private
	"100.64.0.0/10",   // shared by carriers (RFC 6598)
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local, and the metadata services of clouds
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.31.196.0/24", // AS112
	"192.52.193.0/24", // AMT
	"192.88.99.0/24",  // 6to4 relays, deprecated
	"192.168.0.0/16",  // private
	"192.175.48.0/24", // AS112
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, and broadcast
}

// special6 are the exceptions within 2000::/3, the only block of IPv6 that is
// given out for the public Internet. What maps or embeds an IPv4 address
// (::/96, ::ffff:0:0/96, 64:ff9b::/96) lies outside of it.
var special6 = [...]string{
	"2001::/23",     // protocol assignments, Teredo among them
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4: embeds IPv4
	"2620:4f:8000::/48",
	"3fff::/20", // documentation
}

// public reports whether a is an address of the public Internet.
func public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	blocks := special4[:]
	if !a.Is4() {
		if !netip.MustParsePrefix("2000::/3").Contains(a) {
			return false
		}
		blocks = special6[:]
	}
	for _, b := range blocks {
		if netip.MustParsePrefix(b).Contains(a) {
			return false
		}
	}
	return true
}

// checkHost refuses, as Invalid, what is no host name in the letters, digits
// and hyphens of RFC 1123, section 2.1, and every name that ends in a number:
// some resolvers read 2130706433 and 0x7f.1 as 127.0.0.1.
func checkHost(host string) error {
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	if host == "" || len(host) > 253 || numeric(labels[len(labels)-1]) {
		return errHost()
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.ContainsFunc(l, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
		}) {
			return errHost()
		}
	}
	return nil
}

func errHost() error {
	return fault.New(fault.Invalid, "host_invalid", "this is no name of a host; write it as example.com, international names in their xn-- form")
}

// numeric reports whether a label is a number, decimal or hexadecimal.
func numeric(label string) bool {
	l := strings.ToLower(label)
	digits := "0123456789"
	if strings.HasPrefix(l, "0x") {
		l, digits = l[2:], "0123456789abcdef"
	}
	return strings.Trim(l, digits) == ""
}

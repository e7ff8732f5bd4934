package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"mohr/internal/fault"
)

// maxTexts bounds the TXT records of one name that are looked at.
const maxTexts = 64

// TXT returns the TXT records of the name label.host as one of the resolvers
// sees them, or the first that answers if resolver is ""; the strings of one
// record are joined (RFC 7208 section 3.3 has the custom). The label may
// begin with an underscore (RFC 8552). None, and a name that does not exist,
// is NotFound; Invalid: no host name; Unavailable: no resolver answered.
func (d *Dialer) TXT(ctx context.Context, resolver, label, host string) ([]string, error) {
	if err := errors.Join(checkHost(strings.TrimPrefix(label, "_")+".a"), checkHost(host)); err != nil {
		return nil, errHost()
	}
	ctx, cancel := context.WithTimeout(ctx, d.c.Timeout)
	defer cancel()
	name := label + "." + host
	switch {
	case resolver != "" && !slices.Contains(d.c.Resolvers, resolver):
		return nil, fmt.Errorf("gateway: resolver %q is not configured", resolver)
	case resolver != "":
		return askTXT(ctx, resolver, name)
	case len(d.c.Resolvers) == 0:
		return systemTXT(ctx, name)
	}
	var last error
	for _, r := range d.c.Resolvers {
		list, err := askTXT(ctx, r, name)
		if !errors.Is(err, fault.Unavailable) {
			return list, err
		}
		last = err
	}
	return nil, last
}

func askTXT(ctx context.Context, resolver, name string) ([]string, error) {
	answer, err := exchange(ctx, resolver, name, dns.TypeTXT)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, rr := range answer {
		if t, ok := rr.(*dns.TXT); ok && len(list) < maxTexts {
			list = append(list, strings.Join(t.Txt, ""))
		}
	}
	if len(list) == 0 {
		return nil, errNoHost()
	}
	return list, nil
}

func systemTXT(ctx context.Context, name string) ([]string, error) {
	list, err := net.DefaultResolver.LookupTXT(ctx, name)
	if d := (*net.DNSError)(nil); errors.As(err, &d) && d.IsNotFound || err == nil && len(list) == 0 {
		return nil, errNoHost()
	}
	if err != nil {
		return nil, errResolver()
	}
	return list[:min(len(list), maxTexts)], nil
}

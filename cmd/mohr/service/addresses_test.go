package service

import "testing"

func TestTheListenerForCertificatesIsBesideThePortal(t *testing.T) {
	for _, c := range []struct{ name, portal, set, want string }{
		{"nothing is set", "", "", "https://localhost:8444"},
		{"the portal has a name", "https://mohr.example", "", "https://mohr.example:8444"},
		{"and a port of its own", "https://mohr.example:9443/", "", "https://mohr.example:8444"},
		{"the portal is an IPv6 address", "https://[2001:db8::1]", "", "https://[2001:db8::1]:8444"},
		{"both are set", "https://mohr.example", "https://cert.mohr.example", "https://cert.mohr.example"},
		{"the portal is no address", "mohr", "", "https://localhost:8444"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Config{Portal: c.portal, PortalMTLS: c.set}
			got.fillAddresses("http://localhost:8080", "https://localhost:8443", "https://localhost:8444")
			if got.PortalMTLS != c.want {
				t.Errorf("%s", got.PortalMTLS)
			}
		})
	}
}

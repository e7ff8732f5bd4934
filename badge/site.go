package badge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"
)

// Site is what was seen of the shop's site: its TLS and its contact page.
type Site struct {
	TLS      TLS       `json:"tls,omitempty"`      // "": not looked at
	NotAfter time.Time `json:"not_after,omitzero"` // of the site's certificate, if that is valid
	Contact  Sight     `json:"contact,omitempty"`
}

// TLS is how a site's certificate stands for a browser.
type TLS string

const (
	tlsValid       TLS = "valid"
	tlsExpired     TLS = "expired" // or not yet valid
	tlsOtherName   TLS = "other_name"
	tlsUntrusted   TLS = "untrusted"
	tlsUnreachable TLS = "unreachable"
)

// defaultContact is where the contact page is if the request does not say.
const defaultContact = "/contact"

// lookAtSite fetches the contact page over TLS, by the first eye that is not blind.
func (d *Desk) lookAtSite(ctx context.Context, b Badge) (s Site) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	host := b.Domain.ASCII
	if d.SitePort != 0 {
		host = net.JoinHostPort(host, strconv.Itoa(d.SitePort))
	}
	path := b.Contact
	if path == "" {
		path = defaultContact
	}
	for _, e := range d.eyes {
		s = lookAtContact(ctx, e, "https://"+host+path)
		if s.Contact != SightBlind {
			return s
		}
	}
	return Site{}
}

// lookAtContact makes one request: it shows the certificate and the page.
func lookAtContact(ctx context.Context, e eye, url string) Site {
	res, sight, err := fetch(ctx, e.client, url)
	if err == nil {
		defer res.Body.Close()
	}
	if res == nil || res.TLS == nil || len(res.TLS.VerifiedChains) == 0 {
		return Site{TLS: tlsOf(err), Contact: sight}
	}
	s := Site{TLS: tlsValid, NotAfter: res.TLS.PeerCertificates[0].NotAfter.UTC(), Contact: sight}
	if sight == SightMatch && !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		s.Contact = SightMissing // a page is what people read
	}
	return s
}

// tlsOf tells why a handshake failed.
func tlsOf(err error) TLS {
	var verification *tls.CertificateVerificationError
	if !errors.As(err, &verification) {
		return tlsUnreachable
	}
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &name):
		return tlsOtherName
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return tlsExpired
	}
	return tlsUntrusted
}

// isContact reports whether s is a path as a request may name it: absolute,
// plain, and without a query.
func isContact(s string) bool {
	if s == "" {
		return true
	}
	if len(s) > 200 || s[0] != '/' || strings.Contains(s, "//") || strings.Contains(s, "..") {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("/-_.~%", c))
	})
}

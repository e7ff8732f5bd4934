package signin

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/nonce"
)

// The listener that asks for certificates may be another host than the
// portal: no cookie is common to both. So the portal sends the browser there
// with the mark of its errand, and it comes back with a ticket: a nonce for
// this errand and this certificate, good once.

// Paths of signing in with a certificate.
const (
	certificatePath = "/signin/certificate"
	showPath        = "/signin/certificate/show" // on the listener that asks for one
	shownPath       = "/signin/certificate/done"
)

// toCertificate returns where a browser shows its certificate.
func (d *Desk) toCertificate(mark string) (string, error) {
	if d.MTLS == "" {
		return "", fault.New(fault.NotFound, "signin_certificate_off", "this service takes no sign-in with a TLS certificate; use another way")
	}
	return d.MTLS + showPath + "?" + url.Values{"begin": {mark}}.Encode(), nil
}

// takeCertificate judges the certificate that a browser showed, and returns
// where it goes back to. peer may be nil.
func (d *Desk) takeCertificate(ctx context.Context, peer *x509.Certificate, mark string) (string, error) {
	if peer == nil {
		return "", fault.New(fault.Denied, "signin_certificate_none", "the browser showed no certificate; install your sign-in certificate in it and open the page again, or use another way")
	}
	s, err := d.CA.Standing(ctx, peer)
	if err != nil {
		return "", err
	}
	w, err := d.ofCertificate(ctx, s, ByTLS)
	if err != nil {
		return "", err
	}
	ticket := d.Nonces.New(certificateNonce(mark, w.Certificate))
	return d.Audience + shownPath + "?" + url.Values{"serial": {w.Certificate}, "ticket": {ticket}}.Encode(), nil
}

func certificateNonce(mark, serial string) nonce.Purpose {
	return errandNonce(ByTLS, mark) + nonce.Purpose("/"+serial)
}

// certificateShown judges the ticket that the browser of r brought back.
func (d *Desk) certificateShown(ctx context.Context, r *http.Request, serial, ticket string) (heard, errand, error) {
	e, mark, err := errandOf(r)
	if err != nil || e.Purpose != "" {
		return heard{}, e, errOtherBrowser()
	}
	once, err := d.Nonces.Redeemable(certificateNonce(mark, serial), ticket)
	if err != nil {
		return heard{}, e, errOtherBrowser()
	}
	s, err := d.standing(ctx, serial)
	if err != nil {
		return heard{}, e, err
	}
	h := heard{use: once.Use}
	h.signed, err = d.ofCertificate(ctx, s, ByTLS)
	return h, e, err
}

// standing is that of a certificate of ours as it is now.
func (d *Desk) standing(ctx context.Context, serial string) (ca.Standing, error) {
	c, err := d.CA.Certificate(ctx, serial)
	if err != nil {
		return ca.Standing{}, err
	}
	leaf, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return ca.Standing{}, fmt.Errorf("certificate %s: %w", serial, err)
	}
	return d.CA.Standing(ctx, leaf)
}

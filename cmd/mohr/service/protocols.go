package service

import (
	"context"
	"crypto/x509"

	"mohr/ca"
	"mohr/enroll/est"
	"mohr/renew"
)

// renewals is the renewal desk, as the protocols see it.
type renewals struct{ desk *renew.Desk }

// RenewTLS renews a certificate whose key was shown in a TLS handshake.
func (r renewals) RenewTLS(ctx context.Context, old *x509.Certificate, csr []byte, locale string) (ca.Certificate, error) {
	done, err := r.desk.RenewShown(ctx, renew.Shown{Protocol: "est", Old: old, CSR: csr, Locale: locale})
	return done.Certificate, err
}

// openProtocols opens the desks for clients of other makes.
func (r *rooms) openProtocols(context.Context) (err error) {
	r.est, err = est.New(est.Config{CA: r.CA, Applications: r.enroll, Renewals: renewals{r.renew}})
	return err
}

package service

import (
	"context"
	"crypto/x509"

	"mohr/ca"
	"mohr/enroll/cmp"
	"mohr/enroll/est"
	"mohr/enroll/scep"
	"mohr/renew"
)

// renewals is the renewal desk, as the protocols see it.
type renewals struct{ desk *renew.Desk }

// RenewTLS renews a certificate whose key was shown in a TLS handshake.
func (r renewals) RenewTLS(ctx context.Context, old *x509.Certificate, csr []byte, locale string) (ca.Certificate, error) {
	done, err := r.desk.RenewShown(ctx, renew.Shown{Protocol: "est", Old: old, CSR: csr, Locale: locale})
	return done.Certificate, err
}

// RenewCMP renews a certificate by a message that its key signed.
func (r renewals) RenewCMP(ctx context.Context, w cmp.Renewal) (ca.Certificate, error) {
	done, err := r.desk.RenewShown(ctx, renew.Shown{Protocol: "cmp", Old: w.Old, Message: w.Message, Form: w.Form, CSR: w.Request, Locale: "fa", Overlap: w.Overlap, Use: w.Use})
	return done.Certificate, err
}

// RenewSCEP renews a certificate by a message that its key signed.
func (r renewals) RenewSCEP(ctx context.Context, w scep.Renewal) (ca.Certificate, error) {
	done, err := r.desk.RenewShown(ctx, renew.Shown{Protocol: "scep", Old: w.Old, Message: w.Message, CSR: w.CSR, Locale: "fa"})
	return done.Certificate, err
}

// openProtocols opens the desks for clients of other makes.
func (r *rooms) openProtocols(context.Context) (err error) {
	if r.est, err = est.New(est.Config{CA: r.CA, Applications: r.enroll, Renewals: renewals{r.renew}}); err != nil {
		return err
	}
	r.cmp, err = cmp.New(cmp.Config{
		Now: r.Clock.Time, Store: r.Store, CA: r.CA, Applications: r.enroll, Renewals: renewals{r.renew}, Verifier: r.verifier, Seal: r.box, Key: r.Ground.cmp.key, Log: r.Log,
	})
	if err != nil || !r.Config.SCEP {
		return err
	}
	r.scep, err = scep.New(scep.Config{
		Now: r.Clock.Time, Store: r.Store, CA: r.CA, Applications: r.enroll, Renewals: renewals{r.renew}, Seal: r.box, Key: r.Ground.scep.key, Log: r.Log,
	})
	return err
}

package consistency

import (
	"context"
	"crypto/x509"
	"fmt"
	"math/big"
	"sync"

	"golang.org/x/crypto/ocsp"
	"golang.org/x/sync/errgroup"

	"mohr/ca"
	"mohr/ca/lint"
)

// askers is how many questions are on their way at once.
const askers = 8

// compareOCSP asks for the sample.
func (r *run) compareOCSP(ctx context.Context) error {
	var mu sync.Mutex // guards the report
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(askers)
	for _, a := range r.asked.kept {
		i, ok := r.issuers[a.c.Issuer]
		if !ok || !i.answers {
			continue
		}
		g.Go(func() error {
			answer, err := r.ask(ctx, i, a.c)
			if err != nil {
				return fmt.Errorf("ocsp %s: %w", a.c.Serial, err)
			}
			mu.Lock()
			defer mu.Unlock()
			r.report.OCSP++
			r.Progress("ocsp", r.report.OCSP)
			r.answer(i, a.c, answer)
			return nil
		})
	}
	return g.Wait()
}

func (r *run) ask(ctx context.Context, i issuer, c ca.Certificate) ([]byte, error) {
	q, err := ocsp.CreateRequest(target(c), i.certificate, nil)
	if err != nil {
		return nil, err
	}
	return r.Live.Post(ctx, "/ocsp/"+string(i.id), q)
}

// target is as much of a certificate as a question needs: a pending one has
// no more.
func target(c ca.Certificate) *x509.Certificate {
	n, _ := new(big.Int).SetString(c.Serial, 16)
	if n == nil {
		n = new(big.Int)
	}
	return &x509.Certificate{SerialNumber: n}
}

// answer compares one answer with the record.
func (r *run) answer(i issuer, c ca.Certificate, der []byte) {
	a, err := ocsp.ParseResponseForCert(der, target(c), i.certificate)
	if err != nil {
		r.report.add("ocsp_malformed", c.Serial, "%v", err)
		return
	}
	if err := lint.OCSP(der); err != nil {
		r.report.add("ocsp_lint", c.Serial, "%v", err)
	}
	if now := r.Live.now(); a.ThisUpdate.After(now.Add(slack)) || !now.Before(a.NextUpdate) {
		r.report.add("ocsp_stale", c.Serial, "the answer counts from %s to %s, and it is %s", a.ThisUpdate, a.NextUpdate, now.UTC())
	}
	same := false
	switch {
	case c.Revoked != nil:
		same = a.Status == ocsp.Revoked && sameEnd(c, a.RevocationReason, a.RevokedAt.Unix())
	case c.State == ca.Issued:
		same = a.Status == ocsp.Good
	default:
		same = a.Status == ocsp.Unknown
	}
	if same || c.State == ca.Pending && a.Status == ocsp.Good || a.Status == ocsp.Revoked && r.since(a.RevokedAt) {
		return
	}
	r.report.add("ocsp_differs", c.Serial, "OCSP says %s, the records %s", ocspWord(a), statusOf(c))
}

func ocspWord(a *ocsp.Response) string {
	switch a.Status {
	case ocsp.Good:
		return "good"
	case ocsp.Revoked:
		return fmt.Sprintf("revoked at %s for reason %d", a.RevokedAt, a.RevocationReason)
	}
	return "unknown"
}

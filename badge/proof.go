package badge

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ocsp"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/ca/status"
	"mohr/ca/timestamp"
	"mohr/internal/fault"
	"mohr/internal/ledger"
)

// Status answers for certificates by OCSP; status.Responder is the one in use.
type Status interface {
	OCSP(ctx context.Context, issuer ca.IssuerID, request []byte) (status.Answer, error)
}

// prove gathers what keeps the request provable and signs a receipt for it,
// outside of any transaction. Nothing is kept until the request is recorded.
// e is the event that the request will be in the public log.
func (d *Desk) prove(ctx context.Context, in incoming, id ID, e ledger.Event) (Request, error) {
	r := Request{Badge: id, Signed: in.signed.Raw(), Document: in.document, ReceivedAt: in.at}
	issuer, ok := d.CA.Issuer(in.signer().Issuer)
	if !ok {
		return r, fmt.Errorf("chain of badge request: issuer %s is not here", in.signer().Issuer)
	}
	leaf := in.signed.Standing().Leaf()
	r.Chain = append(append([][]byte{leaf.Raw}, issuer.Delivered(nil)[1:]...), d.CA.RootOf(issuer).Raw)
	var err error
	if r.Status, err = d.statusOf(ctx, leaf, issuer); err != nil {
		return r, err
	}
	sum := sha256.Sum256(r.Signed)
	if r.Stamp, err = d.Stamper.Stamp(ctx, sum[:]); err != nil {
		return r, fmt.Errorf("stamp badge request: %w", err)
	}
	leafID, err := e.ID()
	if err != nil {
		return r, err
	}
	r.Receipt, err = d.Receipts.Issue(ctx, ReceiptKind, ReceiptClaims{
		Leaf: leafID, Badge: id, RequestSHA256: in.sum(), StampSHA256: hexSHA256(r.Stamp), StatusSHA256: hexSHA256(r.Status), ReceivedAt: in.at,
		Business: in.business, Domain: in.domain.ASCII, Action: in.ask.Action,
	})
	if err != nil {
		return r, fmt.Errorf("receipt of badge request: %w", err)
	}
	return r, nil
}

// statusOf asks our own OCSP for the signer, as anybody would, and keeps the
// answer: it stays a proof when the certificate has long expired. Without a
// good one the request is not taken.
func (d *Desk) statusOf(ctx context.Context, leaf *x509.Certificate, issuer ca.Issuer) ([]byte, error) {
	q, err := ocsp.CreateRequest(leaf, issuer.Certificate, &ocsp.RequestOptions{Hash: crypto.SHA256})
	if err != nil {
		return nil, fmt.Errorf("status of the signer: %w", err)
	}
	a, err := d.Status.OCSP(ctx, issuer.ID, q)
	if err != nil {
		return nil, fmt.Errorf("status of the signer: %w", err)
	}
	r, err := ocsp.ParseResponseForCert(a.DER, leaf, issuer.Certificate)
	if err != nil || r.Status != ocsp.Good {
		return nil, errors.Join(fault.New(fault.Unavailable, "badge_status_unavailable", "the status of your certificate cannot be confirmed now, so the request is not taken; send it again later"), err)
	}
	return a.DER, nil
}

// maxStatusAge is how far the kept OCSP answer may lie from the time stamp:
// an answer lives for an hour.
const maxStatusAge = time.Hour

// Verify checks offline, whenever that is, that the request was signed by a
// certificate that led to root and was good when the stamp says we had it. It
// returns that time and the signer. Every refusal is Denied or Invalid.
func (r Request) Verify(root *x509.Certificate) (at time.Time, signer *x509.Certificate, err error) {
	sum := sha256.Sum256(r.Signed)
	if at, err = timestamp.Verify(r.Stamp, sum[:], root); err != nil {
		return at, nil, err
	}
	switch {
	case isCMS(r.Signed):
		_, signer, err = signature.OpenCMS(r.Signed, r.Document)
	case isPDF(r.Signed):
		_, signer, err = signature.OpenPDF(r.Signed)
	default:
		_, signer, err = signature.OpenJWS(r.Signed, RequestType)
	}
	if err != nil {
		return at, nil, err
	}
	refused := fault.New(fault.Denied, "badge_proof_status", "the kept chain and status do not say that the signer's certificate was good when the request came; do not rely on this proof")
	issuer, ok := r.issuer(signer, root, at)
	if !ok {
		return at, nil, refused
	}
	s, err := ocsp.ParseResponseForCert(r.Status, signer, issuer)
	if err != nil || s.Status != ocsp.Good || at.Sub(s.ThisUpdate).Abs() > maxStatusAge {
		return at, nil, refused
	}
	return at, signer, nil
}

// issuer returns the CA that the kept chain leads through from the signer to
// root (RFC 5280 section 6), as of that time.
func (r Request) issuer(signer, root *x509.Certificate, at time.Time) (*x509.Certificate, bool) {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root)
	for _, der := range r.Chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, false
		}
		between.AddCert(c)
	}
	chains, err := signer.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil || len(chains[0]) < 2 {
		return nil, false
	}
	return chains[0][1], true
}

package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"golang.org/x/crypto/ocsp"

	"mohr/ca"
	"mohr/ca/timestamp"
)

// ocsp asks for the status where the certificate says, and keeps the answer.
func (t *tour) ocsp(ctx context.Context, h *holder, name string, want int) error {
	req, err := ocsp.CreateRequest(h.Certificate, h.Chain[0], nil) // SHA-1 CertID: what openssl ocsp looks for unless told otherwise
	if err != nil {
		return err
	}
	u, err := url.Parse(h.Certificate.OCSPServer[0])
	if err != nil {
		return err
	}
	b, err := t.plain(u.String()).fetch(ctx, request{method: http.MethodPost, path: u.Path, kind: "application/ocsp-request", body: req})
	if err != nil {
		return err
	}
	res, err := ocsp.ParseResponseForCert(b, h.Certificate, h.Chain[0])
	if err != nil {
		return err
	}
	if res.Status != want {
		return fmt.Errorf("OCSP status %d of %s, want %d", res.Status, ca.SerialText(h.Certificate.SerialNumber), want)
	}
	return t.keep(name, b)
}

func (t *tour) statusGood(ctx context.Context) error {
	return t.ocsp(ctx, t.holder, "ocsp.der", ocsp.Good)
}

func (t *tour) statusSuperseded(ctx context.Context) error {
	if err := t.ocsp(ctx, t.renewed, "ocsp.der", ocsp.Good); err != nil {
		return err
	}
	if err := t.ocsp(ctx, t.holder, "ocsp-superseded.der", ocsp.Revoked); err != nil {
		return err
	}
	u, err := url.Parse(t.renewed.Certificate.CRLDistributionPoints[0])
	if err != nil {
		return err
	}
	b, err := t.plain(u.String()).fetch(ctx, request{method: http.MethodGet, path: u.Path})
	if err != nil {
		return err
	}
	crl, err := x509.ParseRevocationList(b)
	if err != nil {
		return err
	}
	for _, e := range crl.RevokedCertificateEntries {
		if e.SerialNumber.Cmp(t.holder.Certificate.SerialNumber) == 0 {
			return t.keep("crl.der", b)
		}
	}
	return errors.New("the superseded certificate is not on the CRL")
}

// stampRequest is a TimeStampReq (RFC 3161 section 2.4.1).
type stampRequest struct {
	Version int
	Imprint struct {
		Algorithm struct{ ID asn1.ObjectIdentifier }
		Digest    []byte
	}
	Nonce   *big.Int
	CertReq bool
}

func (t *tour) stampStep(ctx context.Context) error {
	data := []byte("stamped by the tour at " + time.Now().UTC().Format(time.RFC3339) + "\n")
	digest := crypto.SHA256.New()
	digest.Write(data)
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return err
	}
	q := stampRequest{Version: 1, Nonce: nonce, CertReq: true}
	q.Imprint.Algorithm.ID = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	q.Imprint.Digest = digest.Sum(nil)
	der, err := asn1.Marshal(q)
	if err != nil {
		return err
	}
	b, err := t.plain(t.renewed.Certificate.OCSPServer[0]).fetch(ctx, request{method: http.MethodPost, path: "/tsa", kind: "application/timestamp-query", body: der})
	if err != nil {
		return err
	}
	root, err := readCertificate(filepath.Join(t.dir, "root.pem"))
	if err != nil {
		return err
	}
	if _, err := timestamp.Verify(b, q.Imprint.Digest, root); err != nil {
		return err
	}
	if err := t.keep("tsr.data", data); err != nil {
		return err
	}
	return t.keep("tsr.der", b)
}

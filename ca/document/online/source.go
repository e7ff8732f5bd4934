package online

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"golang.org/x/crypto/ocsp"

	"mohr/ca/document"
	"mohr/internal/fault"
)

// Bounds of answers, and of the addresses of one certificate that are tried.
const (
	maxOCSP      = 64 << 10
	maxCRL       = 16 << 20
	maxAddresses = 3
)

// Source asks the OCSP responder of each certificate, and fetches its CRL
// where there is no answer. It is a document.Source and safe for concurrent use.
type Source struct {
	HTTP *http.Client
}

// Values asks for each certificate of the chain but a self-signed one. It is
// Unavailable if nothing is had on one of them; what was had comes along.
func (s Source) Values(ctx context.Context, chain []*x509.Certificate) (document.Values, error) {
	var v document.Values
	var missing []error
	for n, c := range chain {
		if bytes.Equal(c.RawSubject, c.RawIssuer) || document.Unrevocable(c) {
			continue
		}
		var issuer *x509.Certificate
		if n+1 < len(chain) {
			issuer = chain[n+1]
		}
		one, err := s.one(ctx, c, issuer)
		if err != nil {
			missing = append(missing, fmt.Errorf("%s: %w", c.Subject.CommonName, err))
		}
		v = v.With(one)
	}
	if err := errors.Join(missing...); err != nil {
		return v, fmt.Errorf("%w: %w", fault.New(fault.Unavailable, "revocation_unavailable", "the authority of a certificate does not say whether it was revoked; try again later"), err)
	}
	return v, nil
}

// one asks for one certificate: OCSP where its issuer is known, then CRLs.
func (s Source) one(ctx context.Context, c, issuer *x509.Certificate) (document.Values, error) {
	tried := []error{errors.New("no address answers")}
	if issuer != nil {
		for _, at := range c.OCSPServer[:min(len(c.OCSPServer), maxAddresses)] {
			raw, err := s.ocsp(ctx, at, c, issuer)
			if err == nil {
				return document.Values{OCSPs: [][]byte{raw}}, nil
			}
			tried = append(tried, err)
		}
	}
	for _, at := range c.CRLDistributionPoints[:min(len(c.CRLDistributionPoints), maxAddresses)] {
		raw, err := s.crl(ctx, at)
		if err == nil {
			return document.Values{CRLs: [][]byte{raw}}, nil
		}
		tried = append(tried, err)
	}
	return document.Values{}, errors.Join(tried...)
}

// ocsp asks by POST (RFC 6960 appendix A.1). The answer must be on the certificate.
func (s Source) ocsp(ctx context.Context, at string, c, issuer *x509.Certificate) ([]byte, error) {
	query, err := ocsp.CreateRequest(c, issuer, &ocsp.RequestOptions{Hash: crypto.SHA256})
	if err != nil {
		return nil, err
	}
	raw, err := s.ask(ctx, http.MethodPost, at, query, maxOCSP)
	if err != nil {
		return nil, err
	}
	if _, err := ocsp.ParseResponseForCert(raw, c, issuer); err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	return raw, nil
}

func (s Source) crl(ctx context.Context, at string) ([]byte, error) {
	raw, err := s.ask(ctx, http.MethodGet, at, nil, maxCRL)
	if err != nil {
		return nil, err
	}
	if _, err := x509.ParseRevocationList(raw); err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	return raw, nil
}

func (s Source) ask(ctx context.Context, method, at string, body []byte, most int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, at, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"http", "https"}, req.URL.Scheme) {
		return nil, fmt.Errorf("%s: no address of the web", at)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/ocsp-request")
	}
	res, err := s.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", at, res.Status)
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	if err == nil && int64(len(raw)) > most {
		err = fmt.Errorf("%s: the answer is longer than %d octets", at, most)
	}
	return raw, err
}

package acme

import (
	"context"
	"crypto/x509"
	"fmt"
	"math/big"
	"slices"
	"strings"

	casapi "github.com/smallstep/certificates/cas/apiv1"

	"mohr/ca"
	"mohr/internal/fault"
)

// CAS is our core behind casapi.CertificateAuthorityService. It is safe for
// concurrent use.
type CAS struct {
	Authority *ca.Authority
	// Orders finds the approved order that a protocol's request stands for;
	// its CSR is filled in here. An error refuses the request. nil refuses all.
	Orders func(ctx context.Context, req *casapi.CreateCertificateRequest) (ca.Order, error)
	// Bound issues for an application whose order the request stands for, and
	// reports whether it is one. nil: none is.
	Bound func(ctx context.Context, req *casapi.CreateCertificateRequest) (c ca.Certificate, bound bool, err error)
}

var _ casapi.CertificateAuthorityService = (*CAS)(nil)

// CreateCertificate issues under the approved order that the request stands
// for. Only the public key is taken from the request.
func (s *CAS) CreateCertificate(req *casapi.CreateCertificateRequest) (*casapi.CreateCertificateResponse, error) {
	ctx := context.Background() // the interface carries none
	if req == nil || req.CSR == nil || req.Template == nil {
		return nil, fault.New(fault.Invalid, "csr_missing", "the protocol's request carries no certification request")
	}
	csr, err := ca.ParseCSR(req.CSR.Raw)
	if err != nil {
		return nil, err
	}
	if s.Bound != nil {
		if c, bound, err := s.Bound(ctx, req); err != nil {
			return nil, err
		} else if bound {
			return s.answer(c)
		}
	}
	if s.Orders == nil {
		return nil, errUnapproved()
	}
	order, err := s.Orders(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("order of request %q: %w", req.RequestID, err)
	}
	if !sameNames(req.Template.DNSNames, order.Service.DNSNames) || !sameNames(addresses(req.Template), order.Service.IPs) {
		return nil, fault.New(fault.Denied, "names_unapproved", "the names asked for are not those that were approved")
	}
	order.CSR = csr
	c, err := s.Authority.Issue(ctx, order)
	if err != nil {
		return nil, err
	}
	return s.answer(c)
}

// answer gives a certificate to the protocol.
func (s *CAS) answer(c ca.Certificate) (*casapi.CreateCertificateResponse, error) {
	cert, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", c.Serial, err)
	}
	issuer, ok := s.Authority.Issuer(c.Issuer)
	if !ok {
		return nil, fmt.Errorf("certificate %s: issuer %s is not here", c.Serial, c.Issuer)
	}
	return &casapi.CreateCertificateResponse{Certificate: cert, CertificateChain: issuer.Delivery()}, nil
}

// RenewCertificate always refuses: a renewal is a statement signed by the old
// key (package renew), not a copy of the old extensions.
func (s *CAS) RenewCertificate(*casapi.RenewCertificateRequest) (*casapi.RenewCertificateResponse, error) {
	return nil, casapi.NotImplementedError{Message: "renewal goes by a signed statement"}
}

// RevokeCertificate revokes by the certificate, which must be one of ours and
// not only have the serial number of one, or by the serial number, which
// smallstep writes in decimal. It has authorised the caller.
func (s *CAS) RevokeCertificate(req *casapi.RevokeCertificateRequest) (*casapi.RevokeCertificateResponse, error) {
	ctx := context.Background() // the interface carries none
	serial, err := s.serialOf(ctx, req)
	if err != nil {
		return nil, err
	}
	reason, ok := ca.ReasonOf(req.ReasonCode)
	if !ok {
		return nil, fault.New(fault.Invalid, "reason_unknown", "this is not a reason for revocation; use one of unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn")
	}
	if err := s.Authority.Revoke(ctx, serial, reason, "protocol"); err != nil {
		return nil, err
	}
	return &casapi.RevokeCertificateResponse{Certificate: req.Certificate}, nil
}

// maxDecimal is the length of the longest serial, 2^160-1, in decimal.
const maxDecimal = 49

// serialOf returns the serial that a revocation is about, as records write it.
func (s *CAS) serialOf(ctx context.Context, req *casapi.RevokeCertificateRequest) (string, error) {
	if req != nil && req.Certificate != nil {
		standing, err := s.Authority.Standing(ctx, req.Certificate)
		return standing.Record().Serial, err
	}
	if req == nil {
		return parseDecimal("")
	}
	return parseDecimal(req.SerialNumber)
}

// parseDecimal reads a serial as smallstep writes it, in decimal, and returns
// it as records do.
func parseDecimal(s string) (string, error) {
	if len(s) <= maxDecimal {
		if n, ok := new(big.Int).SetString(s, 10); ok && n.Sign() > 0 {
			return ca.SerialText(n), nil
		}
	}
	return "", fault.New(fault.Invalid, "serial_malformed", "this is not a serial number; write it in decimal digits")
}

// orderOfRequest returns the order behind a request to ca, and whether there
// is one.
func orderOfRequest(request string) (string, bool) { return strings.CutPrefix(request, requestOf("")) }

// addresses returns the IP addresses of a template as orders write them.
func addresses(c *x509.Certificate) (list []string) {
	for _, ip := range c.IPAddresses {
		list = append(list, ip.String())
	}
	return list
}

func errUnapproved() error {
	return fault.New(fault.Denied, "order_unapproved", "no approval stands behind this order; apply first, and order once the application is approved")
}

// sameNames reports whether a and b hold the same names, in any order.
func sameNames(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

package acme

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"mohr/ca"
	"mohr/internal/fault"
)

// refuseDates refuses an order that wishes for dates: the profile says how
// long a certificate lives.
func refuseDates(payload []byte) error {
	var wish struct {
		NotBefore *string `json:"notBefore"`
		NotAfter  *string `json:"notAfter"`
	}
	if err := json.Unmarshal(payload, &wish); err != nil || wish.NotBefore != nil || wish.NotAfter != nil {
		return fault.New(fault.Invalid, "acme_dates", "an order cannot choose its dates here; leave notBefore and notAfter out")
	}
	return nil
}

// refuseOtherKey refuses the finalization (payload is its request) of an order
// that has its certificate, for another key: that certificate would be of no use.
func refuseOtherKey(payload []byte, c ca.Certificate) error {
	if len(payload) == 0 {
		return nil
	}
	var finalize struct {
		CSR string `json:"csr"`
	}
	if err := json.Unmarshal(payload, &finalize); err != nil {
		return err
	}
	der, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(finalize.CSR, "="))
	if err != nil {
		return errMalformed()
	}
	csr, err := ca.ParseCSR(der)
	if err != nil {
		return err
	}
	if csr.SPKISHA256() != c.SPKISHA256 {
		return fault.New(fault.Conflict, "acme_order_done", "this order has its certificate, for another key; make a new order")
	}
	return nil
}

// refuseOtherCertificate refuses the revocation (payload is its request) of a
// certificate that has the serial of c and is not c: nobody issued that one.
func refuseOtherCertificate(payload []byte, c ca.Certificate) error {
	if len(payload) == 0 {
		return nil
	}
	var revoke struct {
		Certificate string `json:"certificate"`
	}
	if err := json.Unmarshal(payload, &revoke); err != nil {
		return err
	}
	if der, err := base64.RawURLEncoding.DecodeString(revoke.Certificate); err != nil || !bytes.Equal(der, c.DER) {
		return errNoCertificate()
	}
	return nil
}

// asksForAuthority reports whether a request has basicConstraints with
// anything in them (RFC 5280 section 4.2.1.9): for an end entity they are an
// empty SEQUENCE. Nothing of it would get into a certificate either way.
func asksForAuthority(csr *x509.CertificateRequest) bool {
	basicConstraints := asn1.ObjectIdentifier{2, 5, 29, 19}
	return slices.ContainsFunc(csr.Extensions, func(e pkix.Extension) bool {
		return e.Id.Equal(basicConstraints) && !slices.Equal(e.Value, []byte{0x30, 0x00})
	})
}

package document

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
)

// Policy is what a verifier asks beyond what the standards ask. Its zero value
// asks nothing more.
type Policy struct {
	// Certificates are certificate policies of which the signer's certificate
	// must have one; none: any.
	Certificates []asn1.ObjectIdentifier
}

// forDocuments are the extended key usages of people who sign documents.
var forDocuments = []asn1.ObjectIdentifier{
	{1, 3, 6, 1, 5, 5, 7, 3, 36},       // documentSigning (RFC 9336)
	{1, 3, 6, 1, 5, 5, 7, 3, 4},        // emailProtection
	{2, 5, 29, 37, 0},                  // anyExtendedKeyUsage
	{1, 2, 840, 113583, 1, 1, 5},       // Adobe's authentic documents
	{1, 3, 6, 1, 4, 1, 311, 10, 3, 12}, // Microsoft's document signing
}

// constraint says why the certificate may not sign documents under p, "" if it may.
func (p Policy) constraint(leaf *x509.Certificate) string {
	switch {
	case leaf.IsCA:
		return "the signer's certificate is that of an authority"
	case leaf.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0:
		return "the key usage of the signer's certificate does not allow signatures"
	case !usable(leaf):
		return "the extended key usage of the signer's certificate is not for documents"
	case len(p.Certificates) > 0 && !slices.ContainsFunc(p.Certificates, func(oid asn1.ObjectIdentifier) bool {
		return slices.ContainsFunc(leaf.PolicyIdentifiers, oid.Equal)
	}):
		return "the signer's certificate has none of the certificate policies that are asked for"
	}
	return ""
}

// usable reports whether the extended key usage, where there is one, is among
// those for documents.
func usable(leaf *x509.Certificate) bool {
	if len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) == 0 {
		return true
	}
	known := slices.ContainsFunc(leaf.ExtKeyUsage, func(u x509.ExtKeyUsage) bool {
		return u == x509.ExtKeyUsageAny || u == x509.ExtKeyUsageEmailProtection
	})
	return known || slices.ContainsFunc(leaf.UnknownExtKeyUsage, func(oid asn1.ObjectIdentifier) bool {
		return slices.ContainsFunc(forDocuments, oid.Equal)
	})
}

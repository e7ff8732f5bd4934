package ca_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/lint"
)

const shop = ca.BusinessID("14003456780")

// serviceOf is the service that a certificate of the profile is for; false
// for a person's profile.
func serviceOf(profile string) (ca.Service, bool) {
	s := ca.Service{Profile: profile, CommonName: profile}
	switch profile {
	case ca.OCSPResponder:
		s.Issuer = ca.SignIssuer
	case ca.ServiceTLS:
		s.DNSNames, s.IPs = []string{"localhost"}, []string{"127.0.0.1", "::1"}
	case ca.ServerAuth:
		s.CommonName, s.DNSNames, s.Business = "shop.test", []string{"shop.test", "www.shop.test"}, shop
	case ca.OperatorAuth, ca.TimeStamping, ca.Audit, ca.Credential, ca.CMPResponder, ca.SCEPResponder:
	default:
		return ca.Service{}, false
	}
	return s, true
}

// issueKind issues a certificate of the profile to a fresh key.
func issueKind(t *testing.T, f *catest.Fixture, profile string) *x509.Certificate {
	t.Helper()
	s, ok := serviceOf(profile)
	if !ok {
		key, _ := f.IssueTo(t, catest.Zahra, profile, "kind/"+profile)
		return key.Certificate
	}
	if profile == ca.SCEPResponder { // enciphers, so RSA
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		k, err := f.Authority.SigningKey(t.Context(), key, s)
		if err != nil {
			t.Fatal(err)
		}
		return k.Certificate
	}
	return f.SigningKey(t, profile, s).Certificate
}

// Extensions, critical ones with "!".
const (
	ku, eku, ski, aki, san, cp, dp, aia, qc = "2.5.29.15!", "2.5.29.37", "2.5.29.14", "2.5.29.35", "2.5.29.17", "2.5.29.32", "2.5.29.31", "1.3.6.1.5.5.7.1.1", "1.3.6.1.5.5.7.1.3"
	nocheck, period, shortTerm, noRevAvail  = "1.3.6.1.5.5.7.48.1.5", "2.5.29.16", "0.4.0.194121.2.1", "2.5.29.56"

	documentSigning, clientAuth, serverAuth = "1.3.6.1.5.5.7.3.36", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"
	timeStamping, ocspSigning               = "1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.9"

	commitment, signature = x509.KeyUsageContentCommitment, x509.KeyUsageDigitalSignature
)

// kind is one kind of certificate and all that is in it.
type kind struct {
	profile    string
	issuer     ca.IssuerID
	extensions []string
	usage      x509.KeyUsage
	extended   []string
	statements []string
	policy     string
}

// kinds are all that there are.
var kinds = []kind{
	{ca.NaturalSign, ca.SignIssuer, []string{ku, eku, ski, aki, cp, dp, aia, qc}, commitment, []string{documentSigning}, []string{qcType, qcPDS, semantics}, "2.999.1.1.1"},
	{ca.NaturalSignB, ca.SignIssuer, []string{ku, eku, ski, aki, cp, dp, aia, qc}, commitment | signature, []string{documentSigning}, []string{qcType, qcPDS, semantics}, "2.999.1.1.1"},
	{ca.NaturalSignC, ca.SignIssuer, []string{ku, eku, ski, aki, cp, dp, aia, qc}, signature, []string{documentSigning}, []string{qcType, qcPDS, semantics}, "2.999.1.1.1"},
	{ca.NaturalSignShort, ca.SignIssuer, []string{ku, eku, ski, aki, cp, aia, qc, shortTerm, noRevAvail}, commitment, []string{documentSigning}, []string{qcType, qcPDS, semantics}, "2.999.1.5.1"},
	{ca.OrganisationSign, ca.SignIssuer, []string{ku, eku, ski, aki, cp, dp, aia, qc}, commitment | signature, []string{documentSigning}, []string{qcType, qcPDS, semantics}, "2.999.1.2.1"},
	{ca.OrganisationSeal, ca.SignP384Issuer, []string{ku, eku, ski, aki, cp, dp, aia, qc}, commitment, []string{documentSigning}, []string{qcType, qcPDS, semantics}, "2.999.1.3.1"},
	{ca.NaturalAuth, ca.AuthIssuer, []string{ku, eku, ski, aki, cp, dp, aia, qc}, signature, []string{clientAuth}, []string{semantics}, "2.999.1.4.1"},
	{ca.ServerAuth, ca.AuthIssuer, []string{ku, eku, ski, aki, cp, dp, aia, san}, signature, []string{clientAuth}, nil, "2.999.7.4"},
	{ca.OperatorAuth, ca.AuthIssuer, []string{ku, eku, ski, aki, cp, dp, aia}, signature, []string{clientAuth}, nil, "2.999.7.2"},
	{ca.ServiceTLS, ca.ServiceIssuer, []string{ku, eku, ski, aki, cp, dp, aia, san}, signature, []string{serverAuth, clientAuth}, nil, "2.999.7.1"},
	{ca.OCSPResponder, ca.SignIssuer, []string{ku, eku, ski, aki, cp, aia, nocheck}, signature, []string{ocspSigning}, nil, "2.999.7.1"},
	{ca.TimeStamping, ca.ServiceIssuer, []string{ku, eku + "!", ski, aki, cp, dp, aia, period}, signature, []string{timeStamping}, nil, "2.999.7.3"},
	{ca.Audit, ca.ServiceIssuer, []string{ku, eku, ski, aki, cp, dp, aia}, signature | commitment, []string{documentSigning}, nil, "2.999.7.1"},
	{ca.Credential, ca.ServiceIssuer, []string{ku, eku, ski, aki, cp, dp, aia}, signature, []string{documentSigning}, nil, "2.999.7.1"},
	{ca.CMPResponder, ca.ServiceIssuer, []string{ku, eku, ski, aki, cp, dp, aia}, signature, []string{"1.3.6.1.5.5.7.3.28"}, nil, "2.999.7.1"},
	{ca.SCEPResponder, ca.ServiceIssuer, []string{ku, eku, ski, aki, cp, dp, aia}, signature | x509.KeyUsageKeyEncipherment, []string{"1.3.6.1.5.5.7.3.28"}, nil, "2.999.7.1"},
}

func TestEachKindCarriesExactlyItsExtensions(t *testing.T) {
	f := catest.New(t, nil)
	for _, k := range kinds {
		t.Run(k.profile, func(t *testing.T) {
			cert := issueKind(t, f, k.profile)
			slices.Sort(k.extensions)
			if diff := cmp.Diff(k.extensions, extensionsOf(cert)); diff != "" {
				t.Errorf("extensions (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(k.extended, extendedOf(t, cert)); diff != "" {
				t.Errorf("extended key usage (-want +got):\n%s", diff)
			}
			var ids []string
			for _, s := range qcStatementsOf(t, cert) {
				ids = append(ids, s.ID)
			}
			if diff := cmp.Diff(k.statements, ids); diff != "" {
				t.Errorf("statements (-want +got):\n%s", diff)
			}
			if len(cert.Policies) != 1 || cert.Policies[0].String() != k.policy {
				t.Errorf("policies %v, want %s", cert.Policies, k.policy)
			}
			if cert.KeyUsage != k.usage {
				t.Errorf("key usage %b, want %b", cert.KeyUsage, k.usage)
			}
			checkIssued(t, f, cert, k.issuer)
		})
	}
}

// checkIssued asks what all certificates have alike.
func checkIssued(t *testing.T, f *catest.Fixture, cert *x509.Certificate, by ca.IssuerID) {
	t.Helper()
	i, ok := f.Authority.Issuer(by)
	if !ok || cert.CheckSignatureFrom(i.Certificate) != nil {
		t.Errorf("not signed by %s", by)
	}
	if len(cert.SerialNumber.Bytes()) > 20 || cert.SerialNumber.Sign() <= 0 || cert.SerialNumber.BitLen() < 128 {
		t.Errorf("serial %x", cert.SerialNumber)
	}
	if want := []string{catest.Publish + "/ca/" + string(by) + ".cer"}; !slices.Equal(cert.IssuingCertificateURL, want) {
		t.Errorf("issuer's certificate at %v", cert.IssuingCertificateURL)
	}
	if want := []string{catest.Publish + "/ocsp/" + string(by)}; len(cert.OCSPServer) > 0 && !slices.Equal(cert.OCSPServer, want) {
		t.Errorf("OCSP at %v", cert.OCSPServer)
	}
	if want := []string{catest.Publish + "/crl/" + string(by) + "/0.crl"}; len(cert.CRLDistributionPoints) > 0 && !slices.Equal(cert.CRLDistributionPoints, want) {
		t.Errorf("CRL at %v", cert.CRLDistributionPoints)
	}
	if len(cert.OCSPServer) != len(cert.CRLDistributionPoints) {
		t.Errorf("OCSP at %v, CRL at %v", cert.OCSPServer, cert.CRLDistributionPoints)
	}
	if err := lint.Certificate(cert.Raw); err != nil {
		t.Error(err)
	}
}

func extendedOf(t *testing.T, c *x509.Certificate) (list []string) {
	t.Helper()
	for _, e := range c.Extensions {
		if e.Id.String() != eku {
			continue
		}
		var ids []asn1.ObjectIdentifier
		if rest, err := asn1.Unmarshal(e.Value, &ids); err != nil || len(rest) > 0 {
			t.Fatal(err)
		}
		for _, id := range ids {
			list = append(list, id.String())
		}
	}
	return list
}

// TestTheTableOfKindsIsComplete: a profile that nobody tests is a mistake.
func TestTheTableOfKindsIsComplete(t *testing.T) {
	for _, name := range ca.Profiles() {
		if !slices.ContainsFunc(kinds, func(k kind) bool { return k.profile == name }) {
			t.Errorf("%s is not in it", name)
		}
	}
}

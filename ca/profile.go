package ca

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"time"

	"mohr/internal/fault"
)

// Profiles, by the names that orders, policies and URLs use.
const (
	NaturalSign      = "natural-sign"      // natural person, type A: contentCommitment only
	OrganisationSign = "organisation-sign" // person in an organisation, type B
	ServiceTLS       = "service-tls"       // this service's listeners and roles
	OperatorAuth     = "operator"          // operators: clientAuth
	OCSPResponder    = "ocsp-responder"    // delegated, issued by the CA it answers for
	TimeStamping     = "time-stamping"
	Audit            = "audit"      // signs evidence bundles and receipts
	Credential       = "credential" // signs badge credentials
)

// profile fixes what a kind of certificate contains. A change of content is a
// new version, so that a record says under which rules it was made.
type profile struct {
	name        string
	version     int
	issuer      IssuerID // "" where the order's Service names it: OCSP responders
	person      bool     // subject from evidence; else the service's own
	keyUsage    x509.KeyUsage
	extKeyUsage []asn1.ObjectIdentifier
	ekuCritical bool
	policyOID   string        // of a service; a person's comes from the decision
	validity    time.Duration // of a service; a person's comes from the decision
	qc          bool          // qcStatements: type, PDS, semantics
	noCheck     bool          // ocsp-nocheck instead of CRL DP and OCSP
	keyPeriod   bool          // privateKeyUsagePeriod, the first half of the validity
	san         bool          // DNS names and addresses of the order
}

const day = 24 * time.Hour

// profileOf returns the current version of the named profile; Invalid if
// there is none.
func profileOf(name string) (profile, error) {
	for _, p := range profiles {
		if p.name == name {
			return p, nil
		}
	}
	return profile{}, fault.New(fault.Invalid, "profile_unknown", "there is no certificate profile of this name; take one of those in the practice statement")
}

func (p profile) String() string { return fmt.Sprintf("%s@%d", p.name, p.version) }

// profiles is the table of all that Issue can make (ETSI EN 319 412-2 for
// persons, RFC 6960 section 4.2.2.2 for responders, RFC 3161 section 2.3 for
// time stamping).
var profiles = []profile{
	{
		name: NaturalSign, version: 1, issuer: SignIssuer, person: true, qc: true,
		keyUsage:    x509.KeyUsageContentCommitment,
		extKeyUsage: []asn1.ObjectIdentifier{oidDocumentSigning},
	},
	{
		name: OrganisationSign, version: 1, issuer: SignIssuer, person: true, qc: true,
		keyUsage:    x509.KeyUsageContentCommitment | x509.KeyUsageDigitalSignature,
		extKeyUsage: []asn1.ObjectIdentifier{oidDocumentSigning},
	},
	{
		name: ServiceTLS, version: 1, issuer: ServiceIssuer, validity: 90 * day, policyOID: policyService, san: true,
		keyUsage:    x509.KeyUsageDigitalSignature,
		extKeyUsage: []asn1.ObjectIdentifier{oidServerAuth, oidClientAuth},
	},
	{
		name: OperatorAuth, version: 1, issuer: AuthIssuer, validity: 365 * day, policyOID: policyOperator,
		keyUsage:    x509.KeyUsageDigitalSignature,
		extKeyUsage: []asn1.ObjectIdentifier{oidClientAuth},
	},
	{
		name: OCSPResponder, version: 1, validity: 30 * day, policyOID: policyService, noCheck: true,
		keyUsage:    x509.KeyUsageDigitalSignature,
		extKeyUsage: []asn1.ObjectIdentifier{oidOCSPSigning},
	},
	{
		name: TimeStamping, version: 1, issuer: ServiceIssuer, validity: 2 * 365 * day, policyOID: policyInfraStamp, keyPeriod: true,
		keyUsage:    x509.KeyUsageDigitalSignature,
		extKeyUsage: []asn1.ObjectIdentifier{oidTimeStamping}, ekuCritical: true,
	},
	{
		name: Audit, version: 1, issuer: ServiceIssuer, validity: 2 * 365 * day, policyOID: policyService,
		keyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment,
		extKeyUsage: []asn1.ObjectIdentifier{oidDocumentSigning},
	},
	{
		name: Credential, version: 1, issuer: ServiceIssuer, validity: 2 * 365 * day, policyOID: policyService,
		keyUsage:    x509.KeyUsageDigitalSignature,
		extKeyUsage: []asn1.ObjectIdentifier{oidDocumentSigning},
	},
}

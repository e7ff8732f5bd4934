package ca

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"mohr/internal/fault"
)

// Profiles, by the names that orders, policies and URLs use. The types are
// those of key usage in EN 319 412-2 section 4.3.2.
const (
	NaturalSign      = "natural-sign"       // natural person, type A: contentCommitment only
	NaturalSignB     = "natural-sign-b"     // type B: contentCommitment and digitalSignature
	NaturalSignC     = "natural-sign-c"     // type C: digitalSignature only
	NaturalSignShort = "natural-sign-short" // type A, of at most a day, never revoked
	OrganisationSign = "organisation-sign"  // person in an organisation, type B
	OrganisationSeal = "organisation-seal"  // legal person, type A
	NaturalAuth      = "natural-auth"       // natural person: clientAuth
	ServerAuth       = "server-auth"        // a business's server: clientAuth
	OperatorAuth     = "operator"           // operators: clientAuth
	ServiceTLS       = "service-tls"        // this service's listeners and roles
	OCSPResponder    = "ocsp-responder"     // delegated, issued by the CA it answers for
	TimeStamping     = "time-stamping"
	Audit            = "audit"      // signs evidence bundles and receipts
	Credential       = "credential" // signs badge credentials
	CMPResponder     = "cmp"        // signs answers to CMP clients
	SCEPResponder    = "scep"       // opens requests of SCEP clients and signs the answers
)

// profile fixes what a kind of certificate contains. A change of content is a
// new version, so that a record says under which rules it was made.
type profile struct {
	name        string
	version     int
	issuer      IssuerID // "" where the order's Service names it: OCSP responders
	of          whom
	keyUsage    x509.KeyUsage
	extKeyUsage []asn1.ObjectIdentifier
	ekuCritical bool
	policyOID   string                // where there is no decision to say it
	life        time.Duration         // where there is no decision to say it, else the most it may say
	qcType      asn1.ObjectIdentifier // nil: signs nothing that is anybody's
	semantics   asn1.ObjectIdentifier // of the number in the subject; nil: none is stated
	noCheck     bool                  // ocsp-nocheck instead of CRL DP and OCSP
	short       bool                  // ends before a revocation could count: neither CRL DP nor OCSP
	keyPeriod   bool                  // privateKeyUsagePeriod, the first half of the validity
	san         bool                  // DNS names and addresses of the order
}

// whom a profile's certificates speak of.
type whom int

const (
	ofService whom = iota // this service's own: names from the order
	ofServer              // a server of the order's business
	ofPerson              // the decision's person
	ofMember              // the same, in the decision's organisation
	ofLegal               // the decision's organisation
)

// decided reports whether the subject comes from a decision.
func (w whom) decided() bool { return w >= ofPerson }

// organised reports whether the subject names a legal person.
func (w whom) organised() bool { return w == ofMember || w == ofLegal }

const day = 24 * time.Hour

// Lives, at most. Of a person: what a policy may say (ca/evidence).
const (
	maxLife   = 3 * 366 * day
	shortLife = day
)

// Profiles returns the names of all profiles.
func Profiles() []string {
	list := make([]string, len(profiles))
	for i, p := range profiles {
		list[i] = p.name
	}
	return list
}

// FixedPolicy returns the policy identifier of the profile's certificates
// where no decision's policy names it; "" where one does.
func FixedPolicy(name string) string {
	p, _ := profileOf(name)
	return p.policyOID
}

// Authenticates reports whether certificates of the profile, with or without
// its version, are for a person to sign in with: TLS client authentication.
func Authenticates(profile string) bool {
	p, err := profileOf(profileName(profile))
	return err == nil && p.of == ofPerson && slices.ContainsFunc(p.extKeyUsage, oidClientAuth.Equal)
}

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

const (
	commitment = x509.KeyUsageContentCommitment
	signature  = x509.KeyUsageDigitalSignature
	encipher   = x509.KeyUsageKeyEncipherment
)

// profiles is the table of all that Issue can make (ETSI EN 319 412-2 for
// persons, -3 for legal persons, RFC 9608 for what is short-lived, RFC 6960
// section 4.2.2.2 for responders, RFC 3161 section 2.3 for time stamping).
var profiles = []profile{
	{
		name: NaturalSign, version: 1, issuer: SignIssuer, of: ofPerson, life: maxLife,
		keyUsage: commitment, extKeyUsage: []asn1.ObjectIdentifier{oidDocumentSigning}, qcType: oidQcTypeSign, semantics: oidSemanticsNatural,
	},
	{
		name: NaturalSignB, version: 1, issuer: SignIssuer, of: ofPerson, life: maxLife,
		keyUsage: commitment | signature, extKeyUsage: []asn1.ObjectIdentifier{oidDocumentSigning}, qcType: oidQcTypeSign, semantics: oidSemanticsNatural,
	},
	{
		name: NaturalSignC, version: 1, issuer: SignIssuer, of: ofPerson, life: maxLife,
		keyUsage: signature, extKeyUsage: []asn1.ObjectIdentifier{oidDocumentSigning}, qcType: oidQcTypeSign, semantics: oidSemanticsNatural,
	},
	{
		name: NaturalSignShort, version: 1, issuer: SignIssuer, of: ofPerson, life: shortLife, short: true,
		keyUsage: commitment, extKeyUsage: []asn1.ObjectIdentifier{oidDocumentSigning}, qcType: oidQcTypeSign, semantics: oidSemanticsNatural,
	},
	{
		name: OrganisationSign, version: 1, issuer: SignIssuer, of: ofMember, life: maxLife,
		keyUsage: commitment | signature, extKeyUsage: []asn1.ObjectIdentifier{oidDocumentSigning}, qcType: oidQcTypeSign, semantics: oidSemanticsNatural,
	},
	{
		name: OrganisationSeal, version: 1, issuer: SignP384Issuer, of: ofLegal, life: maxLife,
		keyUsage: commitment, extKeyUsage: []asn1.ObjectIdentifier{oidDocumentSigning}, qcType: oidQcTypeSeal, semantics: oidSemanticsLegal,
	},
	{
		name: NaturalAuth, version: 1, issuer: AuthIssuer, of: ofPerson, life: maxLife,
		keyUsage: signature, extKeyUsage: []asn1.ObjectIdentifier{oidClientAuth}, semantics: oidSemanticsNatural,
	},
	{
		name: ServerAuth, version: 1, issuer: AuthIssuer, of: ofServer, life: 90 * day, policyOID: policyServer, san: true,
		keyUsage: signature, extKeyUsage: []asn1.ObjectIdentifier{oidClientAuth},
	},
	{
		name: OperatorAuth, version: 1, issuer: AuthIssuer, life: 365 * day, policyOID: policyOperator,
		keyUsage: signature, extKeyUsage: []asn1.ObjectIdentifier{oidClientAuth},
	},
	{
		name: ServiceTLS, version: 1, issuer: ServiceIssuer, life: 90 * day, policyOID: policyService, san: true,
		keyUsage: signature, extKeyUsage: []asn1.ObjectIdentifier{oidServerAuth, oidClientAuth},
	},
	{
		name: OCSPResponder, version: 1, life: 30 * day, policyOID: policyService, noCheck: true,
		keyUsage: signature, extKeyUsage: []asn1.ObjectIdentifier{oidOCSPSigning},
	},
	{
		name: TimeStamping, version: 1, issuer: ServiceIssuer, life: 2 * 365 * day, policyOID: policyInfraStamp, keyPeriod: true,
		keyUsage: signature, extKeyUsage: []asn1.ObjectIdentifier{oidTimeStamping}, ekuCritical: true,
	},
	{
		name: Audit, version: 1, issuer: ServiceIssuer, life: 2 * 365 * day, policyOID: policyService,
		keyUsage: signature | commitment, extKeyUsage: []asn1.ObjectIdentifier{oidDocumentSigning},
	},
	{
		name: Credential, version: 1, issuer: ServiceIssuer, life: 2 * 365 * day, policyOID: policyService,
		keyUsage: signature, extKeyUsage: []asn1.ObjectIdentifier{oidDocumentSigning},
	},
	{
		name: CMPResponder, version: 1, issuer: ServiceIssuer, life: 365 * day, policyOID: policyService,
		keyUsage: signature, extKeyUsage: []asn1.ObjectIdentifier{oidCMCRA},
	},
	{
		name: SCEPResponder, version: 1, issuer: ServiceIssuer, life: 365 * day, policyOID: policyService,
		keyUsage: signature | encipher, extKeyUsage: []asn1.ObjectIdentifier{oidCMCRA},
	},
}

package badge

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/internal/fault"
)

// Shown is what a credential proves, offline.
type Shown struct {
	Badge     string    `json:"badge"` // address of its page
	Issuer    string    `json:"issuer"`
	Domain    string    `json:"domain"`
	Business  string    `json:"business"`
	Name      string    `json:"name,omitempty"`
	Level     int       `json:"level"`
	Simulated bool      `json:"simulated"`
	Until     time.Time `json:"valid_until"`
	Signer    string    `json:"signer"`
	Status    string    `json:"status"` // "not looked up", "good", "revoked" or "suspended"
	entries   []statusEntry
}

// Lists are the status lists that the credential names.
func (s Shown) Lists() (urls []string) {
	for _, e := range s.entries {
		urls = append(urls, e.List)
	}
	return urls
}

func errCredential(why string) error {
	return fault.New(fault.Denied, "badge_credential_refused", "this credential proves nothing (%[1]s); fetch it again", why)
}

// oidDocumentSigning is id-kp-documentSigning (RFC 9336 section 3.1).
var oidDocumentSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 36}

// signsCredentials tells the certificates of the profile for credentials from
// all others that lead to the same root: holders sign documents too, and
// receipts are signed with another key usage.
func signsCredentials(leaf *x509.Certificate) bool {
	of := func(oid asn1.ObjectIdentifier) bool { return oid.String() == ca.FixedPolicy(ca.Credential) }
	return leaf.KeyUsage == x509.KeyUsageDigitalSignature && slices.ContainsFunc(leaf.PolicyIdentifiers, of) &&
		len(leaf.ExtKeyUsage) == 0 && len(leaf.UnknownExtKeyUsage) == 1 && leaf.UnknownExtKeyUsage[0].Equal(oidDocumentSigning)
}

// Verify checks a badge's credential offline at the instant at: its
// signature, the chain to root, its times and its kind. What became of the
// badge since it was signed is for Under to say. Denied: it proves nothing.
func Verify(jwt []byte, root *x509.Certificate, at time.Time) (Shown, error) {
	payload, leaf, err := signature.VerifyJWS(jwt, CredentialType, root, at)
	if err != nil {
		return Shown{}, err
	}
	var c credential
	if err := json.Unmarshal(payload, &c, json.RejectUnknownMembers(true)); err != nil {
		return Shown{}, errCredential("it is no credential of a badge")
	}
	if err := c.check(at); err != nil {
		return Shown{}, err
	}
	if !signsCredentials(leaf) {
		return Shown{}, errCredential("a certificate signed it that is for something else")
	}
	return Shown{
		Badge: c.ID, Issuer: c.Issuer.ID, Domain: c.Subject.Domain, Business: c.Subject.LegalID, Name: c.Subject.Name, Level: c.Subject.Level,
		Simulated: c.Subject.Environment != "production", Until: time.Unix(c.Expires, 0).UTC(), Signer: leaf.Subject.CommonName, Status: "not looked up", entries: c.Status,
	}, nil
}

func (c credential) check(at time.Time) error {
	switch {
	case len(c.Type) != 2 || c.Type[1] != "OpenBadgeCredential" || c.Subject.Domain == "" || c.Subject.ID != "https://"+c.Subject.Domain:
		return errCredential("it is no credential of a badge")
	case !strings.HasPrefix(c.ID, c.Issuer.ID+"/badge/b-"):
		return errCredential("it names another issuer than its address")
	case at.Before(time.Unix(c.IssuedAt, 0).Add(-clockSkew)):
		return errCredential("it is from the future by this clock")
	case !at.Before(time.Unix(c.Expires, 0)):
		return errCredential("its time is over")
	}
	return nil
}

// clockSkew is how far a reader's clock may be behind.
const clockSkew = 5 * time.Minute

// Under says how the credential stands by a status list that was fetched, and
// checked like it. A list that is not the credential's is Denied.
func (s Shown) Under(list []byte, root *x509.Certificate, at time.Time) (Shown, error) {
	payload, leaf, err := signature.VerifyJWS(list, CredentialType, root, at)
	if err != nil {
		return s, err
	}
	var c listCredential
	if err := json.Unmarshal(payload, &c, json.RejectUnknownMembers(true)); err != nil || len(c.Type) != 2 || c.Type[1] != "BitstringStatusListCredential" {
		return s, errCredential("what should be its status list is none")
	}
	if c.Issuer.ID != s.Issuer || !at.Before(time.Unix(c.Expires, 0)) || !signsCredentials(leaf) {
		return s, errCredential("its status list is of another issuer, or its time is over")
	}
	for _, e := range s.entries {
		if e.List != c.ID || e.Purpose != c.Subject.Purpose {
			continue
		}
		n, err := strconv.Atoi(e.Index)
		if err != nil || n < 0 || n >= listEntries {
			return s, errCredential("its place in the status list is none")
		}
		l, err := decodeBits(c.Subject.List)
		if err != nil {
			return s, err
		}
		switch {
		case !l.has(n) && s.Status == "not looked up":
			s.Status = "good"
		case l.has(n) && e.Purpose == Revocation:
			s.Status = "revoked"
		case l.has(n) && s.Status != "revoked":
			s.Status = "suspended"
		}
		return s, nil
	}
	return s, errCredential("the status list is not one that it names")
}

// Leads checks the path of a certificate to root at the instant at (RFC 5280
// section 6). Denied: there is none.
func Leads(leaf *x509.Certificate, others []*x509.Certificate, root *x509.Certificate, at time.Time) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root)
	for _, c := range others {
		between.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return errCredential("the signer's certificate does not lead to the root")
	}
	return nil
}

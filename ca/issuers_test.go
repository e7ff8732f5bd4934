package ca_test

import (
	"crypto/x509"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/lint"
)

// TestEveryIssuerSignsEveryKindOfPerson: P-256, P-384 and RSA, chosen by the
// configuration; strict verification by openssl and certtool.
func TestEveryIssuerSignsEveryKindOfPerson(t *testing.T) {
	f := catest.New(t, nil)
	root := asFile(t, "root.pem", "CERTIFICATE", f.Hierarchy.Root.Raw)
	for id, algorithm := range map[ca.IssuerID]x509.SignatureAlgorithm{
		ca.SignIssuer: x509.ECDSAWithSHA256, ca.SignP384Issuer: x509.ECDSAWithSHA384, ca.SignRSAIssuer: x509.SHA256WithRSA,
	} {
		chosen := map[string]ca.IssuerID{}
		for _, profile := range signing {
			chosen[profile] = id
		}
		a := with(t, f, func(c *ca.Config) { c.IssuerOf = chosen })
		for _, profile := range signing {
			t.Run(string(id)+" "+profile, func(t *testing.T) {
				_, csr := catest.NewKey(t)
				c := issue(t, a, personOrder(t, f, string(id)+profile, profile, csr))
				cert, err := x509.ParseCertificate(c.DER)
				if err != nil {
					t.Fatal(err)
				}
				if c.Issuer != id || cert.SignatureAlgorithm != algorithm {
					t.Errorf("by %s with %s", c.Issuer, cert.SignatureAlgorithm)
				}
				if err := lint.Certificate(c.DER); err != nil {
					t.Error(err)
				}
				issuer, _ := a.Issuer(id)
				openssl(t, "verify", "-x509_strict", "-policy_check", "-CAfile", root, "-untrusted", asFile(t, "issuer.pem", "CERTIFICATE", issuer.Certificate.Raw), asFile(t, "leaf.pem", "CERTIFICATE", c.DER))
				certtool(t, cert, issuer.Certificate, f.Hierarchy.Root)
			})
		}
	}
}

var signing = []string{ca.NaturalSign, ca.NaturalSignB, ca.NaturalSignC, ca.NaturalSignShort, ca.OrganisationSign, ca.OrganisationSeal}

func TestIssuersAreChosenAmongTheirKind(t *testing.T) {
	f := catest.New(t, nil)
	for _, test := range []struct {
		name    string
		profile string
		issuer  ca.IssuerID
		why     string
	}{
		{"a seal by RSA", ca.OrganisationSeal, ca.SignRSAIssuer, ""},
		{"a signature by P-384", ca.NaturalSign, ca.SignP384Issuer, ""},
		{"a signature by the CA of authentication", ca.NaturalSign, ca.AuthIssuer, `whose name begins with "sign-"`},
		{"a seal by the service's CA", ca.OrganisationSeal, ca.ServiceIssuer, `whose name begins with "sign-"`},
		{"an operator by the CA of signatures", ca.OperatorAuth, ca.SignIssuer, `whose name begins with "auth-"`},
		{"a time stamp by the CA of signatures", ca.TimeStamping, ca.SignIssuer, `whose name begins with "service-"`},
		{"a responder by any CA", ca.OCSPResponder, ca.SignIssuer, "issued by the CA that it answers for"},
		{"a CA that is not here", ca.NaturalSign, "sign-p521", "is not here"},
		{"a profile that is none", "natural-seal", ca.SignIssuer, "is no profile"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := f.Authority.Config
			c.IssuerOf = map[string]ca.IssuerID{test.profile: test.issuer}
			_, err := ca.New(c)
			if (err == nil) != (test.why == "") || err != nil && !strings.Contains(err.Error(), test.why) {
				t.Errorf("%v, want %q", err, test.why)
			}
		})
	}
}

// TestNodesWithOtherPrefixesNeverMeet: the first octet of a serial is the
// node's, whatever is drawn for the others.
func TestNodesWithOtherPrefixesNeverMeet(t *testing.T) {
	f := catest.New(t, nil)
	seen := map[string]byte{}
	for _, prefix := range []byte{0x01, 0x02, 0x7f} {
		a := with(t, f, func(c *ca.Config) { c.Prefix = prefix })
		for n := range 5 {
			_, csr := catest.NewKey(t)
			c := issue(t, a, personOrder(t, f, string([]byte{'p', prefix, byte('0' + n)}), ca.NaturalSign, csr))
			cert, err := x509.ParseCertificate(c.DER)
			if err != nil {
				t.Fatal(err)
			}
			b := cert.SerialNumber.Bytes()
			if b[0] != prefix || len(b) != 18 {
				t.Errorf("node %#x made the serial %x", prefix, b)
			}
			if by, ok := seen[c.Serial]; ok {
				t.Errorf("nodes %#x and %#x made the serial %s", by, prefix, c.Serial)
			}
			seen[c.Serial] = prefix
		}
	}
	c := f.Authority.Config
	c.Prefix = 0x80
	if _, err := ca.New(c); err == nil {
		t.Error("a prefix that would make serials negative")
	}
}

// TestTheKeyOfACAIsNeverCertified: it signs certificates and CRLs, and
// nothing else.
func TestTheKeyOfACAIsNeverCertified(t *testing.T) {
	f := catest.New(t, nil)
	for _, purpose := range []string{"root", string(ca.AuthIssuer)} {
		key, err := f.Keys.Key(t.Context(), purpose)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Authority.SigningKey(t.Context(), key, ca.Service{Profile: ca.Audit, CommonName: "Audit"})
		wantCode(t, "the key of "+purpose, err, "key_in_use")
	}
}

package acme_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/certificates/authority"
	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/authority/provisioner"
	casapi "github.com/smallstep/certificates/cas/apiv1"
	"github.com/smallstep/certificates/db"
	"go.step.sm/crypto/x509util"

	"mohr/ca"
	"mohr/ca/acme"
	"mohr/ca/catest"
	"mohr/internal/fault"
)

func serviceOrder(ctx context.Context, req *casapi.CreateCertificateRequest) (ca.Order, error) {
	return ca.Order{
		Request: "protocol/" + req.CSR.Subject.CommonName,
		Service: ca.Service{Profile: ca.ServiceTLS, CommonName: "node-1", DNSNames: []string{"node-1.test"}},
	}, nil
}

// hostileCSR asks for what nobody approved: a CA certificate for a bank.
func hostileCSR(t *testing.T, cn string) *x509.CertificateRequest {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:  pkix.Name{CommonName: cn},
		DNSNames: []string{"bank.test"},
		ExtraExtensions: []pkix.Extension{
			{Id: []int{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 0x03, 0x01, 0x01, 0xff}},
		},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

// names sets the DNS names of a smallstep template and its validity.
type names []string

func (n names) Modify(c *x509.Certificate, _ provisioner.SignOptions) error {
	c.DNSNames = n
	c.NotBefore = time.Now()
	c.NotAfter = c.NotBefore.Add(time.Hour)
	return nil
}

// template keeps smallstep from reading the request's names.
type template struct{}

func (template) Options(provisioner.SignOptions) []x509util.Option {
	return []x509util.Option{x509util.WithTemplate(`{"subject":{"commonName":"template"}}`, x509util.NewTemplateData())}
}

func TestSmallstepAuthoritySignsThroughOurCore(t *testing.T) {
	f := catest.New(t, nil)
	store, err := db.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := authority.NewEmbedded(
		authority.WithConfig(&config.Config{AuthorityConfig: &config.AuthConfig{}}),
		authority.WithDatabase(store), authority.WithX509RootCerts(f.Hierarchy.Root),
		authority.WithX509CAService(&acme.CAS{Authority: f.Authority, Orders: serviceOrder}),
		authority.WithQuietInit())
	if err != nil {
		t.Fatal(err)
	}
	csr := hostileCSR(t, "one")
	chain, err := a.SignWithContext(t.Context(), csr, provisioner.SignOptions{}, template{}, names{"node-1.test"})
	if err != nil {
		t.Fatal(err)
	}
	c := chain[0]
	if c.IsCA || c.Subject.CommonName != "node-1" || len(c.DNSNames) != 1 || c.DNSNames[0] != "node-1.test" {
		t.Errorf("certificate says CA %v, %v, %v; want the approved order's words", c.IsCA, c.Subject, c.DNSNames)
	}
	if !c.PublicKey.(*ecdsa.PublicKey).Equal(csr.PublicKey) {
		t.Error("certificate is for another key")
	}
	s, err := f.Standing(t.Context(), c)
	if err != nil || !s.Good() {
		t.Errorf("standing of what smallstep signed: good %v, %v", s.Good(), err)
	}
	if _, err := a.SignWithContext(t.Context(), hostileCSR(t, "two"), provisioner.SignOptions{}, template{}, names{"bank.test"}); err == nil {
		t.Error("names that nobody approved were certified")
	}
}

func TestCASRefuses(t *testing.T) {
	f := catest.New(t, nil)
	good := &casapi.CreateCertificateRequest{Template: &x509.Certificate{DNSNames: []string{"node-1.test"}}, CSR: hostileCSR(t, "one")}
	for _, test := range []struct {
		name string
		cas  *acme.CAS
		req  *casapi.CreateCertificateRequest
		code string
	}{
		{"a request without any order behind it", &acme.CAS{Authority: f.Authority}, good, "order_unapproved"},
		{"an order that approves nothing", &acme.CAS{Authority: f.Authority, Orders: func(context.Context, *casapi.CreateCertificateRequest) (ca.Order, error) {
			return ca.Order{Request: "x"}, nil
		}}, &casapi.CreateCertificateRequest{Template: &x509.Certificate{}, CSR: good.CSR}, "profile_unknown"},
		{"a request without a key", &acme.CAS{Authority: f.Authority, Orders: serviceOrder}, &casapi.CreateCertificateRequest{Template: &x509.Certificate{}}, "csr_missing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.cas.CreateCertificate(test.req)
			if fault.Code(err) != test.code {
				t.Errorf("error %v, want code %s", err, test.code)
			}
		})
	}
	cas := &acme.CAS{Authority: f.Authority, Orders: serviceOrder}
	if _, err := cas.RenewCertificate(&casapi.RenewCertificateRequest{}); !errors.As(err, new(casapi.NotImplementedError)) {
		t.Errorf("renewal by copying: %v, want not implemented", err)
	}
}

func TestCASRevokesBySmallstepsDecimalSerial(t *testing.T) {
	f := catest.New(t, nil)
	cas := &acme.CAS{Authority: f.Authority, Orders: serviceOrder}
	res, err := cas.CreateCertificate(&casapi.CreateCertificateRequest{Template: &x509.Certificate{DNSNames: []string{"node-1.test"}}, CSR: hostileCSR(t, "one")})
	if err != nil {
		t.Fatal(err)
	}
	req := &casapi.RevokeCertificateRequest{SerialNumber: res.Certificate.SerialNumber.String(), ReasonCode: 7}
	if _, err := cas.RevokeCertificate(req); fault.Code(err) != "reason_unknown" {
		t.Errorf("reason 7: %v, want reason_unknown", err)
	}
	req.ReasonCode = 1
	if _, err := cas.RevokeCertificate(req); err != nil {
		t.Fatal(err)
	}
	s, err := f.Standing(t.Context(), res.Certificate)
	if err != nil || fault.Code(s.Fault()) != "certificate_revoked" {
		t.Errorf("standing after revocation: %v, %v", s.Fault(), err)
	}
}

func TestCASRevokesOnlyWhatItIssued(t *testing.T) {
	f := catest.New(t, nil)
	cas := &acme.CAS{Authority: f.Authority, Orders: serviceOrder}
	res, err := cas.CreateCertificate(&casapi.CreateCertificateRequest{Template: &x509.Certificate{DNSNames: []string{"node-1.test"}}, CSR: hostileCSR(t, "one")})
	if err != nil {
		t.Fatal(err)
	}
	alike := *res.Certificate
	alike.Raw = []byte{0x30, 0}
	for _, test := range []struct {
		name string
		req  *casapi.RevokeCertificateRequest
		code string
	}{
		{"no request", nil, "serial_malformed"},
		{"a foreign certificate with a serial of ours", &casapi.RevokeCertificateRequest{Certificate: &alike}, "certificate_foreign"},
		{"a certificate without a serial", &casapi.RevokeCertificateRequest{Certificate: &x509.Certificate{}}, "certificate_foreign"},
		{"no serial", &casapi.RevokeCertificateRequest{}, "serial_malformed"},
		{"a serial in hex", &casapi.RevokeCertificateRequest{SerialNumber: ca.SerialText(res.Certificate.SerialNumber)}, "serial_malformed"},
		{"a negative serial", &casapi.RevokeCertificateRequest{SerialNumber: "-1"}, "serial_malformed"},
		{"a serial of a million digits", &casapi.RevokeCertificateRequest{SerialNumber: strings.Repeat("1", 1<<20)}, "serial_malformed"},
		{"a serial that nobody has", &casapi.RevokeCertificateRequest{SerialNumber: "77"}, "certificate_unknown"},
		{"a certificate of ours", &casapi.RevokeCertificateRequest{Certificate: res.Certificate}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := cas.RevokeCertificate(test.req)
			if fault.Code(err) != test.code || (err != nil) != (test.code != "") {
				t.Errorf("%v, want %q", err, test.code)
			}
			c, err := f.Certificate(t.Context(), ca.SerialText(res.Certificate.SerialNumber))
			if err != nil || (c.Revoked != nil) != (test.code == "") {
				t.Errorf("revoked %v, %v", c.Revoked, err)
			}
		})
	}
}

func TestCASGivesNoAddressThatWasNotApproved(t *testing.T) {
	f := catest.New(t, nil)
	cas := &acme.CAS{Authority: f.Authority, Orders: serviceOrder}
	_, err := cas.CreateCertificate(&casapi.CreateCertificateRequest{
		Template: &x509.Certificate{DNSNames: []string{"node-1.test"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)}}, CSR: hostileCSR(t, "one"),
	})
	if fault.Code(err) != "names_unapproved" {
		t.Errorf("%v, want names_unapproved", err)
	}
}

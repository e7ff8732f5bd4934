package ca_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/web"
)

// desk is the operators' register behind a real TLS listener.
type desk struct {
	*catest.Fixture
	t   *testing.T
	url string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	f := catest.New(t, nil)
	texts, err := i18n.Parse(web.Texts, ca.Texts)
	if err != nil {
		t.Fatal(err)
	}
	s, err := web.New(web.Config{Store: f.Store, Texts: texts, Portal: catest.Portal, Simulated: true})
	if err != nil {
		t.Fatal(err)
	}
	f.Authority.Routes(s)
	listener := httptest.NewUnstartedServer(s.Handler())
	own := f.SigningKey(t, "tls", ca.Service{Profile: ca.ServiceTLS, CommonName: "localhost", DNSNames: []string{"localhost"}, IPs: []string{"127.0.0.1"}})
	listener.TLS = &tls.Config{Certificates: []tls.Certificate{tlsCertificate(own)}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: rootsOf(f)}
	listener.StartTLS()
	t.Cleanup(listener.Close)
	return &desk{f, t, listener.URL}
}

func tlsCertificate(k ca.SigningKey) tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{k.Certificate.Raw, k.Chain[0].Raw}, PrivateKey: k.Signer, Leaf: k.Certificate}
}

// client is who comes with the key, or with none.
func (d *desk) client(k *ca.SigningKey) *http.Client {
	conf := &tls.Config{RootCAs: rootsOf(d.Fixture)}
	if k != nil {
		conf.Certificates = []tls.Certificate{tlsCertificate(*k)}
	}
	transport := &http.Transport{TLSClientConfig: conf}
	d.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// operator returns the client of an operator with roles.
func (d *desk) operator(name string, roles ...ca.Role) *http.Client {
	d.t.Helper()
	k := d.SigningKey(d.t, name, ca.Service{Profile: ca.OperatorAuth, CommonName: name})
	if err := d.GrantRoles(d.t.Context(), name, roles...); err != nil {
		d.t.Fatal(err)
	}
	return d.client(&k)
}

// call sends a request and decodes the answer into out, where one is wanted.
func (d *desk) call(c *http.Client, method, path, body string, out any) (status int, code string) {
	d.t.Helper()
	var b io.Reader
	if body != "" {
		b = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.url+"/api/v1"+path, b)
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := c.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	var problem web.Problem
	if res.StatusCode >= 400 {
		if err := json.Unmarshal(raw, &problem); err != nil {
			d.t.Fatalf("%d: %s", res.StatusCode, raw)
		}
		return res.StatusCode, problem.Code
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			d.t.Fatalf("%v: %s", err, raw)
		}
	}
	return res.StatusCode, ""
}

// shown is a certificate as the API shows it.
type shown struct {
	Serial, State, PEM, Reason, By, Service string
	RevokedAt                               time.Time `json:"revoked_at"`
}

func TestOnlyARegistrarsCertificateOpensTheRegister(t *testing.T) {
	d := newDesk(t)
	_, c := d.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	gone := d.SigningKey(t, "gone", ca.Service{Profile: ca.OperatorAuth, CommonName: "gone"})
	if err := d.GrantRoles(t.Context(), "gone", ca.RoleRegistrar); err != nil {
		t.Fatal(err)
	}
	if err := d.Revoke(t.Context(), gone.Certificate.SerialNumber.Text(16), ca.CessationOfOperation, "test"); err != nil {
		t.Fatal(err)
	}
	service := d.SigningKey(t, "node", ca.Service{Profile: ca.ServiceTLS, CommonName: "registrar", DNSNames: []string{"node.test"}})
	registrar := d.operator("registrar", ca.RoleRegistrar, ca.RoleOfficer)
	dismissed := d.operator("dismissed", ca.RoleRegistrar)
	if err := d.GrantRoles(t.Context(), "dismissed"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		client *http.Client
		code   string
	}{
		{"nobody", d.client(nil), "operator_required"},
		{"a service with an operator's name", d.client(&service), "operator_required"},
		{"an operator without a role", d.operator("new"), "operator_required"},
		{"an operator with another role", d.operator("officer", ca.RoleOfficer), "operator_required"},
		{"an operator whose role was taken away", dismissed, "operator_required"},
		{"an operator whose certificate was revoked", d.client(&gone), "certificate_revoked"},
		{"a registrar", registrar, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, q := range []struct{ method, path, body string }{
				{"GET", "/certificates", ""},
				{"GET", "/certificates/" + c.Serial, ""},
				{"POST", "/certificates/" + c.Serial + "/revoke", `{"reason":"unspecified"}`},
			} {
				status, code := d.call(test.client, q.method, q.path, q.body, nil)
				if code != test.code || (code == "") != (status == 200) || code != "" && status != 403 {
					t.Errorf("%s %s: %d %q, want %q", q.method, q.path, status, code, test.code)
				}
			}
			if now := reload(t, d.Fixture, c.Serial); (now.Revoked != nil) != (test.code == "") {
				t.Errorf("revoked: %+v", now.Revoked)
			}
		})
	}
}

func TestACertificateOfAnotherAuthorityDoesNotPassTheListener(t *testing.T) {
	d := newDesk(t)
	stranger := catest.New(t, nil)
	k := stranger.SigningKey(t, "operator", ca.Service{Profile: ca.OperatorAuth, CommonName: "registrar"})
	r, err := http.NewRequestWithContext(t.Context(), "GET", d.url+"/api/v1/certificates", nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := d.client(&k).Do(r); err == nil {
		res.Body.Close()
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestTheRegisterListsShowsAndRevokes(t *testing.T) {
	d := newDesk(t)
	registrar := d.operator("registrar", ca.RoleRegistrar)
	_, c := d.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	_, csr := catest.NewKey(t)
	if _, err := failing(t, d.Fixture, time.Now).Issue(t.Context(), tlsOrder("pending", csr)); !errors.Is(err, fault.Unavailable) {
		t.Fatal(err)
	}
	pending, err := d.ByRequest(t.Context(), "pending")
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Certificates []shown }
	for after, n := "", 0; ; n++ {
		var page struct{ Certificates []shown }
		if status, code := d.call(registrar, "GET", "/certificates?limit=1&after="+after, "", &page); status != 200 {
			t.Fatal(status, code)
		}
		if len(page.Certificates) == 0 {
			break
		}
		list.Certificates = append(list.Certificates, page.Certificates...)
		after = page.Certificates[0].Serial
	}
	if len(list.Certificates) != 4 || list.Certificates[0].PEM != "" { // the listener's, the registrar's, one, pending
		t.Errorf("%d certificates", len(list.Certificates))
	}
	var one shown
	for _, written := range []string{c.Serial, strings.ToUpper(c.Serial), "0" + strings.ToUpper(c.Serial)} {
		if status, code := d.call(registrar, "GET", "/certificates/"+written, "", &one); status != 200 || one.Serial != c.Serial {
			t.Errorf("%s: %d %s, %s", written, status, code, one.Serial)
		}
	}
	if block, _ := pem.Decode([]byte(one.PEM)); block == nil || !bytes.Equal(block.Bytes, c.DER) {
		t.Errorf("PEM %q", one.PEM)
	}
	var half shown
	if status, _ := d.call(registrar, "GET", "/certificates/"+pending.Serial, "", &half); status != 200 || half.State != "pending" || half.PEM != "" {
		t.Errorf("pending: %d, %+v", status, half)
	}
	for _, q := range []struct {
		name, path, body string
		status           int
		code             string
	}{
		{"no reason that there is", c.Serial, `{"reason":"boredom"}`, 422, "reason_unknown"},
		{"a serial that nobody has", "1ab", `{"reason":"unspecified"}`, 404, "certificate_unknown"},
		{"no serial", "xyz", `{"reason":"unspecified"}`, 422, "serial_malformed"},
		{"a certificate of the service itself, still being issued", pending.Serial, `{"reason":"unspecified"}`, 403, "plan_needed"},
	} {
		if status, code := d.call(registrar, "POST", "/certificates/"+q.path+"/revoke", q.body, nil); status != q.status || code != q.code {
			t.Errorf("%s: %d %s, want %d %s", q.name, status, code, q.status, q.code)
		}
	}
	for range 2 {
		var now shown
		status, code := d.call(registrar, "POST", "/certificates/"+strings.ToUpper(c.Serial)+"/revoke", `{"reason":"privilegeWithdrawn"}`, &now)
		if status != 200 || now.Reason != "privilegeWithdrawn" || now.By != "operator:registrar" || now.RevokedAt.IsZero() {
			t.Errorf("%d %s, %+v", status, code, now)
		}
	}
}

func rootsOf(f *catest.Fixture) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(f.Hierarchy.Root)
	return pool
}

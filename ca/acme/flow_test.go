package acme_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	client "golang.org/x/crypto/acme"

	"mohr/ca"
	"mohr/internal/fault"
)

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// signsIn reports whether a TLS server that asks for certificates of ours lets
// the client in.
func (w *world) signsIn(t testing.TB, cert tls.Certificate) error {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(w.Hierarchy.Root)
	own := w.SigningKey(t, "tls", ca.Service{Profile: ca.ServiceTLS, CommonName: "localhost", DNSNames: []string{"localhost"}, IPs: []string{"127.0.0.1"}})
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate(own)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	result := make(chan error, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			result <- err
			return
		}
		defer conn.Close()
		result <- conn.(*tls.Conn).Handshake()
	}()
	conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}})
	if err == nil {
		io.Copy(io.Discard, conn)
		conn.Close()
	}
	return <-result
}

func TestAMerchantsServerGetsItsCertificate(t *testing.T) {
	w := newWorld(t)
	c := w.account(t)
	key := newECKey(t)
	order, chain, err := obtain(t.Context(), c, csrFor(t, key, shop, otherShop), shop, otherShop)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{shop, otherShop}, leaf.DNSNames); diff != "" || leaf.IsCA || leaf.Subject.CommonName != shop {
		t.Errorf("names %s, CA %v, subject %v", diff, leaf.IsCA, leaf.Subject)
	}
	if leaf.KeyUsage != x509.KeyUsageDigitalSignature || !slices.Equal(leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}) || !key.PublicKey.Equal(leaf.PublicKey) {
		t.Errorf("key usage %v, extended %v", leaf.KeyUsage, leaf.ExtKeyUsage)
	}
	record, err := w.Certificate(t.Context(), ca.SerialText(leaf.SerialNumber))
	if err != nil || record.Business != w.business || record.Issuer != ca.AuthIssuer || !strings.HasPrefix(record.Request, "acme/a-") {
		t.Errorf("record %+v, %v", record, err)
	}
	if err := w.signsIn(t, tls.Certificate{Certificate: chain, PrivateKey: key}); err != nil {
		t.Errorf("the certificate does not sign in: %v", err)
	}
	for _, u := range order.AuthzURLs {
		z, err := c.GetAuthorization(t.Context(), u)
		if err != nil || z.Status != client.StatusValid || z.Identifier.Type != "dns" {
			t.Errorf("authorization %+v, %v", z, err)
		}
	}
	again, err := c.GetOrder(t.Context(), order.URI)
	if err != nil || again.Status != client.StatusValid || again.CertURL == "" || !again.NotBefore.IsZero() {
		t.Errorf("order %+v, %v", again, err)
	}
}

func TestAnOrderFinalizedTwiceHasOneCertificate(t *testing.T) {
	w := newWorld(t)
	c := w.account(t)
	csr := csrFor(t, newECKey(t), shop)
	order, first, err := obtain(t.Context(), c, csr, shop)
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := c.CreateOrderCert(t.Context(), order.FinalizeURL, csr, true)
	if err != nil || !slices.Equal(first[0], second[0]) {
		t.Errorf("the second time: %v", err)
	}
	_, _, err = c.CreateOrderCert(t.Context(), order.FinalizeURL, csrFor(t, newECKey(t), shop), true)
	if got := problemType(err); got != "orderNotReady" {
		t.Errorf("another key for the same order: %v", err)
	}
}

func problemType(err error) string {
	var e *client.Error
	if !errors.As(err, &e) {
		return ""
	}
	return strings.TrimPrefix(e.ProblemType, "urn:ietf:params:acme:error:")
}

func TestACertificateIsRevokedByItsAccountOrItsKey(t *testing.T) {
	w := newWorld(t)
	c := w.account(t)
	for _, test := range []struct {
		name   string
		byKey  bool
		reason client.CRLReasonCode
		want   ca.Reason
	}{
		{"by the account", false, client.CRLReasonSuperseded, ca.Superseded},
		{"by the certificate's key, which leaked", true, client.CRLReasonKeyCompromise, ca.KeyCompromise},
	} {
		t.Run(test.name, func(t *testing.T) {
			key := newECKey(t)
			_, chain, err := obtain(t.Context(), c, csrFor(t, key, shop), shop)
			if err != nil {
				t.Fatal(err)
			}
			leaf, _ := x509.ParseCertificate(chain[0])
			by, signer := c, *key
			if test.byKey {
				by = w.stranger(t)
				if err := by.RevokeCert(t.Context(), nil, chain[0], test.reason); err == nil {
					t.Error("revoked by a stranger")
				}
				err = by.RevokeCert(t.Context(), &signer, chain[0], test.reason)
			} else {
				err = by.RevokeCert(t.Context(), nil, chain[0], test.reason)
			}
			if err != nil {
				t.Fatal(err)
			}
			s, err := w.Standing(t.Context(), leaf)
			if err != nil || s.Record().Revoked == nil || s.Record().Revoked.Reason != test.want {
				t.Errorf("record %+v, %v", s.Record().Revoked, err)
			}
			if err := c.RevokeCert(t.Context(), nil, chain[0], test.reason); problemType(err) != "alreadyRevoked" && err != nil {
				t.Errorf("the second time: %v", err)
			}
			_, _, err = obtain(t.Context(), c, csrFor(t, key, shop), shop)
			if test.byKey && problemType(err) != "badCSR" || !test.byKey && err != nil {
				t.Errorf("the same key again: %v", err)
			}
		})
	}
}

func TestRevocationIsRefused(t *testing.T) {
	w := newWorld(t)
	c, other := w.account(t), w.account(t)
	_, chain, err := obtain(t.Context(), c, csrFor(t, newECKey(t), shop), shop)
	if err != nil {
		t.Fatal(err)
	}
	own := w.SigningKey(t, "tls", ca.Service{Profile: ca.ServiceTLS, CommonName: "localhost", DNSNames: []string{"localhost"}, IPs: []string{"127.0.0.1"}})
	for _, test := range []struct {
		name   string
		by     *client.Client
		der    []byte
		reason client.CRLReasonCode
		want   string
	}{
		{"by another account of the same business", other, chain[0], 0, "unauthorized"},
		{"for a reason of authorities", c, chain[0], client.CRLReasonCACompromise, "badRevocationReason"},
		{"as a suspension", c, chain[0], client.CRLReasonCertificateHold, "badRevocationReason"},
		{"of a certificate that is not of an order", c, own.Certificate.Raw, 0, "malformed"},
		{"of a holder's certificate", c, w.signer.Certificate.Raw, 0, "malformed"},
		{"of the root", c, w.Hierarchy.Root.Raw, 0, "malformed"},
		{"of no certificate", c, []byte("x"), 0, "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.by.RevokeCert(t.Context(), nil, test.der, test.reason); problemType(err) != test.want {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
	leaf, _ := x509.ParseCertificate(chain[0])
	if s, err := w.Standing(t.Context(), leaf); err != nil || !s.Good() {
		t.Errorf("standing %v, %v", s.Fault(), err)
	}
}

func TestTheDirectoryNamesThePortalAndNeverTheHostOfTheRequest(t *testing.T) {
	w := newWorld(t)
	req, err := http.NewRequest("GET", w.directory(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "evil.example"
	res, err := w.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got map[string]any
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	base := w.Portal() + "/acme/server-auth/"
	want := map[string]any{
		"newNonce": base + "new-nonce", "newAccount": base + "new-account", "newOrder": base + "new-order",
		"revokeCert": base + "revoke-cert", "keyChange": base + "key-change", "renewalInfo": base + "renewal-info", "meta": map[string]any{"externalAccountRequired": true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnAccountKnowsItsOrdersAndCanClose(t *testing.T) {
	w := newWorld(t)
	c := w.account(t)
	order, _, err := obtain(t.Context(), c, csrFor(t, newECKey(t), shop), shop)
	if err != nil {
		t.Fatal(err)
	}
	acc, err := c.GetReg(t.Context(), "")
	if err != nil || len(acc.Contact) != 0 {
		t.Fatalf("account %+v, %v", acc, err)
	}
	r := w.raw(t, c)
	res := r.post(t, acc.OrdersURL, nil)
	if want := `{"orders":["` + order.URI + `"]}`; res.status != 200 || res.body != want {
		t.Errorf("%d %s, want %s", res.status, res.body, want)
	}
	if err := c.DeactivateReg(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AuthorizeOrder(t.Context(), client.DomainIDs(shop)); problemType(err) != "unauthorized" {
		t.Errorf("an order of a closed account: %v", err)
	}
}

func TestARegisteredKeyIsFoundAgain(t *testing.T) {
	w := newWorld(t)
	c := w.account(t)
	again := &client.Client{Key: c.Key, HTTPClient: w.http, DirectoryURL: w.directory()}
	g := w.newKey(t)
	acc, err := again.Register(t.Context(), &client.Account{ExternalAccountBinding: &client.ExternalAccountBinding{KID: g.KID, Key: secretOf(t, g)}}, client.AcceptTOS)
	if !errors.Is(err, client.ErrAccountAlreadyExists) || again.KID != c.KID {
		t.Fatalf("%+v, %v", acc, err)
	}
	if _, _, err := obtain(t.Context(), again, csrFor(t, newECKey(t), shop), shop); err != nil {
		t.Error(err)
	}
}

func TestOldOrdersAreForgottenAndTheirCertificatesAreNot(t *testing.T) {
	w := newWorld(t)
	c := w.account(t)
	order, chain, err := obtain(t.Context(), c, csrFor(t, newECKey(t), shop), shop)
	if err != nil {
		t.Fatal(err)
	}
	done, err := c.GetOrder(t.Context(), order.URI)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		want int
	}{{"while it lives", 0}, {"two days later", 1}, {"again", 0}} {
		if n, err := w.desk.Prune(t.Context()); n != test.want || err != nil {
			t.Errorf("%s: forgot %d, want %d, %v", test.name, n, test.want, err)
		}
		if test.want == 0 {
			w.clock.move(49 * time.Hour)
		}
	}
	if _, err := c.GetOrder(t.Context(), order.URI); err == nil {
		t.Error("the order is still there")
	}
	if got, err := c.FetchCert(t.Context(), done.CertURL, true); err != nil || !slices.Equal(got[0], chain[0]) {
		t.Errorf("its certificate: %v", err)
	}
	if err := c.RevokeCert(t.Context(), nil, chain[0], client.CRLReasonUnspecified); err != nil {
		t.Error(err)
	}
}

func TestACertificateThatWasNotIssuedHereDoesNotSignIn(t *testing.T) {
	w, foreign := newWorld(t), newWorld(t)
	key := newECKey(t)
	_, chain, err := obtain(t.Context(), foreign.account(t), csrFor(t, key, shop), shop)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.signsIn(t, tls.Certificate{Certificate: chain, PrivateKey: key}); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("signed in: %v", err)
	}
	leaf, _ := x509.ParseCertificate(chain[0])
	if _, err := w.Standing(t.Context(), leaf); fault.Code(err) != "certificate_foreign" {
		t.Errorf("standing: %v", err)
	}
}

package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"golang.org/x/crypto/acme"

	mohr "mohr/cmd/mohr/client"
	"mohr/hsm"
	"mohr/hsm/attest"
	"mohr/internal/pkitest"
)

// acmeAccess is what an applicant gets for an ACME client.
type acmeAccess struct {
	Directory string `json:"directory"`
	KID       string `json:"kid"`
	HMACKey   string `json:"hmac_key"`
}

// attested brings an application for the key at uri to its approval.
func (s *running) attested(t *testing.T, uri string) *application {
	t.Helper()
	a := s.apply(t, davood, "")
	a.device = &mohr.Device{Ring: s.ring, URI: uri}
	var opened applicationState
	s.anyone.done(t, post("/api/v1/applications", "", map[string]any{"person": davood, "profile": a.profile, "locale": a.locale, "key_home": "token"}), 201, &opened)
	a.id, a.token, a.api.token = opened.ID, opened.Token, opened.Token
	for state := a.state(t); state.Needs[0] != "csr"; state = a.state(t) {
		if err := a.step(t.Context(), state.Needs[0], state.Terms); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// acmeAccount binds an ACME account to an application.
func (s *running) acmeAccount(t *testing.T, a *application, access acmeAccess) (*acme.Client, error) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := base64.RawURLEncoding.DecodeString(access.HMACKey)
	if err != nil {
		t.Fatal(err)
	}
	c := &acme.Client{Key: key, HTTPClient: s.anyone.http, DirectoryURL: access.Directory}
	_, err = c.Register(t.Context(), &acme.Account{ExternalAccountBinding: &acme.ExternalAccountBinding{KID: access.KID, Key: secret}}, acme.AcceptTOS)
	return c, err
}

func (s *running) acmeAccess(t *testing.T, a *application) (access acmeAccess) {
	t.Helper()
	s.anyone.done(t, get(a.path("/acme"), a.token), 200, &access)
	return access
}

// answered answers device-attest-01 with what certify makes of the key
// authorization's digest, and returns the order.
func answered(ctx context.Context, c *acme.Client, id string, certify func(digest []byte) (attest.Certification, error)) (*acme.Order, error) {
	o, err := c.AuthorizeOrder(ctx, []acme.AuthzID{{Type: "permanent-identifier", Value: id}})
	if err != nil {
		return nil, err
	}
	z, err := c.GetAuthorization(ctx, o.AuthzURLs[0])
	if err != nil {
		return nil, err
	}
	ch := z.Challenges[0]
	authorization, err := c.HTTP01ChallengeResponse(ch.Token) // the key authorization
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(authorization))
	said, err := certify(sum[:])
	if err != nil {
		return nil, err
	}
	object, err := cbor.Marshal(map[string]any{"fmt": "tpm", "attStmt": map[string]any{
		"ver": "2.0", "alg": -7, "x5c": [][]byte{}, "sig": said.Signature, "certInfo": said.Info, "pubArea": said.Key,
	}})
	if err != nil {
		return nil, err
	}
	if ch.Payload, err = json.Marshal(map[string]string{"attObj": base64.RawURLEncoding.EncodeToString(object)}); err != nil {
		return nil, err
	}
	if _, err := c.Accept(ctx, ch); err != nil {
		return nil, err
	}
	if _, err := c.WaitAuthorization(ctx, o.AuthzURLs[0]); err != nil {
		return nil, err
	}
	return c.WaitOrder(ctx, o.URI)
}

func deviceCSR(t *testing.T, id string, signer crypto.Signer) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: id}}, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestADeviceEnrollsByACME: device-attest-01 with a usual ACME client, bound
// to an approved application, and what is refused on the way.
func TestADeviceEnrollsByACME(t *testing.T) {
	t.Parallel()
	maker := pkitest.NewTPMMaker(t)
	s := startService(t, "", believing(t, maker))
	mine, other := hsm.KeyURI(maker.TPM().Base, "holder"), hsm.KeyURI(maker.TPM().Base, "holder")
	for _, uri := range []string{mine, mine + "-2", other} {
		if _, err := s.ring.Create(t.Context(), uri, hsm.P256); err != nil {
			t.Fatal(err)
		}
	}
	certify := func(uri string) func([]byte) (attest.Certification, error) {
		return func(digest []byte) (attest.Certification, error) { return s.ring.Certify(t.Context(), uri, digest) }
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	refused := func(what string, err error, code string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v, want %q", what, err, code)
		}
	}

	early := s.apply(t, davood, "")
	if got := s.anyone.send(t, get(early.path("/acme"), early.token)); got.status != 403 {
		t.Errorf("an application that is not approved: %d %s", got.status, got.body)
	}
	a, b := s.attested(t, mine), s.attested(t, other)
	access, foreign := s.acmeAccess(t, a), s.acmeAccess(t, b)
	wrong := access
	wrong.HMACKey = foreign.HMACKey
	_, err := s.acmeAccount(t, a, wrong)
	refused("another application's external account key", err, "binding")
	elsewhere := access
	elsewhere.Directory = strings.Replace(access.Directory, "natural-sign", "natural-auth", 1)
	_, err = s.acmeAccount(t, a, elsewhere)
	refused("the directory of another profile", err, "natural-sign")
	c, err := s.acmeAccount(t, a, access)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.acmeAccount(t, a, access)
	refused("a second account for the application", err, "has bound an account")
	_, err = c.AuthorizeOrder(ctx, []acme.AuthzID{{Type: "permanent-identifier", Value: b.id}})
	refused("an order for another application", err, "another application")
	_, err = c.AuthorizeOrder(ctx, acme.DomainIDs("shop.example"))
	refused("an order for a domain", err, "permanent-identifier")

	_, err = answered(ctx, c, a.id, certify(other))
	refused("another TPM's attestation key", err, "not signed by the attestation key")
	_, err = answered(ctx, c, a.id, certify(mine+"-2"))
	refused("another key of the same TPM", err, "another key than before")
	_, err = answered(ctx, c, a.id, func([]byte) (attest.Certification, error) { return certify(mine)(make([]byte, 32)) })
	refused("a certification over something else", err, "another challenge")
	_, err = answered(ctx, c, a.id, func([]byte) (attest.Certification, error) {
		return attest.Certification{Key: []byte{0, 0x23}, Info: []byte{1}, Signature: []byte{0, 0x18}}, nil
	})
	refused("ECDSA-tagged garbage", err, "not well-formed")

	pending, err := c.AuthorizeOrder(ctx, []acme.AuthzID{{Type: "permanent-identifier", Value: a.id}})
	if err != nil || pending.Status != acme.StatusPending {
		t.Fatalf("%v, %+v", err, pending)
	}
	signer, err := s.ring.Signer(ctx, mine)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.CreateOrderCert(ctx, pending.FinalizeURL, deviceCSR(t, a.id, signer), true)
	refused("an order whose challenge was not met", err, "orderNotReady")
	o, err := answered(ctx, c, a.id, certify(mine))
	if err != nil {
		t.Fatal(err)
	}
	soft, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.CreateOrderCert(ctx, o.FinalizeURL, deviceCSR(t, a.id, soft), true)
	refused("a software key's CSR", err, "badCSR")
	chain, _, err := c.CreateOrderCert(ctx, o.FinalizeURL, deviceCSR(t, a.id, signer), true)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(cert.PolicyIdentifiers) != 1 || cert.PolicyIdentifiers[0].String() != "2.999.1.1.2" || cert.Subject.SerialNumber != "PNOIR-"+davood.NationalCode || len(cert.DNSNames) != 0 {
		t.Errorf("policies %v, subject %s", cert.PolicyIdentifiers, cert.Subject)
	}
	if state := a.state(t); state.Stage != "issued" {
		t.Errorf("the application is %s", state.Stage)
	}
}

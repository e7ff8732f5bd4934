package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"path/filepath"
	"testing"

	"mohr/ca"
	"mohr/hsm"
	"mohr/internal/store"
)

func (p *parted) client(t *testing.T) *client {
	t.Helper()
	c, err := serverFlags{server: p.portalURL(), root: filepath.Join(p.dir, "ca", "root.pem")}.dial(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// applying is an application that stops where only the key is missing.
func (p *parted) applying(who applicant) (*applying, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	csr, err := csrFor(key)
	if err != nil {
		return nil, nil, err
	}
	api, err := serverFlags{server: p.portalURL(), root: filepath.Join(p.dir, "ca", "root.pem")}.dial(nil)
	a := &applying{api: api, profile: ca.NaturalSign, locale: "fa", csr: csr, say: func(string, ...any) {}, stopAt: "csr"}
	a.ask = func(string) (string, error) {
		return outboxCode(context.Background(), &client{base: p.registry.URL}, "/v1/sms", who.Mobile)
	}
	return a, key, err
}

// approve takes a new application to the point where only the key is missing.
func (p *parted) approve(t *testing.T, who applicant) *applying {
	t.Helper()
	a, _, err := p.applying(who)
	if err == nil {
		_, err = a.run(t.Context(), who)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// certify makes who applies a holder, and whom the tests' helpers take for one's service.
func (p *parted) certify(t *testing.T, who applicant) (*running, *holder) {
	t.Helper()
	a, key, err := p.applying(who)
	if err == nil {
		_, err = a.run(t.Context(), who)
	}
	if err != nil {
		t.Fatal(err)
	}
	cert, err := a.issue(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	s := &running{dir: t.TempDir(), ring: hsm.Open(hsm.Config{}), anyone: p.client(t)}
	t.Cleanup(func() { s.ring.Close() })
	return s, &holder{ca.SigningKey{Certificate: cert, Signer: key}}
}

// records reads the database that all nodes share.
func (p *parted) records(t *testing.T, fn func(store.Tx) error) {
	t.Helper()
	s, err := store.OpenPostgres(context.Background(), p.database)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// oneEach checks that every application has exactly the certificate that was
// handed out for it, and that nothing waits.
func (p *parted) oneEach(t *testing.T, want map[string]*x509.Certificate) {
	t.Helper()
	found := map[string]int{}
	p.records(t, func(tx store.Tx) error {
		clear(found)
		err := store.Each(tx, "ca_certificates", "", "", func(serial string, c ca.Certificate) error {
			cert := want[c.Request]
			if cert == nil {
				return nil
			}
			found[c.Request]++
			if c.State != ca.Issued || !bytes.Equal(c.DER, cert.Raw) {
				t.Errorf("certificate %s is %s, or not the one that was handed out", serial, c.State)
			}
			return nil
		})
		return errors.Join(err, tx.Scan("ca_pending", "", "", func(serial string, _ []byte) error {
			t.Errorf("%s still waits", serial)
			return nil
		}))
	})
	for id := range want {
		if found[id] != 1 {
			t.Errorf("%d certificates for application %s", found[id], id)
		}
	}
}

package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"mohr/ca"
	"mohr/ca/ceremony"
	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// ground is what all rooms stand on: store, keys, authority, log.
type ground struct {
	config Config
	log    *slog.Logger
	store  store.Store
	ring   *hsm.Keyring
	box    *seal.Box
	root   *x509.Certificate
	ca     *ca.Authority
	ledger *ledger.Log
	nonces *nonce.Source

	tls                       atomic.Pointer[tls.Certificate] // as listeners show it
	stamps, audit, credential ca.SigningKey
}

// openGround opens store and keys and makes, at the first start, what is
// missing: keys, hierarchy, the service's own certificates.
func openGround(ctx context.Context, c Config, log *slog.Logger) (g *ground, err error) {
	if err := os.MkdirAll(filepath.Join(c.Data, "keys"), 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := checkWhole(c.Data); err != nil {
		return nil, err
	}
	g = &ground{config: c, log: log, ring: hsm.Open(hsm.Config{Log: log})}
	if g.store, err = store.OpenBolt(filepath.Join(c.Data, "mohr.db")); err != nil {
		g.ring.Close()
		return nil, err
	}
	for _, step := range []func(context.Context) error{g.openSecret, g.openAuthority, g.openLedger, g.openServiceKeys, g.writePublic} {
		if err := step(ctx); err != nil {
			g.close()
			return nil, err
		}
	}
	return g, nil
}

// checkWhole refuses a data directory that has keys and no store: going on
// would begin a second register and a second log under the keys of the first.
func checkWhole(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "mohr.db")); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	keys, err := filepath.Glob(filepath.Join(dir, "keys", "*.pem"))
	if err == nil && len(keys) > 0 {
		err = fmt.Errorf("%s has keys, but its store mohr.db is missing: restore it from a backup, or move the directory away to begin anew", dir)
	}
	return err
}

func (g *ground) close() { errors.Join(g.store.Close(), g.ring.Close()) }

// key opens the key of a purpose where the service's keys live, making it at
// the first use. A key that was in use and is lost, or is another now, is an
// error: a new one in its place would stand under certificates of the old.
func (g *ground) key(ctx context.Context, purpose string) (crypto.Signer, error) {
	const bucket = "ground_keys" // purpose -> hex SHA-256 of the public key
	var known string
	err := g.store.View(ctx, func(tx store.Tx) (err error) {
		known, err = store.Load[string](tx, bucket, purpose)
		return err
	})
	uri := hsm.KeyURI(g.config.Keys, purpose)
	if err == nil {
		return g.knownKey(ctx, uri, known)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	s, err := openOrCreate(ctx, g.ring, uri)
	if err != nil {
		return nil, err
	}
	sum, err := publicSum(s)
	if err != nil {
		return nil, err
	}
	return s, g.store.Update(ctx, func(tx store.Tx) error { return store.Save(tx, bucket, purpose, sum) })
}

// knownKey opens a key that was in use before.
func (g *ground) knownKey(ctx context.Context, uri, known string) (crypto.Signer, error) {
	s, err := g.ring.Signer(ctx, uri)
	if errors.Is(err, fault.NotFound) {
		return nil, fmt.Errorf("%w; it was in use here: restore it, nothing is made in its place", err)
	}
	if err != nil {
		return nil, err
	}
	sum, err := publicSum(s)
	if err == nil && sum != known {
		return nil, fmt.Errorf("%s is not the key that was in use here: restore that one", uri)
	}
	return s, err
}

// publicSum is the hex SHA-256 of the public key.
func publicSum(s crypto.Signer) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(s.Public())
	return sha256Hex(der), err
}

func openOrCreate(ctx context.Context, ring *hsm.Keyring, uri string) (crypto.Signer, error) {
	s, err := ring.Signer(ctx, uri)
	if errors.Is(err, fault.NotFound) {
		return ring.Create(ctx, uri, hsm.P256)
	}
	return s, err
}

func (g *ground) openSecret(ctx context.Context) error {
	secret, err := g.ring.Secret(ctx, g.config.Secret)
	if err != nil {
		return err
	}
	if g.box, err = seal.New(secret); err != nil {
		return err
	}
	g.nonces = &nonce.Source{Key: g.box.Derive("nonce")}
	return g.checkSecret(ctx)
}

// checkSecret refuses a secret that is not the one this store was begun with:
// what is sealed could not be read, and people would get other ids.
func (g *ground) checkSecret(ctx context.Context) error {
	const bucket, key = "ground", "secret"
	mark := g.box.Index(bucket, key, "")
	var had string
	err := g.store.Update(ctx, func(tx store.Tx) (err error) {
		had, err = store.Load[string](tx, bucket, key)
		if errors.Is(err, store.ErrNotFound) {
			had = mark
			return store.Save(tx, bucket, key, mark)
		}
		return err
	})
	if err == nil && had != mark {
		return fmt.Errorf("the secret at %s is not the one that the store in %s was begun with; restore it", g.config.Secret, g.config.Data)
	}
	return err
}

// node returns this node's name, made at the first start: a node that starts
// again takes its old leases at once.
func (g *ground) node() (string, error) {
	file := filepath.Join(g.config.Data, "node")
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		b = []byte("node-" + randomID()[:8])
		err = os.WriteFile(file, b, 0o600)
	}
	return strings.TrimSpace(string(b)), err
}

func (g *ground) openAuthority(ctx context.Context) error {
	h, err := ceremony.Open(ctx, g.ceremony())
	if err != nil {
		return fmt.Errorf("hierarchy: %w", err)
	}
	g.root = h.Root
	g.ca, err = ca.New(ca.Config{
		Store: g.store, Log: g.log, Root: h.Root, Issuers: h.Issuers,
		Publish: g.config.Publish, Portal: g.config.Portal,
		HolderKey: g.box.Derive("holder"), Simulated: !g.config.Production,
	})
	return err
}

// ceremony is what a ceremony on this ground needs.
func (g *ground) ceremony() ceremony.Config {
	return ceremony.Config{Store: g.store, Key: g.key, Publish: g.config.Publish, Name: g.config.Name}
}

func (g *ground) openLedger(ctx context.Context) error {
	signer, err := g.key(ctx, "checkpoint")
	if err != nil {
		return fmt.Errorf("checkpoint key: %w", err)
	}
	portal, err := url.Parse(g.config.Portal)
	if err != nil {
		return fmt.Errorf("portal address: %w", err)
	}
	g.ledger, err = ledger.New(ledger.Config{Store: g.store, Signer: signer, Origin: portal.Hostname() + "/log", Log: g.log})
	return err
}

func (g *ground) openServiceKeys(ctx context.Context) (err error) {
	if err := g.renewTLS(ctx); err != nil {
		return err
	}
	if g.stamps, err = g.stampKey(ctx); err != nil {
		return err
	}
	if g.audit, err = g.serviceKey(ctx, "audit", ca.Service{Profile: ca.Audit, CommonName: g.config.Name + " Audit"}); err != nil {
		return err
	}
	g.credential, err = g.serviceKey(ctx, "credential", ca.Service{Profile: ca.Credential, CommonName: g.config.Name + " Credentials"})
	return err
}

// serviceKey opens the key of a purpose with a current certificate.
func (g *ground) serviceKey(ctx context.Context, purpose string, s ca.Service) (ca.SigningKey, error) {
	signer, err := g.key(ctx, purpose)
	if err != nil {
		return ca.SigningKey{}, fmt.Errorf("%s key: %w", purpose, err)
	}
	return g.ca.SigningKey(ctx, signer, s)
}

// stampKey returns the time-stamping unit's key.
func (g *ground) stampKey(ctx context.Context) (ca.SigningKey, error) {
	return g.serviceKey(ctx, "time-stamping", ca.Service{Profile: ca.TimeStamping, CommonName: g.config.Name + " Time Stamping Unit"})
}

// responder returns the OCSP responder's key for an issuing CA.
func (g *ground) responder(ctx context.Context, issuer ca.IssuerID) (ca.SigningKey, error) {
	return g.serviceKey(ctx, "ocsp-"+string(issuer), ca.Service{Profile: ca.OCSPResponder, CommonName: "OCSP " + string(issuer), Issuer: issuer})
}

// renewTLS is a job: listeners show a current certificate from now on.
func (g *ground) renewTLS(ctx context.Context) error {
	portal, err := url.Parse(g.config.Portal)
	if err != nil {
		return fmt.Errorf("portal address: %w", err)
	}
	k, err := g.serviceKey(ctx, "tls", ca.Service{Profile: ca.ServiceTLS, CommonName: portal.Hostname(), DNSNames: []string{portal.Hostname()}, IPs: []string{"127.0.0.1", "::1"}})
	if err != nil {
		return err
	}
	chain := &tls.Certificate{PrivateKey: k.Signer, Leaf: k.Certificate, Certificate: [][]byte{k.Certificate.Raw}}
	for _, c := range k.Chain {
		chain.Certificate = append(chain.Certificate, c.Raw)
	}
	g.tls.Store(chain)
	return nil
}

// addressFile keeps the base URLs that certificates carry, for commands that
// open the data of a stopped service.
const addressFile = "addresses"

// writePublic puts what users of the service need to trust it beside its data.
func (g *ground) writePublic(context.Context) error {
	for name, content := range map[string][]byte{
		addressFile: []byte(g.config.Publish + " " + g.config.Portal + "\n"),
		"root.pem":  chainPEM(g.root),
		"log.vkey":  []byte(g.ledger.VerifierKey() + "\n"),
	} {
		if err := os.WriteFile(filepath.Join(g.config.Data, name), content, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// tlsConfig is that of the portal; ask says whether clients may show a
// certificate.
func (g *ground) tlsConfig(ask bool) *tls.Config {
	conf := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return g.tls.Load(), nil },
	}
	if ask {
		conf.ClientAuth = tls.VerifyClientCertIfGiven
		conf.ClientCAs = x509.NewCertPool()
		conf.ClientCAs.AddCert(g.root)
	}
	return conf
}

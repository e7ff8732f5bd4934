package service

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"mohr/ca"
	"mohr/ca/ceremony"
	"mohr/ca/ceremony/plan"
	"mohr/ca/custody"
	"mohr/ca/narrow"
	"mohr/hsm"
	"mohr/internal/clock"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Ground is what all rooms stand on: store, keys, authority, log. One process
// at a time opens the ground of a data directory.
type Ground struct {
	Config  Config
	Log     *slog.Logger
	Store   store.Store
	Ring    *hsm.Keyring
	Root    *x509.Certificate
	CA      *ca.Authority
	Ledger  *ledger.Log
	Custody *custody.Register
	Clock   *clock.Guard
	box     *seal.Box
	nonces  *nonce.Source

	tls               atomic.Pointer[tls.Certificate] // as listeners show it
	stamps            ca.SigningKey                   // at the start; the unit has the current one
	audit, credential current
	cmp, scep         current // scep: empty where it is not offered

	// Where the work of issuing is divided (narrow.go).
	issuing atomic.Pointer[tls.Certificate] // of the listener for callers
	signed  store.Store                     // what was signed; nil: this node signs for nobody
	judge   atomic.Pointer[narrow.Judge]
	asks    atomic.Pointer[narrow.Client]
}

// Open opens store and keys and makes, at the first start, what is
// missing: keys, hierarchy, the service's own certificates.
func Open(ctx context.Context, c Config, log *slog.Logger) (g *Ground, err error) {
	if err := os.MkdirAll(filepath.Join(c.Data, "keys"), 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	g = &Ground{Config: c, Log: log, Ring: hsm.Open(hsm.Config{Log: log})}
	if g.Store, err = c.openStore(ctx); err != nil {
		g.Ring.Close()
		return nil, err
	}
	for _, step := range []func(context.Context) error{g.openClock, g.openCustody, g.openSecret, g.openAuthority, g.openLedger, g.openServiceKeys, g.writePublic} {
		if err := step(ctx); err != nil {
			g.Close()
			return nil, err
		}
	}
	return g, nil
}

// Close gives store and keys back.
func (g *Ground) Close() {
	if g.signed != nil {
		g.signed.Close()
	}
	errors.Join(g.Store.Close(), g.Ring.Close())
}

// fixed says why a purpose keeps its key for life.
func (c *Config) fixed(purpose string) string {
	switch {
	case c.keyless():
		return "its certificate is made where the issuing keys are; rotate it there and bring the key here"
	case plan.IsRootID(purpose):
		return "a root ends in a ceremony that makes its successor"
	case purpose == "checkpoint":
		return "it names the public log, a new one begins a new log"
	case slices.ContainsFunc([]string{"sign-", "auth-", "service-"}, func(p string) bool { return strings.HasPrefix(purpose, p) }):
		return "an issuing authority gets a new key with a new certificate, in a ceremony"
	}
	return ""
}

// key opens the key that serves a purpose, making it at the first use. Where
// no certificate for it could be made it is not made either.
func (g *Ground) key(ctx context.Context, purpose string) (crypto.Signer, error) {
	if g.Config.keyless() {
		k, err := g.Custody.Find(ctx, purpose)
		if errors.Is(err, fault.NotFound) {
			err = fmt.Errorf("%w; copy the key %s to this node, or name its token in keys", err, purpose)
		}
		return k, err
	}
	return g.Custody.Signer(ctx, purpose, hsm.P256)
}

// sum is the hex SHA-256 of b.
func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func openOrCreate(ctx context.Context, ring *hsm.Keyring, uri string) (crypto.Signer, error) {
	s, err := ring.Signer(ctx, uri)
	if errors.Is(err, fault.NotFound) {
		return ring.Create(ctx, uri, hsm.P256)
	}
	return s, err
}

func (g *Ground) openClock(ctx context.Context) (err error) {
	g.Clock, err = clock.New(ctx, clock.Config{Store: g.Store, References: g.Config.TimeReferences, Log: g.Log})
	return err
}

func (g *Ground) openCustody(context.Context) error {
	c := &g.Config
	g.Custody = custody.New(custody.Config{Now: g.Clock.Time, Store: g.Store, Ring: g.Ring, Home: c.Keys, Former: c.FormerKeys, Fixed: c.fixed, Log: g.Log})
	return nil
}

func (g *Ground) openSecret(ctx context.Context) error {
	secret, err := g.Ring.Secret(ctx, g.Config.Secret)
	if err != nil {
		return err
	}
	if g.box, err = seal.New(secret); err != nil {
		return err
	}
	g.nonces = &nonce.Source{Now: g.Clock.Time, Key: g.box.Derive("nonce")}
	return g.checkSecret(ctx)
}

// The mark of the service secret that a store was begun with.
const groundBucket, secretKey = "ground", "secret"

// checkSecret refuses a secret that is not the one this store was begun with:
// what is sealed could not be read, and people would get other ids.
func (g *Ground) checkSecret(ctx context.Context) error {
	mark := g.box.Index(groundBucket, secretKey, "")
	var had string
	err := g.Store.Update(ctx, func(tx store.Tx) (err error) {
		if err := store.Whole(tx); err != nil {
			return err
		}
		had, err = store.Load[string](tx, groundBucket, secretKey)
		if errors.Is(err, store.ErrNotFound) {
			had = mark
			return store.Save(tx, groundBucket, secretKey, mark)
		}
		return err
	})
	if err == nil && had != mark {
		return fmt.Errorf("the secret at %s is not the one that the store in %s was begun with; restore it", g.Config.Secret, g.Config.Data)
	}
	return err
}

// node returns this node's name, made at the first start: a node that starts
// again takes its old leases at once.
func (g *Ground) node() (string, error) {
	file := filepath.Join(g.Config.Data, "node")
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		b = []byte("node-" + strings.ToLower(rand.Text()[:8]))
		err = os.WriteFile(file, b, 0o600)
	}
	return strings.TrimSpace(string(b)), err
}

func (g *Ground) openAuthority(ctx context.Context) error {
	h, err := ceremony.Open(ctx, g.ceremony())
	if err != nil {
		return fmt.Errorf("hierarchy: %w", err)
	}
	apart, err := g.apart(ctx)
	if err != nil {
		return err
	}
	g.Root = h.Root
	g.CA, err = ca.New(ca.Config{
		Now: g.Clock.Time, Store: g.Store, Log: g.Log, Root: h.Root, Roots: h.Roots, Issuers: h.Issuers, Retired: h.Retired,
		Publish: g.Config.Publish, Portal: g.Config.Portal, Prefix: g.Config.SerialPrefix, IssuerOf: g.Config.IssuerOf, Clock: g.Clock.Check,
		HolderKey: g.box.Derive("holder"), Simulated: !g.Config.Production, Keyless: g.Config.keyless(), Apart: apart,
	})
	return err
}

// ceremony is what a ceremony on this ground needs.
func (g *Ground) ceremony() ceremony.Config {
	return ceremony.Config{
		Now: g.Clock.Time, Store: g.Store, Key: g.Custody.Signer, Keyless: g.Config.keyless(), Publish: g.Config.Publish, Name: g.Config.Name, Production: g.Config.Production,
		Find: g.Custody.Find, Makes: func(a hsm.Algorithm) bool { return hsm.Makes(g.Config.Keys, a) },
	}
}

func (g *Ground) openLedger(ctx context.Context) error {
	signer, err := g.key(ctx, "checkpoint")
	if err != nil {
		return fmt.Errorf("checkpoint key: %w", err)
	}
	portal, err := url.Parse(g.Config.Portal)
	if err != nil {
		return fmt.Errorf("portal address: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(g.Config.Witness), 0o700); err != nil {
		return fmt.Errorf("directory of the witness file: %w", err)
	}
	witness, err := g.witnessKey()
	if err != nil {
		return fmt.Errorf("second checkpoint key: %w", err)
	}
	g.Ledger, err = ledger.New(ledger.Config{
		Now: g.Clock.Time, Store: g.Store, Signer: signer, Second: witness, Witness: g.Config.Witness, Origin: portal.Hostname() + "/log", Log: g.Log,
	})
	return err
}

// witnessKey is the Ed25519 key of the log's second signature, which C2SP's
// witnesses check. Tokens make no such keys: it comes from the service secret,
// and nothing here relies on it.
func (g *Ground) witnessKey() (crypto.Signer, error) {
	seed := g.box.Derive("checkpoint-ed25519")
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("a seed of %d octets", len(seed))
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func (g *Ground) openServiceKeys(ctx context.Context) (err error) {
	if err := errors.Join(g.renewTLS(ctx), g.renewIssuing(ctx)); err != nil {
		return err
	}
	if g.stamps, err = g.stampKey(ctx); err != nil {
		return err
	}
	return g.renewSigners(ctx)
}

// current is a key that is renewed while the service serves.
type current struct{ atomic.Pointer[ca.SigningKey] }

// key returns the current key; there is one from the start on.
func (c *current) key() ca.SigningKey { return *c.Load() }

// renewSigners is a job: receipts, bundles, credentials, CMP and SCEP are signed by
// keys with current certificates.
func (g *Ground) renewSigners(ctx context.Context) error {
	var errs []error
	for _, s := range []struct {
		purpose, profile, name string
		to                     *current
	}{{"audit", ca.Audit, " Audit", &g.audit}, {"credential", ca.Credential, " Credentials", &g.credential}, {"cmp", ca.CMPResponder, " CMP", &g.cmp}} {
		k, err := g.serviceKey(ctx, s.purpose, ca.Service{Profile: s.profile, CommonName: g.Config.Name + s.name})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.to.Store(&k)
	}
	if err := g.renewSCEP(ctx); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// serviceKey opens the key of a purpose with a current certificate. A key
// that was reported as compromised is rotated: it gets no certificate any
// more, and the service goes on with a new one.
func (g *Ground) serviceKey(ctx context.Context, purpose string, s ca.Service) (ca.SigningKey, error) {
	k, err := g.certified(ctx, purpose, s)
	if fault.Code(err) != ca.KeyCompromised {
		return k, err
	}
	g.Log.WarnContext(ctx, "compromised key is rotated", "purpose", purpose)
	if _, err := g.Custody.Rotate(ctx, purpose, ""); err != nil {
		return ca.SigningKey{}, fmt.Errorf("%s key is compromised: %w", purpose, err)
	}
	return g.certified(ctx, purpose, s)
}

// certified opens the key that serves with a current certificate.
func (g *Ground) certified(ctx context.Context, purpose string, s ca.Service) (ca.SigningKey, error) {
	signer, err := g.key(ctx, purpose)
	if err != nil {
		return ca.SigningKey{}, fmt.Errorf("%s key: %w", purpose, err)
	}
	return g.CA.SigningKey(ctx, signer, s)
}

// stampKey returns the time-stamping unit's key.
func (g *Ground) stampKey(ctx context.Context) (ca.SigningKey, error) {
	return g.serviceKey(ctx, "time-stamping", ca.Service{Profile: ca.TimeStamping, CommonName: g.Config.Name + " Time Stamping Unit"})
}

// responder returns the OCSP responder's key for an issuing CA.
func (g *Ground) responder(ctx context.Context, issuer ca.IssuerID) (ca.SigningKey, error) {
	return g.serviceKey(ctx, responderPurpose(issuer), responderService(issuer))
}

// renewTLS is a job: listeners show a current certificate from now on.
func (g *Ground) renewTLS(ctx context.Context) error {
	portal, err := url.Parse(g.Config.Portal)
	if err != nil {
		return fmt.Errorf("portal address: %w", err)
	}
	k, err := g.serviceKey(ctx, "tls", ca.Service{Profile: ca.ServiceTLS, CommonName: portal.Hostname(), DNSNames: []string{portal.Hostname()}, IPs: []string{"127.0.0.1", "::1"}})
	if err != nil {
		return err
	}
	g.tls.Store(chainOf(k))
	return nil
}

// chainOf is a key as a listener shows it.
func chainOf(k ca.SigningKey) *tls.Certificate {
	chain := &tls.Certificate{PrivateKey: k.Signer, Leaf: k.Certificate, Certificate: [][]byte{k.Certificate.Raw}}
	for _, c := range k.Chain {
		chain.Certificate = append(chain.Certificate, c.Raw)
	}
	return chain
}

// addressFile keeps the base URLs that certificates carry, for commands that
// open the data of a stopped service.
const addressFile = "addresses"

// writePublic puts what users of the service need to trust it beside its data.
func (g *Ground) writePublic(context.Context) error {
	for name, content := range map[string][]byte{
		addressFile: []byte(g.Config.Publish + " " + g.Config.Portal + "\n"),
		"root.pem":  ca.ChainPEM(g.Root),
		"log.vkey":  []byte(g.Ledger.VerifierKey() + "\n"),
	} {
		if err := os.WriteFile(filepath.Join(g.Config.Data, name), content, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// tlsConfig is that of the portal; ask says whether clients may show a
// certificate.
func (g *Ground) tlsConfig(ask bool) *tls.Config {
	conf := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return g.tls.Load(), nil },
	}
	if ask {
		conf.ClientAuth = tls.VerifyClientCertIfGiven
		// Whether one has ended is asked again by its record; one that begins in
		// a moment is of a node whose clock is ahead.
		conf.Time = func() time.Time { return g.Clock.Time().Add(ca.ClockSkew) }
		conf.ClientCAs = x509.NewCertPool()
		for _, root := range g.CA.Anchors() {
			conf.ClientCAs.AddCert(root)
		}
	}
	return conf
}

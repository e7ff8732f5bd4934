package status

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Config is what a Responder needs.
type Config struct {
	Authority *ca.Authority
	Store     store.Store
	// Responder returns the current key that answers for an issuing CA, and
	// whether there is one. It is asked for every signature, so that keys can
	// be renewed while serving; it must be fast and safe for concurrent use.
	Responder func(ca.IssuerID) (ca.SigningKey, bool)
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: discard
	Shards    int              // CRL shards an issuing CA has, numbered from 0; zero: 1
	Life      time.Duration    // of an OCSP response; zero: 1 hour
	CRLLife   time.Duration    // of a CRL; zero: 24 hours; a new one is made at half of it
	Cached    int              // OCSP responses kept in memory; zero: 20,000
}

// Responder answers for the certificates of an authority. It is safe for
// concurrent use, and several may work on one store.
type Responder struct {
	Config
	issuers map[ca.IssuerID]*issuer
	cache   *cache
}

// issuer is an issuing CA with what answering for it needs.
type issuer struct {
	ca.Issuer
	names   issuerHashes
	shards  []*shard
	trusted atomic.Pointer[x509.Certificate] // responder certificate that was looked at
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("status: %s", what))
		}
	}
	need(c.Authority != nil, "no authority")
	need(c.Store != nil, "no store")
	need(c.Responder != nil, "no responder keys")
	need(c.Shards >= 0 && c.Cached >= 0, "a negative number of shards or cached responses")
	need(c.Life == 0 || c.Life >= 2*maxAge, "responses live shorter than two minutes")
	need(c.CRLLife == 0 || c.CRLLife >= 2*maxAge, "CRLs live shorter than two minutes")
	return errors.Join(errs...)
}

// New returns a Responder, or all that is wrong with c.
func New(c Config) (*Responder, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	orDefault(&c.Shards, 1)
	orDefault(&c.Life, time.Hour)
	orDefault(&c.CRLLife, 24*time.Hour)
	orDefault(&c.Cached, 20_000)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	r := &Responder{Config: c, issuers: map[ca.IssuerID]*issuer{}, cache: newCache(c.Cached)}
	for _, i := range c.Authority.Issuers {
		names, err := hashesOf(i.Certificate)
		if err != nil {
			return nil, fmt.Errorf("status: issuer %s: %w", i.ID, err)
		}
		w := &issuer{Issuer: i, names: names}
		for n := range c.Shards {
			w.shards = append(w.shards, newShard(i.ID, n))
		}
		r.issuers[i.ID] = w
	}
	return r, nil
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// now returns the current time in UTC and whole seconds.
func (r *Responder) now() time.Time { return r.Now().UTC().Truncate(time.Second) }

// delegate is a responder key whose certificate was looked at.
type delegate struct {
	ca.SigningKey
	keyHash   []byte // SHA-1 of the public key's bits: ResponderID byKey
	algorithm signatureAlgorithm
}

// responder returns the key that answers for the issuer now.
func (r *Responder) responder(i *issuer, now time.Time) (*delegate, error) {
	key, ok := r.Config.Responder(i.ID)
	if !ok || key.Certificate == nil || key.Signer == nil {
		return nil, fmt.Errorf("no responder key for %s", i.ID)
	}
	if err := i.trust(key.Certificate); err != nil {
		return nil, fmt.Errorf("responder certificate for %s: %w", i.ID, err)
	}
	if c := key.Certificate; now.Before(c.NotBefore) || !now.Before(c.NotAfter) {
		return nil, fmt.Errorf("responder certificate for %s: %x is not valid now", i.ID, c.SerialNumber)
	}
	d, err := newDelegate(key)
	if err != nil {
		return nil, fmt.Errorf("responder key for %s: %w", i.ID, err)
	}
	return d, nil
}

// trust refuses a certificate that relying parties would refuse (RFC 6960
// section 4.2.2.2): it comes directly from the CA it answers for and names
// OCSP signing. The last one that passed is remembered.
func (i *issuer) trust(c *x509.Certificate) error {
	if i.trusted.Load() == c {
		return nil
	}
	if err := c.CheckSignatureFrom(i.Certificate); err != nil {
		return err
	}
	if !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) {
		return errors.New("it is not for OCSP signing")
	}
	i.trusted.Store(c)
	return nil
}

func newDelegate(key ca.SigningKey) (*delegate, error) {
	public, ok := key.Signer.Public().(interface{ Equal(x crypto.PublicKey) bool })
	if !ok || !public.Equal(key.Certificate.PublicKey) {
		return nil, errors.New("its certificate is for another key")
	}
	names, err := hashesOf(key.Certificate)
	if err != nil {
		return nil, err
	}
	algorithm, err := algorithmOf(key.Signer)
	return &delegate{SigningKey: key, keyHash: names.key[crypto.SHA1], algorithm: algorithm}, err
}

// issuerOf returns the issuing CA of the id; NotFound if there is none.
func (r *Responder) issuerOf(id ca.IssuerID) (*issuer, error) {
	i, ok := r.issuers[id]
	if !ok {
		return nil, fault.New(fault.NotFound, "issuer_unknown", "there is no issuing authority of this name here; take the address from the certificate")
	}
	return i, nil
}

// Package ceremony makes the root and the issuing CAs, once.
//
// Each step is recorded when it is done and may be repeated: what is there is
// opened, what is missing is made.
package ceremony

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"
	"unicode/utf8"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Config is what a ceremony needs.
type Config struct {
	Store store.Store
	// Key opens the key of a purpose ("root", "sign-p256"), making it if there is none.
	Key     func(ctx context.Context, purpose string) (crypto.Signer, error)
	Publish string           // base URL of the plain listener
	Name    string           // organisation in the authorities' names
	Now     func() time.Time // nil: time.Now
}

// Hierarchy is what a ceremony leaves: the certificates and opened keys.
type Hierarchy struct {
	Root    *x509.Certificate
	Issuers []ca.Issuer
}

// Lives of what a ceremony signs.
const (
	rootLife    = 20 * 365 * 24 * time.Hour
	issuerLife  = 10 * 365 * 24 * time.Hour
	rootCRLLife = 365 * 24 * time.Hour
)

// policyAny is anyPolicy (RFC 5280 section 4.2.1.4): the issuing CAs are run
// by the root's owner and may issue under any policy.
const policyAny = "2.5.29.32.0"

// issuers are the issuing CAs of a hierarchy and what people call them.
var issuers = []struct {
	id   ca.IssuerID
	name string
}{
	{ca.SignIssuer, "Signature CA P-256"},
	{ca.AuthIssuer, "Authentication CA P-256"},
	{ca.ServiceIssuer, "Service CA P-256"},
}

// maxName bounds Config.Name in characters: with what follows it a common
// name has 64 at most (ub-common-name, RFC 5280 appendix A.1).
const maxName = 40

// holding is a ceremony under way.
type holding struct {
	Config
	root    *x509.Certificate // nil until it is there
	rootKey crypto.Signer     // nil until something is to be signed with it
}

func (c Config) begin() (*holding, error) {
	if n := utf8.RuneCountInString(c.Name); n < 1 || n > maxName {
		return nil, fmt.Errorf("ceremony: a name of %d characters, which must be 1 to %d", n, maxName)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &holding{Config: c}, nil
}

// Open returns the hierarchy of the store, after making what is missing. The
// root's key is opened only where something is to be signed with it. A key
// that is not the one in its certificate is an error: the old one has to be
// brought back, a new one is never put under an old certificate.
func Open(ctx context.Context, c Config) (*Hierarchy, error) {
	h, err := c.begin()
	if err != nil {
		return nil, err
	}
	if h.root, err = h.certificate(ctx, ca.RootName, func() ([]byte, error) { return h.signRoot(ctx) }); err != nil {
		return nil, err
	}
	if h.rootKey != nil && !fits(h.rootKey, h.root) {
		return nil, errOtherKey(ca.RootName)
	}
	got := &Hierarchy{Root: h.root}
	for _, i := range issuers {
		key, err := h.Key(ctx, string(i.id))
		if err != nil {
			return nil, fmt.Errorf("key of %s: %w", i.id, err)
		}
		cert, err := h.certificate(ctx, string(i.id), func() ([]byte, error) { return h.signIssuer(ctx, i.name, key.Public()) })
		if err != nil {
			return nil, err
		}
		if !fits(key, cert) {
			return nil, errOtherKey(string(i.id))
		}
		got.Issuers = append(got.Issuers, ca.Issuer{ID: i.id, Certificate: cert, Signer: key})
	}
	return got, h.rootCRL(ctx)
}

// openRoot opens the root's key, which must be the one in its certificate if
// that is there.
func (h *holding) openRoot(ctx context.Context) (crypto.Signer, error) {
	if h.rootKey != nil {
		return h.rootKey, nil
	}
	key, err := h.Key(ctx, ca.RootName)
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", ca.RootName, err)
	}
	if h.root != nil && !fits(key, h.root) {
		return nil, errOtherKey(ca.RootName)
	}
	h.rootKey = key
	return key, nil
}

// fits reports whether the certificate is for the key.
func fits(key crypto.Signer, c *x509.Certificate) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(c.PublicKey)
}

func errOtherKey(name string) error {
	return fmt.Errorf("key of %s is not the one in its certificate: remove it if it was just made, and bring the old key back from its backup", name)
}

// certificate returns the certificate kept under name, making it first if
// there is none.
func (c Config) certificate(ctx context.Context, name string, sign func() ([]byte, error)) (*x509.Certificate, error) {
	der, err := c.load(ctx, name)
	if errors.Is(err, fault.NotFound) {
		if der, err = sign(); err == nil {
			der, err = c.keep(ctx, name, der)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", name, err)
	}
	return x509.ParseCertificate(der)
}

func (c Config) load(ctx context.Context, name string) (der []byte, err error) {
	err = c.Store.View(ctx, func(tx store.Tx) error {
		der, err = ca.LoadHierarchy(tx, name)
		return err
	})
	return der, err
}

// keep records der with its leaf, unless another node was faster: then its
// result is the one.
func (c Config) keep(ctx context.Context, name string, der []byte) ([]byte, error) {
	now := c.Now().UTC().Truncate(time.Second)
	sum := sha256.Sum256(der)
	kept := der
	err := c.Store.Update(ctx, func(tx store.Tx) error {
		had, err := ca.LoadHierarchy(tx, name)
		if err == nil {
			kept = had
			return nil
		}
		if !errors.Is(err, fault.NotFound) {
			return err
		}
		kept = der
		if err := ca.SaveHierarchy(tx, name, der); err != nil {
			return err
		}
		return ledger.Append(tx, ledger.Event{Kind: "ceremony." + name, Subject: name, At: now, Hash: hex.EncodeToString(sum[:])})
	})
	return kept, err
}

func (h *holding) signRoot(ctx context.Context) ([]byte, error) {
	key, err := h.openRoot(ctx)
	if err != nil {
		return nil, err
	}
	now := h.Now().UTC().Truncate(time.Second)
	t := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               h.subject("Root CA"),
		NotBefore:             now,
		NotAfter:              now.Add(rootLife - time.Second), // both ends count (RFC 5280 section 4.1.2.5)
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
}

func (h *holding) signIssuer(ctx context.Context, name string, key crypto.PublicKey) ([]byte, error) {
	rootKey, err := h.openRoot(ctx)
	if err != nil {
		return nil, err
	}
	now := h.Now().UTC().Truncate(time.Second)
	end := now.Add(issuerLife - time.Second)
	if end.After(h.root.NotAfter) {
		end = h.root.NotAfter
	}
	anyPolicy, err := x509.ParseOID(policyAny)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               h.subject(name),
		NotBefore:             now,
		NotAfter:              end,
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		Policies:              []x509.OID{anyPolicy},
		CRLDistributionPoints: []string{h.Publish + ca.CRLPath(ca.RootName, 0)},
		IssuingCertificateURL: []string{h.Publish + "/ca/" + ca.RootName + ".cer"},
	}
	return x509.CreateCertificate(rand.Reader, t, h.root, key, rootKey)
}

func (c Config) subject(name string) pkix.Name {
	return pkix.Name{Country: []string{"IR"}, Organization: []string{c.Name}, CommonName: c.Name + " " + name}
}

// newSerial returns 127 random bits, as a positive serial.
func newSerial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

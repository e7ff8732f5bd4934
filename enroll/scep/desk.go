package scep

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/enroll"
	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
	"mohr/internal/web"
)

// Texts are the Persian texts of this package's faults. SCEP itself answers in
// English.
//
//go:embed texts.yaml
var Texts []byte

// Renewal is a renewal asked for by a signed message.
type Renewal struct {
	Old     *x509.Certificate // whose key signed
	Message []byte            // as signed
	CSR     []byte            // of the new key, DER
}

// Renewals renews a certificate, as package renew does.
type Renewals interface {
	// RenewSCEP returns the certificate for the new key that replaces old. The
	// same again gives the same.
	RenewSCEP(ctx context.Context, r Renewal) (ca.Certificate, error)
}

// Config is what a Desk needs. New says what is missing.
type Config struct {
	Store        store.Store
	CA           *ca.Authority
	Applications *enroll.Desk
	Renewals     Renewals
	Seal         *seal.Box
	// Key returns the current key that opens requests and signs answers; its
	// Signer is RSA and a crypto.Decrypter.
	Key func() ca.SigningKey
	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: discard
}

// Desk answers SCEP clients. It is safe for concurrent use, and several may
// work on one store.
type Desk struct {
	Config
	gate *web.Gate
}

// New returns a Desk, or what is wrong with c.
func New(c Config) (*Desk, error) {
	if c.Store == nil || c.CA == nil || c.Applications == nil || c.Renewals == nil || c.Seal == nil || c.Key == nil {
		return nil, errors.New("scep: no store, authority, applications, renewals, seal or key")
	}
	if _, ok := c.Key().Signer.(crypto.Decrypter); !ok {
		return nil, errors.New("scep: the key does not decrypt")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Desk{Config: c, gate: web.NewGate(gateRate, gateBurst)}, nil
}

// now returns the current time in UTC and whole seconds.
func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Second) }

// signer is the current key as what signs answers.
func (d *Desk) signer() signature.Signer { return signature.Signer{Key: d.Key(), Now: d.Now} }

// Certificates answers GetCACert (RFC 8894 section 4.2): our own certificate
// with those above it, and the authorities of the profile.
func (d *Desk) Certificates(profile string) ([]byte, error) {
	if err := offered(profile); err != nil {
		return nil, err
	}
	k := d.Key()
	list := [][]byte{k.Certificate.Raw}
	for _, c := range k.Chain {
		list = append(list, c.Raw)
	}
	return ca.CertsOnly(append(list, d.CA.Authorities(profile)...)...)
}

// offered refuses profiles whose certificates cannot be had by SCEP, and names
// the ways that work.
func offered(profile string) error {
	switch {
	case !slices.Contains(ca.Profiles(), profile):
		return fault.New(fault.NotFound, "scep_profile_unknown", "there is no certificate profile of this name; take one of those in the practice statement")
	case !ca.Authenticates(profile):
		return fault.New(fault.Denied, "scep_by_statement", "the key of a certificate of the profile %[1]s signs content and neither decrypts nor protects messages, so SCEP has none of them; get the first one in the portal, by mohr apply, EST or CMP, and renew it by a signed statement: mohr renew, the page /renew or POST /api/v1/renewals", profile)
	}
	return nil
}

// Respond answers one pkiMessage to the address of a profile. Of a message
// that cannot be read the fault itself comes back, and so does what is not the
// client's: nothing is signed for it.
func (d *Desk) Respond(ctx context.Context, profile string, raw []byte) ([]byte, error) {
	m, err := parse(raw)
	if err != nil {
		return nil, err
	}
	key, err := m.key()
	if err != nil {
		return d.fail(ctx, m, err)
	}
	c, err := d.handle(ctx, profile, m)
	if fault.Code(err) == "application_unapproved" {
		return d.answer(m, pending, nil)
	}
	if err != nil {
		return d.fail(ctx, m, err)
	}
	return d.deliver(m, key, c)
}

func (d *Desk) handle(ctx context.Context, profile string, m message) (ca.Certificate, error) {
	if err := offered(profile); err != nil {
		return ca.Certificate{}, err
	}
	switch m.kind {
	case pkcsReq:
		return d.begin(ctx, profile, m)
	case certPoll:
		return d.poll(ctx, profile, m)
	case renewalReq:
		return d.renew(ctx, profile, m)
	case getCert:
		return d.find(ctx, m)
	}
	return ca.Certificate{}, fault.New(fault.Invalid, "scep_kind", "this service takes PKCSReq, RenewalReq, CertPoll and GetCert; CRLs are fetched by HTTP at the address in the certificate")
}

// open returns what is in a message for us.
func (d *Desk) open(ctx context.Context, m message) ([]byte, error) {
	e, err := parseEnvelope(m.envelope)
	if err != nil {
		return nil, err
	}
	if ours, err := d.ours(ctx, e.to); err != nil || !ours {
		return nil, cmp.Or(err, errUnopened())
	}
	key, ok := d.Key().Signer.(crypto.Decrypter)
	if !ok {
		return nil, errors.New("the key of SCEP does not decrypt")
	}
	plain, ok := e.open(key)
	if !ok {
		return nil, errUnopened()
	}
	return plain, nil
}

// ours reports whether a recipient is a certificate of our key: the current one,
// or one before it, which clients keep.
func (d *Desk) ours(ctx context.Context, to recipient) (bool, error) {
	now := d.Key().Certificate
	if to.is(now) || to.serial == nil {
		return to.is(now), nil
	}
	c, err := d.CA.Certificate(ctx, ca.SerialText(to.serial))
	if errors.Is(err, fault.NotFound) || err == nil && (c.State != ca.Issued || profileOf(c) != ca.SCEPResponder) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	before, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return false, fmt.Errorf("certificate %s: %w", c.Serial, err)
	}
	return to.is(before) && bytes.Equal(before.RawSubjectPublicKeyInfo, now.RawSubjectPublicKeyInfo), nil
}

// profileOf is the record's profile without its version.
func profileOf(c ca.Certificate) string {
	name, _, _ := strings.Cut(c.Profile, "@")
	return name
}

// deliver answers with a certificate and those above it, encrypted to who
// asked (RFC 8894 section 3.3.2).
func (d *Desk) deliver(m message, key *rsa.PublicKey, c ca.Certificate) ([]byte, error) {
	list := [][]byte{c.DER}
	if issuer, ok := d.CA.Issuer(c.Issuer); ok {
		list = issuer.Delivered(c.DER)
	}
	certs, err := ca.CertsOnly(list...)
	if err != nil {
		return nil, err
	}
	sealed, err := sealTo(m.signer, key, certs)
	if err != nil {
		return nil, err
	}
	return d.answer(m, success, sealed)
}

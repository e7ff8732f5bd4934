package ceremony

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/ceremony/plan"
	"mohr/ca/lint"
	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// csrBucket: id of an issuing CA under a foreign root -> Subordinate.
const csrBucket = "ca_ceremony_csrs"

// Subordinate is an issuing CA that a foreign, such as a national, root is
// asked to certify.
type Subordinate struct {
	ID           string        `json:"id"`
	Name         string        `json:"name"` // what profiles ask for
	Country      string        `json:"country"`
	Organisation string        `json:"organisation"`
	CommonName   string        `json:"common_name"`
	Algorithm    hsm.Algorithm `json:"algorithm"`
	CSR          []byte        `json:"csr,omitempty"` // DER
	At           time.Time     `json:"at,omitzero"`
}

func (s Subordinate) validate() error {
	if !plan.IsIssuerID(s.ID) || !plan.IsIssuerID(s.Name) || len(s.Country) != 2 || s.Organisation == "" || s.CommonName == "" || len(s.CommonName) > 2*64 {
		return fault.New(fault.Invalid, "subordinate_invalid", "the id or the name of the issuing authority is not like sign-p256-2, or its country, organisation or common name is missing or too long; give all of them")
	}
	return nil
}

// Request returns the certification request (DER) for the key of an issuing
// CA, making the key at the first call. The same request gives the same
// bytes; another one under the id is a Conflict.
func Request(ctx context.Context, c Config, s Subordinate) ([]byte, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	asked := s
	err := c.Store.View(ctx, func(tx store.Tx) error {
		if _, err := ca.LoadMember(tx, s.ID); !errors.Is(err, fault.NotFound) {
			return errors.Join(err, fault.New(fault.Conflict, "subordinate_taken", "there is an authority named %[1]s already; choose another id", s.ID))
		}
		had, err := loadSubordinate(tx, s.ID)
		if errors.Is(err, fault.NotFound) {
			return nil
		}
		s = had
		return err
	})
	if err != nil {
		return nil, err
	}
	if s.CSR != nil {
		asked.CSR, asked.At = s.CSR, s.At
		if !sameRequest(asked, s) {
			return nil, fault.New(fault.Conflict, "subordinate_asked", "another request was made for %[1]s before; repeat that one, or choose another id", s.ID)
		}
		return s.CSR, nil
	}
	key, err := c.Key(ctx, s.ID, s.Algorithm)
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", s.ID, err)
	}
	if got := algorithmOf(key.Public()); got != s.Algorithm {
		return nil, fmt.Errorf("key of %s is of algorithm %s, which must be %s", s.ID, got, s.Algorithm)
	}
	extensions, err := askedExtensions()
	if err != nil {
		return nil, err
	}
	name := pkix.Name{Country: []string{s.Country}, Organization: []string{s.Organisation}, CommonName: s.CommonName}
	if s.CSR, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: name, ExtraExtensions: extensions}, key); err != nil {
		return nil, fmt.Errorf("request for %s: %w", s.ID, err)
	}
	s.At = c.now()
	return s.CSR, c.Store.Update(ctx, func(tx store.Tx) error {
		had, err := loadSubordinate(tx, s.ID)
		if err == nil {
			s = had
			return nil
		}
		if !errors.Is(err, fault.NotFound) {
			return err
		}
		if err := store.Save(tx, csrBucket, s.ID, s); err != nil {
			return err
		}
		return ledger.Append(tx, ledger.Event{Kind: "ceremony.requested", Subject: s.ID, At: s.At, Hash: sum(s.CSR)})
	})
}

func sameRequest(a, b Subordinate) bool {
	return a.Name == b.Name && a.Country == b.Country && a.Organisation == b.Organisation && a.CommonName == b.CommonName && a.Algorithm == b.Algorithm
}

func loadSubordinate(tx store.Tx, id string) (Subordinate, error) {
	s, err := store.Load[Subordinate](tx, csrBucket, id)
	if errors.Is(err, store.ErrNotFound) {
		return s, fault.New(fault.NotFound, "subordinate_unknown", "no request was made for an authority of this name; make one first: mohr ceremony csr ISSUER")
	}
	return s, err
}

// askedExtensions tells the foreign root what kind of certificate is meant:
// basicConstraints and keyUsage of an issuing CA, both critical (RFC 5280
// sections 4.2.1.9 and 4.2.1.3).
func askedExtensions() ([]pkix.Extension, error) {
	constraints, err := asn1.Marshal(struct {
		CA   bool
		Path int
	}{true, 0})
	if err != nil {
		return nil, err
	}
	usage, err := asn1.Marshal(asn1.BitString{Bytes: []byte{0x06}, BitLength: 7}) // keyCertSign, cRLSign
	return []pkix.Extension{
		{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: constraints},
		{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Critical: true, Value: usage},
	}, err
}

// Acceptance is what a foreign root gave.
type Acceptance struct {
	ID          string
	Certificate []byte   // DER
	Chain       [][]byte // the CAs above, DER: the one that signed first, the foreign root last
	RootSHA256  string   // hex, of the foreign root's certificate, as the operator got it from elsewhere
	Approvals   [][]byte // detached CMS of the custodians over Certificate
}

// Accepted says what was accepted.
type Accepted struct {
	Member       ca.Member
	AskedSubject string // the name that was asked for
	Subject      string // the name that was given
}

// Accept takes an issuing CA's certificate from a foreign root, if it is for
// our key, is that of an issuing CA, leads to the root of the stated
// fingerprint, passes the lints, and the custodians of the last ceremony
// signed it. A name other than the one asked for is recorded, not refused.
// Accepting again changes nothing.
func Accept(ctx context.Context, c Config, a Acceptance) (Accepted, error) {
	var s Subordinate
	var last held
	var hash string
	err := c.Store.View(ctx, func(tx store.Tx) (err error) {
		if s, err = loadSubordinate(tx, a.ID); err == nil {
			last, hash, _, err = lastHeld(tx)
		}
		return err
	})
	if err != nil {
		return Accepted{}, err
	}
	if hash != "" && hash != builtin {
		p, err := plan.Parse(last.Plan)
		if err != nil {
			return Accepted{}, err
		}
		if _, err := p.Custodians.Count(a.Certificate, a.Approvals); err != nil {
			return Accepted{}, err
		}
	} else if c.Production {
		return Accepted{}, errMissing()
	}
	cert, err := a.examine(s, c.now())
	if err != nil {
		return Accepted{}, err
	}
	request, err := x509.ParseCertificateRequest(s.CSR)
	if err != nil {
		return Accepted{}, err
	}
	m := ca.Member{ID: s.ID, Kind: ca.IssuingMember, Name: ca.IssuerID(s.Name), Chain: a.Chain, At: c.now(), DER: a.Certificate}
	done := Accepted{Member: m, AskedSubject: request.Subject.String(), Subject: cert.Subject.String()}
	return done, c.Store.Update(ctx, func(tx store.Tx) error {
		had, err := ca.LoadMember(tx, m.ID)
		switch {
		case errors.Is(err, fault.NotFound):
			return saveMember(tx, m)
		case err == nil && !bytes.Equal(had.DER, m.DER):
			return fault.New(fault.Conflict, "subordinate_taken", "there is an authority named %[1]s already; choose another id", m.ID)
		}
		return err
	})
}

func errForeign(why string) error {
	return fault.New(fault.Invalid, "subordinate_refused", "this certificate is not accepted: %v; have the foreign authority issue another", why)
}

// examine checks the certificate and its chain.
func (a Acceptance) examine(s Subordinate, now time.Time) (*x509.Certificate, error) {
	cert, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		return nil, errForeign("it cannot be read")
	}
	request, err := x509.ParseCertificateRequest(s.CSR)
	if err != nil {
		return nil, err
	}
	usage := x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	switch {
	case !bytes.Equal(cert.RawSubjectPublicKeyInfo, request.RawSubjectPublicKeyInfo):
		return nil, errForeign("it is for another key than the request's")
	case !cert.IsCA || !criticalConstraints(cert):
		return nil, errForeign("it is not that of a CA by a critical basicConstraints")
	case cert.MaxPathLen != 0 || !cert.MaxPathLenZero:
		return nil, errForeign("its path length is not 0")
	case cert.KeyUsage != usage:
		return nil, errForeign("its key usage is not keyCertSign and cRLSign alone")
	case len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) > 0:
		return nil, errForeign("it has an extended key usage, which would forbid most of what is issued")
	case len(cert.SubjectKeyId) == 0:
		return nil, errForeign("it has no subject key identifier")
	case now.Before(cert.NotBefore) || now.After(cert.NotAfter):
		return nil, errForeign("its life has not begun or is over")
	}
	if err := lint.Authority(a.Certificate); err != nil {
		return nil, errForeign(err.Error())
	}
	return cert, a.leads(cert, now)
}

func criticalConstraints(c *x509.Certificate) bool {
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool {
		return e.Critical && e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 19})
	})
}

// maxForeignChain bounds the CAs above ours, the root included: with our own
// and the holder's certificate they fit into what signatures carry.
const maxForeignChain = 4

// leads checks the path to the foreign root (RFC 5280 section 6), which must
// have the stated fingerprint.
func (a Acceptance) leads(cert *x509.Certificate, now time.Time) error {
	if len(a.Chain) == 0 || len(a.Chain) > maxForeignChain {
		return errForeign(fmt.Sprintf("the chain has not 1 to %d certificates, the foreign root last", maxForeignChain))
	}
	stated, err := hex.DecodeString(strings.ToLower(strings.ReplaceAll(a.RootSHA256, ":", "")))
	if err != nil || hex.EncodeToString(stated) != sum(a.Chain[len(a.Chain)-1]) {
		return fault.New(fault.Denied, "subordinate_root", "the last certificate of the chain has not the fingerprint that was stated; compare it with what the foreign authority publishes")
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	below := cert
	for n, der := range a.Chain {
		c, err := x509.ParseCertificate(der)
		if err != nil || below.CheckSignatureFrom(c) != nil {
			return errForeign("its chain is not in order, each certificate signed by the next")
		}
		if below = c; n == len(a.Chain)-1 {
			roots.AddCert(c)
		} else {
			between.AddCert(c)
		}
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return errForeign("it does not lead to the foreign root: " + err.Error())
	}
	return nil
}

// Stop ends the use of an issuing CA under a foreign root, as when that root
// revoked it: it issues nothing any more, for good. Our own issuing CAs are
// revoked by a ceremony, whose CRLs say so. Stopping again changes nothing.
func Stop(ctx context.Context, c Config, id, reason string) error {
	if _, ok := plan.ReasonCode(reason); !ok {
		return fault.New(fault.Invalid, "subordinate_reason", "this is no reason that an authority is stopped for; use one of RFC 5280 section 5.3.1, such as cessationOfOperation")
	}
	now := c.now()
	return c.Store.Update(ctx, func(tx store.Tx) error {
		m, err := ca.LoadMember(tx, id)
		if err != nil {
			return err
		}
		if m.Kind != ca.IssuingMember || m.Parent != "" {
			return fault.New(fault.Conflict, "subordinate_own", "%[1]s is under our own root; it is revoked by a ceremony: write a plan with revoke", id)
		}
		return saveRevoked(tx, id, ca.Ended{At: now, Reason: reason})
	})
}

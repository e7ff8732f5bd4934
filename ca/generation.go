package ca

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"mohr/internal/fault"
)

// An issuing CA has generations: "sign-p256" and "sign-p256-2" have an id, a
// key and URLs each, and one name that profiles ask for. The newest that may
// issues; all answer for what they issued until they end.

// name is what profiles ask for.
func (i Issuer) name() IssuerID {
	if i.Name == "" {
		return i.ID
	}
	return i.Name
}

// Delivery returns what goes out with a certificate of i: the issuing CA and
// all CAs between it and a root, without the root.
func (i Issuer) Delivery() []*x509.Certificate {
	return append([]*x509.Certificate{i.Certificate}, i.Chain...)
}

// Delivered is Delivery behind a certificate of i, all as DER.
func (i Issuer) Delivered(leaf []byte) [][]byte {
	list := [][]byte{leaf}
	for _, c := range i.Delivery() {
		list = append(list, c.Raw)
	}
	return list
}

// Within reports whether t is in the life of the CA's certificate. No
// certificate of its outlives it.
func (i Issuer) Within(t time.Time) bool {
	return !t.Before(i.Certificate.NotBefore) && !t.After(i.Certificate.NotAfter)
}

// Answering returns the issuing CAs that need a responder now: those whose
// life has begun and not ended, and which are not revoked. The set changes as
// generations come and go.
func (a *Authority) Answering() []Issuer {
	now := a.now()
	return slices.DeleteFunc(slices.Clone(a.Issuers), func(i Issuer) bool { return !i.Within(now) || i.Revoked != nil })
}

// Serving returns the issuing CAs, of all generations that answer now, that
// certificates of the profile come from; nil for a profile that is not there
// or is issued by the CA it answers for.
func (a *Authority) Serving(profile string) []Issuer {
	p, err := profileOf(profile)
	if err != nil || a.issuerOf(p) == "" {
		return nil
	}
	return slices.DeleteFunc(a.Answering(), func(i Issuer) bool { return i.name() != a.issuerOf(p) })
}

// Anchors returns all trust anchors: Root first.
func (a *Authority) Anchors() []*x509.Certificate {
	return append([]*x509.Certificate{a.Root}, a.Roots...)
}

// issuerFor returns the issuing CA that serves a name now: the newest
// generation whose life has begun and not ended and that is not revoked.
func (a *Authority) issuerFor(name IssuerID) (*issuer, error) {
	now := a.now()
	var newest *issuer
	known := false
	for _, i := range a.issuers {
		if i.name() != name {
			continue
		}
		known = true
		if i.Revoked == nil && i.Within(now) && (newest == nil || i.newer(newest)) {
			newest = i
		}
	}
	switch {
	case newest != nil:
		return newest, nil
	case known:
		return nil, fault.New(fault.Unavailable, "issuer_inactive", "the issuing authority for this kind of certificate has ended and no other is in its place yet; the operator has to hold a ceremony")
	}
	return nil, fmt.Errorf("no issuer serves the name %q", name)
}

// endedIssuer reports whether nothing that the CA signed is to be used on.
func (a *Authority) endedIssuer(id IssuerID) bool {
	i, ok := a.issuers[id]
	return !ok || i.Revoked != nil
}

// newer orders generations by the beginning of their lives.
func (i *issuer) newer(than *issuer) bool {
	if c := i.Certificate.NotBefore.Compare(than.Certificate.NotBefore); c != 0 {
		return c > 0
	}
	return strings.Compare(string(i.ID), string(than.ID)) > 0
}

// RootOf returns the trust anchor that one of our issuing CAs leads to.
func (a *Authority) RootOf(i Issuer) *x509.Certificate {
	root, err := a.anchor(i)
	if err != nil {
		return a.Root // New has refused such an issuer
	}
	return root
}

// anchor returns the root that an issuer leads to over the certificates of its
// chain; an error if there is none.
func (c *Config) anchor(i Issuer) (*x509.Certificate, error) {
	roots := append([]*x509.Certificate{c.Root}, c.Roots...)
	top, left := i.Certificate, slices.Clone(i.Chain)
	for {
		if n := slices.IndexFunc(roots, func(r *x509.Certificate) bool { return signedBy(top, r) }); n >= 0 {
			return roots[n], nil
		}
		n := slices.IndexFunc(left, func(p *x509.Certificate) bool { return signedBy(top, p) })
		if n < 0 {
			return nil, fmt.Errorf("%s is signed by none of the roots and none of its chain", top.Subject)
		}
		top = left[n]
		left = slices.Delete(left, n, n+1)
	}
}

func signedBy(c, parent *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, parent.RawSubject) && c.CheckSignatureFrom(parent) == nil
}

// ended stands for the key of a CA that signs no certificate any more.
type ended struct {
	public crypto.PublicKey
	why    error
}

// Public returns the key that was.
func (e ended) Public() crypto.PublicKey { return e.public }

// Sign refuses.
func (e ended) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, e.why }

// signerOf returns the key that certificates are signed with: none where the
// CA is revoked or has no key any more.
func signerOf(i Issuer) crypto.Signer {
	switch {
	case i.Revoked != nil:
		return ended{i.Certificate.PublicKey, fault.New(fault.Conflict, "issuer_revoked", "the issuing authority of this certificate is revoked and signs nothing any more; begin a new request")}
	case i.Signer == nil:
		return ended{i.Certificate.PublicKey, fault.New(fault.Conflict, "issuer_retired", "the issuing authority of this certificate is retired and signs nothing any more; begin a new request")}
	}
	return i.Signer
}

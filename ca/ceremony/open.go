package ceremony

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/ceremony/plan"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Open returns the hierarchy of the store. In development, a store without
// one, or one begun from the built-in file, first gets what is missing; the
// root's key is opened only where something is to be signed with it. A
// hierarchy of another environment is Denied, in production a missing one is
// Unavailable. A key that is not the one in its certificate is an error: the
// old one has to be brought back.
func Open(ctx context.Context, c Config) (*Hierarchy, error) {
	want := plan.Development
	if c.Production {
		want = plan.Production
	}
	var is, last string
	err := c.Store.View(ctx, func(tx store.Tx) (err error) {
		if is, err = environmentOf(tx); err != nil {
			return err
		}
		_, last, _, err = lastHeld(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	switch {
	case is == "" && (c.Production || c.Keyless):
		return nil, errMissing()
	case is != "" && is != want:
		return nil, errEnvironment(is, want)
	}
	p, err := plan.Builtin(c.Name, c.Publish, c.now())
	if err != nil {
		return nil, err
	}
	if c.Makes != nil {
		p.Issuers = slices.DeleteFunc(p.Issuers, func(i plan.Issuer) bool { return !c.Makes(i.Algorithm) })
	}
	h, err := c.enter(ctx, p, false)
	if err != nil {
		return nil, err
	}
	if c.Keyless {
		return h.hierarchy(ctx)
	}
	if last == "" || last == builtin || h.members[ca.RootName].Ceremony == builtin {
		if err := h.holdBuiltin(ctx); err != nil {
			return nil, err
		}
	}
	return h.hierarchy(ctx)
}

// holdBuiltin makes what the built-in file says and is not there.
func (h *hall) holdBuiltin(ctx context.Context) error {
	now := h.now()
	err := h.Store.Update(ctx, func(tx store.Tx) error {
		_, found, err := loadHeld(tx, h.hash)
		if err != nil || found {
			return err
		}
		last, _, _, err := lastHeld(tx)
		if err != nil {
			return err
		}
		return store.Save(tx, heldBucket, h.hash, held{Order: last.Order + 1, Plan: h.plan.Raw(), Begun: now})
	})
	if err != nil {
		return err
	}
	crls := h.plan.CRLs
	h.plan.CRLs = nil // the first one too is made when it is due
	defer func() { h.plan.CRLs = crls }()
	if err := h.perform(ctx); err != nil {
		return err
	}
	h.plan.CRLs = crls
	for _, r := range h.plan.Roots {
		if err := h.renewCRL(ctx, r.ID, h.members[r.ID]); err != nil {
			return err
		}
	}
	return nil
}

// hierarchy opens the keys of all issuing CAs that answer.
func (h *hall) hierarchy(ctx context.Context) (*Hierarchy, error) {
	now := h.now()
	got := &Hierarchy{}
	got.Root, got.Roots = h.anchors(now)
	if got.Root == nil {
		return nil, errMissing()
	}
	for _, id := range h.ids() {
		m, cert := h.members[id], h.certs[id]
		if m.Kind != ca.IssuingMember {
			continue
		}
		i := ca.Issuer{ID: ca.IssuerID(id), Name: m.Name, Certificate: cert, Revoked: m.Revoked}
		var err error
		if i.Chain, err = h.chain(m, now); err != nil {
			return nil, err
		}
		if n := len(m.Chain); n > 0 {
			root, err := x509.ParseCertificate(m.Chain[n-1])
			if err != nil {
				return nil, fmt.Errorf("chain of %s: %w", id, err)
			}
			if !slices.ContainsFunc(got.Roots, root.Equal) {
				got.Roots = append(got.Roots, root)
			}
		}
		if h.Keyless && !now.After(cert.NotAfter) {
			got.Issuers = append(got.Issuers, i)
			continue
		}
		if i.Signer, err = h.answering(ctx, m, now); err != nil {
			return nil, err
		}
		if i.Signer == nil {
			got.Retired = append(got.Retired, i)
		} else {
			got.Issuers = append(got.Issuers, i)
		}
	}
	return got, nil
}

// ids returns the ids of all members: issuing CAs in the order in which the
// built-in plan has their names, generations in that of their ids.
func (h *hall) ids() []string {
	var list []string
	for id := range h.members {
		list = append(list, id)
	}
	rank := func(id string) int {
		return slices.IndexFunc(h.plan.Issuers, func(i plan.Issuer) bool { return string(h.members[id].Name) == i.ID })
	}
	slices.SortFunc(list, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return list
}

// anchors returns the newest root whose life has begun and not ended, and the others.
func (h *hall) anchors(now time.Time) (root *x509.Certificate, others []*x509.Certificate) {
	var all []*x509.Certificate
	for _, id := range h.ids() {
		if h.members[id].Kind == ca.RootMember {
			all = append(all, h.certs[id])
		}
	}
	slices.SortStableFunc(all, func(a, b *x509.Certificate) int { return b.NotBefore.Compare(a.NotBefore) })
	at := slices.IndexFunc(all, func(c *x509.Certificate) bool { return !now.Before(c.NotBefore) && !now.After(c.NotAfter) })
	if at < 0 {
		at = 0 // none is in its life: whoever serves says so
	}
	if len(all) == 0 {
		return nil, nil
	}
	root = all[at]
	return root, slices.Delete(all, at, at+1)
}

// chain returns what is between an issuing CA and a root: under our own root
// the cross-certificates that lead from it to another, for those who do not
// know it yet, or any more.
func (h *hall) chain(m ca.Member, now time.Time) (list []*x509.Certificate, err error) {
	for n := range max(len(m.Chain)-1, 0) {
		c, err := x509.ParseCertificate(m.Chain[n])
		if err != nil {
			return nil, fmt.Errorf("chain of %s: %w", m.ID, err)
		}
		list = append(list, c)
	}
	for _, id := range h.ids() {
		subject, _, _ := strings.Cut(id, ".by-")
		cross, c := h.members[id], h.certs[id]
		if cross.Kind == ca.CrossMember && subject == m.Parent && cross.Revoked == nil && !now.Before(c.NotBefore) && !now.After(c.NotAfter) {
			list = append(list, c)
		}
	}
	return list, nil
}

// answering opens the key of an issuing CA; nil where its life is over, or
// where it is revoked and its key was destroyed.
func (h *hall) answering(ctx context.Context, m ca.Member, now time.Time) (crypto.Signer, error) {
	cert := h.certs[m.ID]
	if now.After(cert.NotAfter) {
		return nil, nil
	}
	if h.Find != nil {
		// Looked for first: Key would make one that nobody has a certificate for.
		k, err := h.Find(ctx, m.ID)
		if errors.Is(err, fault.NotFound) && m.Revoked != nil {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("key of %s: %w", m.ID, err)
		}
		if !fits(k, cert) {
			return nil, errOtherKey(m.ID)
		}
	}
	return h.key(ctx, m.ID, "")
}

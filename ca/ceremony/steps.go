package ceremony

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"mohr/ca"
	"mohr/ca/ceremony/plan"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// perform does what the plan says, step by step; what is done already is
// left as it is.
func (h *hall) perform(ctx context.Context) error {
	for _, r := range h.plan.Roots {
		if _, there := h.certs[r.ID]; there {
			continue
		}
		key, err := h.key(ctx, r.ID, r.Algorithm)
		if err != nil {
			return err
		}
		if err := h.certify(ctx, ca.Member{ID: r.ID, Kind: ca.RootMember}, r.ID, rootTemplate(h.plan, r), key.Public()); err != nil {
			return err
		}
	}
	for _, i := range h.plan.Issuers {
		if err := h.makeIssuer(ctx, i); err != nil {
			return err
		}
	}
	for _, c := range h.plan.Cross {
		t, err := crossTemplate(h.plan, c, h.certs[c.Subject], h.certs[c.By])
		if err != nil {
			return err
		}
		m := ca.Member{ID: c.ID(), Kind: ca.CrossMember, Parent: c.By}
		if err := h.certify(ctx, m, c.By, t, h.certs[c.Subject].PublicKey); err != nil {
			return err
		}
	}
	for _, r := range h.plan.Revoke {
		if err := h.revoke(ctx, r); err != nil {
			return fmt.Errorf("revoke %s: %w", r.ID, err)
		}
	}
	for _, s := range h.plan.CRLs {
		if err := h.series(ctx, s); err != nil {
			return fmt.Errorf("CRLs of %s: %w", s.Root, err)
		}
	}
	return nil
}

func (h *hall) makeIssuer(ctx context.Context, i plan.Issuer) error {
	if _, there := h.certs[i.ID]; there {
		return nil
	}
	t, err := issuerTemplate(h.plan, i, h.certs[i.Root], h.plan.IsBuiltin())
	if err != nil {
		return err
	}
	key, err := h.key(ctx, i.ID, i.Algorithm)
	if err != nil {
		return err
	}
	m := ca.Member{ID: i.ID, Kind: ca.IssuingMember, Name: ca.IssuerID(i.Serves()), Parent: i.Root}
	return h.certify(ctx, m, i.Root, t, key.Public())
}

// revoke records the end of a member; its root's CRLs, which follow, name it.
func (h *hall) revoke(ctx context.Context, r plan.Revoke) error {
	m := h.members[r.ID]
	if m.Revoked == nil {
		m.Revoked = &ca.Ended{At: h.plan.Date.UTC(), Reason: r.Reason}
		h.members[r.ID] = m
	}
	if h.dry {
		return nil
	}
	return h.Store.Update(ctx, func(tx store.Tx) error { return saveRevoked(tx, m.ID, *m.Revoked) })
}

// saveRevoked records a revocation with its leaf; a member that is revoked
// stays as it is.
func saveRevoked(tx store.Tx, id string, e ca.Ended) error {
	m, err := ca.LoadMember(tx, id)
	if err != nil || m.Revoked != nil {
		return err
	}
	m.Revoked = &e
	if err := ca.SaveMember(tx, m); err != nil {
		return err
	}
	return ledger.Append(tx, ledger.Event{Kind: "ceremony.revoked", Subject: id, At: e.At, Note: e.Reason})
}

// series makes the CRLs of a root, one after the other.
func (h *hall) series(ctx context.Context, s plan.Series) error {
	for n := range s.Count {
		list := crlTemplate(h.plan, s, h.firstCRL[s.Root], n, nil)
		if err := h.crlOf(ctx, s.Root, list); err != nil {
			return fmt.Errorf("number %d: %w", list.Number, err)
		}
	}
	return nil
}

// crlOf makes one CRL, unless there is one of the number.
func (h *hall) crlOf(ctx context.Context, root string, list *x509.RevocationList) error {
	last, err := h.lastCRL(ctx, root)
	if err != nil {
		return err
	}
	if last != nil && last.Number.Cmp(list.Number) >= 0 {
		return nil
	}
	if list.RevokedCertificateEntries, err = h.entries(root, last); err != nil {
		return err
	}
	cert := h.certs[root]
	prepared, err := h.crl(list, cert)
	if err != nil {
		return err
	}
	if h.dry {
		h.crls = append(h.crls, Preview{ID: crlID(root, list.Number), DER: prepared})
		return nil
	}
	if prepared, err = h.intend(ctx, crlID(root, list.Number), prepared); err != nil {
		return err
	}
	key, err := h.key(ctx, root, "")
	if err != nil {
		return err
	}
	der, err := sign(prepared, key)
	if err != nil {
		return err
	}
	made, err := checkCRL(der, prepared, cert)
	if err != nil {
		return err
	}
	return h.Store.Update(ctx, func(tx store.Tx) error { return saveCRL(tx, root, made) })
}

func crlID(root string, number *big.Int) string { return fmt.Sprintf("%s/%d", root, number) }

// saveCRL keeps a CRL, unless there is one of its number or a higher one.
func saveCRL(tx store.Tx, root string, list *x509.RevocationList) error {
	last, err := loadLastCRL(tx, root)
	if err != nil || last != nil && last.Number.Cmp(list.Number) >= 0 {
		return err
	}
	return ca.SaveRootCRL(tx, root, list.Number.Int64(), list.ThisUpdate, list.Raw)
}

func (h *hall) lastCRL(ctx context.Context, root string) (list *x509.RevocationList, err error) {
	err = h.Store.View(ctx, func(tx store.Tx) error {
		list, err = loadLastCRL(tx, root)
		return err
	})
	return list, err
}

// loadLastCRL returns the CRL of the highest number, nil where there is none.
func loadLastCRL(tx store.Tx, root string) (*x509.RevocationList, error) {
	der, err := ca.LastRootCRL(tx, root)
	if errors.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return x509.ParseRevocationList(der)
}

// entries returns what a CRL of the root names: all revoked members under it,
// and whatever the last CRL named: a revocation is never lifted.
func (h *hall) entries(root string, last *x509.RevocationList) ([]x509.RevocationListEntry, error) {
	var list []x509.RevocationListEntry
	if last != nil {
		for _, e := range last.RevokedCertificateEntries {
			list = append(list, x509.RevocationListEntry{SerialNumber: e.SerialNumber, RevocationTime: e.RevocationTime, ReasonCode: e.ReasonCode})
		}
	}
	for id, m := range h.members {
		if m.Parent != root || m.Revoked == nil {
			continue
		}
		serial := h.certs[id].SerialNumber
		if slices.ContainsFunc(list, func(e x509.RevocationListEntry) bool { return e.SerialNumber.Cmp(serial) == 0 }) {
			continue
		}
		code, ok := plan.ReasonCode(m.Revoked.Reason)
		if !ok {
			return nil, fmt.Errorf("%s is revoked for %q", id, m.Revoked.Reason)
		}
		list = append(list, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: m.Revoked.At.UTC(), ReasonCode: code})
	}
	slices.SortFunc(list, func(a, b x509.RevocationListEntry) int { return a.SerialNumber.Cmp(b.SerialNumber) })
	return list, nil
}

// RenewCRL is a job. In a development hierarchy, whose root's key is at hand,
// it signs a new CRL of a root when two thirds of the last one's life are
// over. Elsewhere the CRLs come from ceremonies, and it is an error when the
// last that was made ahead is so old. Before the first ceremony it is an
// error too.
func RenewCRL(ctx context.Context, c Config) error {
	p, err := plan.Builtin(c.Name, c.Publish, c.now())
	if err != nil {
		return err
	}
	h, err := c.enter(ctx, p, false)
	if err != nil {
		return err
	}
	if len(h.members) == 0 {
		return errMissing()
	}
	var errs []error
	for id, m := range h.members {
		if m.Kind == ca.RootMember && !h.certs[id].NotAfter.Before(c.now()) {
			errs = append(errs, h.renewCRL(ctx, id, m))
		}
	}
	return errors.Join(errs...)
}

func (h *hall) renewCRL(ctx context.Context, root string, m ca.Member) error {
	now := h.now()
	last, err := h.lastCRL(ctx, root)
	if err != nil {
		return fmt.Errorf("CRL of %s: %w", root, err)
	}
	if last != nil && now.Before(last.NextUpdate.Add(-last.NextUpdate.Sub(last.ThisUpdate)/3)) {
		return nil
	}
	if m.Ceremony != builtin {
		return fault.New(fault.Unavailable, "root_crl_due", "the revocation lists of %[1]s that were made ahead come to their end; hold a ceremony that makes more", root)
	}
	number := big.NewInt(1)
	if last != nil {
		number.Add(number, last.Number)
	}
	life := h.plan.CRLs[0].Life
	err = h.crlOf(ctx, root, &x509.RevocationList{Number: number, ThisUpdate: now, NextUpdate: life.After(now)})
	if err != nil {
		return fmt.Errorf("CRL of %s: %w", root, err)
	}
	return nil
}

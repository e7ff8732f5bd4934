package status

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Certificate returns the certificate (DER) that a ceremony left under the
// name: of an issuing CA, a root, a root as another root certified it.
// NotFound for another name.
func (r *Responder) Certificate(ctx context.Context, name string) ([]byte, error) {
	if i, ok := r.issuers[ca.IssuerID(name)]; ok {
		return i.Issuer.Certificate.Raw, nil
	}
	m, err := r.member(ctx, name)
	if errors.Is(err, fault.NotFound) {
		return nil, errNoIssuer()
	}
	return m.DER, err
}

func (r *Responder) member(ctx context.Context, name string) (m ca.Member, err error) {
	err = r.Store.View(ctx, func(tx store.Tx) error {
		m, err = ca.LoadMember(tx, name)
		return err
	})
	return m, err
}

// RootCRL returns the CRL of the moment of a root, as a ceremony left it: the
// root's key is not here. NotFound for what is no root, or has none; one that
// the root did not sign is an error and not handed out.
func (r *Responder) RootCRL(ctx context.Context, root string) (CRL, error) {
	m, err := r.member(ctx, root)
	if errors.Is(err, fault.NotFound) || err == nil && m.Kind != ca.RootMember {
		return CRL{}, errNoCRL()
	}
	if err != nil {
		return CRL{}, fmt.Errorf("crl of %s: %w", root, err)
	}
	var der []byte
	err = r.Store.View(ctx, func(tx store.Tx) error {
		der, err = ca.RootCRL(tx, root, r.now())
		return err
	})
	if errors.Is(err, fault.NotFound) {
		return CRL{}, errNoCRL()
	}
	if err != nil {
		return CRL{}, fmt.Errorf("crl of %s: %w", root, err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return CRL{}, fmt.Errorf("crl of %s: %w", root, err)
	}
	c, err := x509.ParseCertificate(m.DER)
	if err == nil {
		err = list.CheckSignatureFrom(c)
	}
	if err != nil {
		return CRL{}, fmt.Errorf("crl of %s: %w", root, err)
	}
	s := state{ThisUpdate: list.ThisUpdate, NextUpdate: list.NextUpdate}
	if list.Number != nil {
		s.Number = list.Number.Int64()
	}
	return CRL{state: s, DER: der}, nil
}

// roots are the names of our own roots whose life is not over.
func (r *Responder) roots(ctx context.Context) (names []string, err error) {
	now := r.now()
	err = r.Store.View(ctx, func(tx store.Tx) error {
		members, err := ca.Members(tx)
		if err != nil {
			return err
		}
		names = nil
		for _, m := range members {
			c, err := x509.ParseCertificate(m.DER)
			if err != nil {
				return fmt.Errorf("certificate of %s: %w", m.ID, err)
			}
			if m.Kind == ca.RootMember && !now.After(c.NotAfter) {
				names = append(names, m.ID)
			}
		}
		return nil
	})
	return names, err
}

// Refresh is a job: it signs the CRLs of the shards that changed or are at
// half of their life, so that readers find them made. It looks at a few
// octets a shard, and reads only those it signs. What is out of date and
// cannot be helped from here, a root's CRL, is in the error.
func (r *Responder) Refresh(ctx context.Context) error {
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(r.issuers)) {
		if i := r.issuers[id]; !i.retired && i.Within(r.now()) {
			errs = append(errs, r.refreshIssuer(ctx, i))
		}
	}
	names, err := r.roots(ctx)
	errs = append(errs, err)
	for _, name := range names {
		switch root, err := r.RootCRL(ctx, name); {
		case err != nil:
			errs = append(errs, err)
		case !r.now().Before(root.NextUpdate):
			errs = append(errs, fmt.Errorf("crl of %s: its next update was due at %s; hold a ceremony", name, root.NextUpdate))
		}
	}
	return errors.Join(errs...)
}

// refreshIssuer stops at the first failure: the next shard needs the same key.
func (r *Responder) refreshIssuer(ctx context.Context, i *issuer) error {
	rows, err := r.shards(ctx, i)
	if err != nil {
		return fmt.Errorf("refresh crls of %s: %w", i.ID, err)
	}
	for n, row := range rows {
		if row.covers(i, row.revision) && !row.life().due(r.now()) {
			continue
		}
		l, err := r.current(ctx, i, n, row.revision, life.due)
		if err == nil && l.life().due(r.now()) {
			err = errors.New("the earlier one serves on")
		}
		if err != nil {
			return fmt.Errorf("refresh crl %s: %w", shardKey(i.ID, n), err)
		}
	}
	return nil
}

// shardRow is what the store says of a shard in a few octets.
type shardRow struct {
	state        // of its CRL; zero if there is none yet
	revision int // of the shard now
}

// shards returns all shards of the issuer, as of one moment.
func (r *Responder) shards(ctx context.Context, i *issuer) (rows []shardRow, err error) {
	err = r.Store.View(ctx, func(tx store.Tx) error {
		count, err := ca.Shards(tx, i.ID)
		if err != nil {
			return err
		}
		rows = make([]shardRow, count)
		err = ca.EachRevision(tx, i.ID, func(n, revision int) error {
			if n < len(rows) {
				rows[n].revision = revision
			}
			return nil
		})
		if err != nil {
			return err
		}
		return store.Each(tx, stateBucket, string(i.ID)+"/", "", func(key string, s state) error {
			n, err := strconv.Atoi(key[len(i.ID)+1:])
			if err != nil {
				return fmt.Errorf("crl state %q: %w", key, err)
			}
			if n < len(rows) {
				rows[n].state = s
			}
			return nil
		})
	})
	return rows, err
}

package mandate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mohr/internal/seal"
	"mohr/internal/store"
)

const (
	keepYears    = 7                   // after a mandate's end: evidence of what was done by it (ETSI EN 319 411-1, OVR-6.4.6)
	keepProposal = 90 * 24 * time.Hour // after a proposal has lapsed
	retainBatch  = 100
)

// keepUntil returns until when the mandate's papers are kept.
func (m Mandate) keepUntil() time.Time {
	ended := m.RevokedAt
	switch m.State {
	case Proposed:
		return m.ProposedAt.Add(proposalLife + keepProposal)
	case Granted:
		ended = m.ValidTo
	}
	if m.RestAt.After(ended) {
		ended = m.RestAt
	}
	return ended.AddDate(keepYears, 0, 0)
}

func retainKey(at time.Time, id ID) string { return fmt.Sprintf("%016x/%s", at.Unix(), id) }

// schedule puts the mandate where Retain finds it when its time is over.
func (m *Mandate) schedule(tx store.Tx) error {
	if !m.KeepUntil.IsZero() {
		if err := tx.Delete(retainBucket, retainKey(m.KeepUntil, m.ID)); err != nil {
			return err
		}
	}
	m.KeepUntil = m.keepUntil()
	return store.Save(tx, retainBucket, retainKey(m.KeepUntil, m.ID), m.ID)
}

// Retain is a job: it erases what mandates hold of persons once their time is
// over. Events, hashes and the opaque ids in them stay.
func (d *Desk) Retain(ctx context.Context) error {
	now := d.now()
	due := map[string]ID{}
	err := d.Store.View(ctx, func(tx store.Tx) error {
		clear(due)
		until := fmt.Sprintf("%016x/~", now.Unix())
		return store.Each(tx, retainBucket, "", "", func(key string, id ID) error {
			if strings.Compare(key, until) > 0 || len(due) == retainBatch {
				return store.Stop
			}
			due[key] = id
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("retain mandates: %w", err)
	}
	var errs []error
	for key, id := range due {
		errs = append(errs, d.Store.Update(ctx, func(tx store.Tx) error {
			if err := erase(tx, id); err != nil {
				return fmt.Errorf("erase %s: %w", id, err)
			}
			return tx.Delete(retainBucket, key)
		}))
	}
	return errors.Join(errs...)
}

// erase forgets whom the mandate was given to and by whom, and its papers.
func erase(tx store.Tx, id ID) error {
	m, err := load(tx, id)
	if err != nil {
		return err
	}
	if err := tx.Delete(businessBucket, string(m.Business)+"/"+string(id)); err != nil {
		return err
	}
	if err := tx.Delete(holderBucket, string(m.Holder)+"/"+string(m.Business)+"/"+string(id)); err != nil {
		return err
	}
	m.Terms.Erase()
	m.Title = ""
	if err := store.Save(tx, mandateBucket, string(id), m); err != nil {
		return err
	}
	var papers []string
	err = store.Each(tx, eventBucket, string(id)+"/", "", func(_ string, e Event) error {
		papers = append(papers, e.Statement)
		return nil
	})
	for _, name := range papers {
		if err == nil {
			err = eraseStatement(tx, id, name)
		}
	}
	return err
}

// eraseStatement erases a statement, unless it is another mandate's, which may
// be kept longer: a revocation that took this one along.
func eraseStatement(tx store.Tx, id ID, name string) error {
	s, err := store.Load[statement](tx, statementBucket, name)
	if err != nil || s.Mandate != id {
		return err
	}
	for _, v := range []*seal.Sealed{&s.Raw, &s.Document, &s.Answer} {
		v.Erase()
	}
	return store.Save(tx, statementBucket, name, s)
}

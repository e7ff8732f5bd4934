package consistency

import (
	"context"
	"maps"
	"slices"
	"time"

	"mohr/ca"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// recordsAtOnce is how many records one transaction reads.
const recordsAtOnce = 1000

// Stored returns the Check of a store that nobody writes to: a stopped
// service's, a copy, a backup. The log was verified by the caller.
func Stored(ctx context.Context, s store.Store, taken time.Time) (Check, error) {
	c := Check{
		Records: func(ctx context.Context, fn func(ca.Certificate) error) error { return eachRecord(ctx, s, fn) },
		Events:  func(ctx context.Context, fn func(ledger.Event) error) error { return ledger.EachEvent(ctx, s, fn) },
		Taken:   taken, Shards: map[ca.IssuerID]int{}, store: s,
	}
	err := s.View(ctx, func(tx store.Tx) (err error) {
		if c.Members, err = ca.Members(tx); err != nil {
			return err
		}
		for _, m := range c.Members {
			if m.Kind != ca.IssuingMember {
				continue
			}
			if c.Shards[ca.IssuerID(m.ID)], err = ca.Shards(tx, ca.IssuerID(m.ID)); err != nil {
				return err
			}
		}
		return nil
	})
	return c, err
}

func eachRecord(ctx context.Context, s store.Store, fn func(ca.Certificate) error) error {
	for after := ""; ; {
		var list []ca.Certificate
		err := s.View(ctx, func(tx store.Tx) error {
			return ca.EachCertificate(tx, after, func(c ca.Certificate) error {
				if list = append(list, c); len(list) == recordsAtOnce {
					return store.Stop
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		for _, c := range list {
			if err := fn(c); err != nil {
				return err
			}
			after = c.Serial
		}
		if len(list) < recordsAtOnce {
			return nil
		}
	}
}

// compareIndexes wants the store's other tables to say what the records say:
// the rows of the CRL shards, the intents, what waits to be retired.
func (r *run) compareIndexes(ctx context.Context) error {
	if r.store == nil {
		return nil
	}
	return r.store.View(ctx, func(tx store.Tx) error {
		if err := r.compareRows(tx); err != nil {
			return err
		}
		if err := r.compareIntents(tx); err != nil {
			return err
		}
		return r.compareRetiring(tx)
	})
}

// compareRows compares the CRL shards' rows with the revoked records.
func (r *run) compareRows(tx store.Tx) error {
	missing := map[string]ca.Certificate{}
	for _, byIssuer := range r.revoked {
		maps.Copy(missing, byIssuer)
	}
	err := ca.EachRow(tx, func(shard string, row ca.Revoked) error {
		c, ok := missing[row.Serial]
		switch {
		case !ok:
			r.report.add("row_orphan", row.Serial, "it is in the CRL shard %s and not revoked in the records", shard)
			return nil
		case shard != ca.ShardName(c.Issuer, c.Shard):
			r.report.add("row_differs", row.Serial, "it is in the CRL shard %s and belongs into %s", shard, ca.ShardName(c.Issuer, c.Shard))
		case row.Reason != c.Revoked.Reason || !row.At.Equal(c.Revoked.At):
			r.report.add("row_differs", row.Serial, "the CRL shard %s says %s at %s, the record %s at %s", shard, row.Reason, row.At, c.Revoked.Reason, c.Revoked.At)
		}
		delete(missing, row.Serial)
		return nil
	})
	for _, serial := range slices.Sorted(maps.Keys(missing)) {
		r.report.add("row_missing", serial, "it is %s and in no CRL shard", statusOf(missing[serial]))
	}
	return err
}

// compareIntents wants an intent for every pending record, and no other.
func (r *run) compareIntents(tx store.Tx) error {
	missing := maps.Clone(r.pending)
	err := ca.EachIntent(tx, func(serial string) error {
		if !missing[serial] {
			r.report.add("intent_orphan", serial, "a signature is planned for it, and its record is not pending")
		}
		delete(missing, serial)
		return nil
	})
	for _, serial := range slices.Sorted(maps.Keys(missing)) {
		r.report.add("intent_missing", serial, "it is pending, and no signature is planned: nothing will finish it")
	}
	return err
}

// compareRetiring wants a replaced certificate to be revoked, or to wait for it.
func (r *run) compareRetiring(tx store.Tx) error {
	waits := map[string]bool{}
	err := ca.EachRetiring(tx, func(serial string) error {
		waits[serial] = true
		return nil
	})
	if err != nil {
		return err
	}
	for _, serial := range slices.Sorted(maps.Keys(r.lines)) {
		l := r.lines[serial]
		if next := r.lines[l.replacedBy]; l.replacedBy != "" && next.state == ca.Issued && !l.revoked && !waits[serial] {
			r.report.add("lineage_two_live", serial, "%s has replaced it, and it neither is revoked nor waits to be", l.replacedBy)
		}
	}
	return nil
}

package bench

import (
	"context"
	"fmt"
	"net/http"

	"mohr/cmd/mohr/bench/load"
	"mohr/internal/ledger"
)

// weighAll compares everything that clients were told with the service, its
// store and its log, once all is well again.
func (k *soaking) weighAll(ctx context.Context) error {
	if err := k.settled(ctx); err != nil {
		return err
	}
	k.took = nil // the load is over
	if err := inParallel(k.Clients, k.deeds, func(d *deed) error { k.lastLook(ctx, d); return ctx.Err() }); err != nil {
		return err
	}
	if err := k.weighLists(ctx); err != nil {
		return err
	}
	if err := k.replay(ctx); err != nil {
		return err
	}
	return k.weighComplaints(ctx)
}

// weighLists asserts that the CRLs of both nodes have every revocation that a
// client was told of.
func (k *soaking) weighLists(ctx context.Context) error {
	for i := range k.nodes {
		_, plain := k.doors(i)
		crls := map[string][]byte{}
		for _, d := range k.deeds {
			if d.cert == nil || d.revoked.IsZero() {
				continue
			}
			path, err := d.crlPath()
			if err != nil {
				return err
			}
			if crls[path] == nil {
				status, body, err := once(ctx, plain, load.Get(path))
				if err != nil || status != http.StatusOK {
					return fmt.Errorf("%s after all faults are over: status %d, %w", path, status, err)
				}
				crls[path] = body
			}
			if err := lists(crls[path], d.issued.Serial); err != nil {
				k.blame(&k.damage.Wrong, d, "node %d: %v", i, err)
			}
		}
	}
	return nil
}

// weighComplaints asserts that the log has each complaint that a consumer was
// told of, once.
func (k *soaking) weighComplaints(ctx context.Context) error {
	leaves := map[string]int{}
	err := ledger.EachEvent(ctx, k.own, func(e ledger.Event) error {
		if e.Kind == "complaint.filed" {
			leaves[e.Subject]++
		}
		return nil
	})
	for id := range k.told {
		switch n := leaves[id]; {
		case n == 0:
			k.accuse(&k.damage.Lost, "complaint %s is not in the log", id)
		case n > 1:
			k.accuse(&k.damage.Doubled, "complaint %s is in the log %d times", id, n)
		}
	}
	return err
}

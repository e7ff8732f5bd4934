package status

import (
	"context"

	"mohr/ca"
	"mohr/internal/store"
)

// Known returns the latest revision of the shard that this node has heard of.
func (r *Responder) Known(id ca.IssuerID, shard int) int { return r.known.of(place{id, shard}) }

// Reaches reports whether the store can be asked again.
func (r *Responder) Reaches(ctx context.Context) bool {
	_, err := r.ask(ctx, func(store.Tx) error { return nil })
	return err == nil
}

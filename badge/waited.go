package badge

import (
	"fmt"
	"slices"
	"time"

	"mohr/internal/store"
)

// Waited is how many seconds a request waited, by whom it waited for: from its
// receipt, complete and signed, to its decision.
type Waited struct {
	Applicant int64 `json:"applicant"` // for nobody else
	Registry  int64 `json:"registry"`  // for a registry, and not for us
	Us        int64 `json:"us"`
}

// Total is the whole time.
func (w Waited) Total() time.Duration {
	return time.Duration(w.Applicant+w.Registry+w.Us) * time.Second
}

// Served is the time that the applicant could do nothing about.
func (w Waited) Served() time.Duration { return time.Duration(w.Registry+w.Us) * time.Second }

// wait counts the time since the last look for whom it was waited for then.
// Where several were missing it is the service's time before a registry's,
// and a registry's before the applicant's: in doubt against ourselves.
func (b *Badge) wait(now time.Time) {
	if !b.State.Open() {
		return
	}
	from := b.ClockAt
	if from.IsZero() {
		from = b.ReceivedAt
	}
	b.ClockAt = now
	passed := max(0, int64(now.Sub(from)/time.Second))
	switch {
	case b.State == Checking || len(b.WaitingFor) == 0 || slices.Contains(b.WaitingFor, ForUs):
		b.Waited.Us += passed
	case slices.Contains(b.WaitingFor, ForRegistry):
		b.Waited.Registry += passed
	default:
		b.Waited.Applicant += passed
	}
}

// waitedAt is Waited as it stands at now.
func (b Badge) waitedAt(now time.Time) Waited {
	b.wait(now) // of a copy
	return b.Waited
}

// Decided is a first decision, for the figures of the service.
type Decided struct {
	At      time.Time `json:"at"`
	Granted bool      `json:"granted"`
	Waited  Waited    `json:"waited"`
}

// decided keeps the decision just made for the figures.
func (b *Badge) decided(tx store.Tx) error {
	key := fmt.Sprintf("%016x/%s", b.DecidedAt.Unix(), b.ID)
	return store.Save(tx, decidedBucket, key, Decided{At: b.DecidedAt, Granted: b.State == Active, Waited: b.Waited})
}

package care

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"mohr/ca/acme"
	"mohr/ca/incident"
	"mohr/complaints"
	"mohr/complaints/opendata"
	"mohr/internal/nonce"
	"mohr/internal/otp"
	"mohr/internal/store"
	"mohr/internal/web"
)

// Pruned says how much of one kind goes, or went.
type Pruned struct {
	Kind    string `json:"kind"`
	Records int    `json:"records"` // of the store
}

// Prune counts, for each kind of record whose time is over, how many may go;
// yes deletes them. These are the service's own hourly jobs: they know no
// certificate, no evidence and no entry of the log. It is safe to repeat, and
// beside those jobs.
func Prune(ctx context.Context, s store.Store, yes bool) ([]Pruned, error) {
	r := newRehearsal(s)
	list, err := prune(ctx, r, func() int { return len(r.gone) })
	if err != nil || !yes {
		return list, err
	}
	_, err = prune(ctx, s, func() int { return 0 })
	return list, err
}

// prune runs every kind's job on s; gone says how many records went so far.
func prune(ctx context.Context, s store.Store, gone func() int) ([]Pruned, error) {
	// Pruning takes the store and the clock of a desk, nothing else.
	log := slog.New(slog.DiscardHandler)
	desk, err := web.New(web.Config{Store: s, Log: log, Portal: "https://localhost"})
	if err != nil {
		return nil, fmt.Errorf("prune: %w", err)
	}
	list := []Pruned{}
	for _, k := range []struct {
		name string
		job  func(context.Context) (int, error)
	}{
		{"used nonces", func(ctx context.Context) (int, error) { return new(nonce.Source).Prune(ctx, s) }},
		{"idempotency answers", func(ctx context.Context) (int, error) { return 0, desk.Prune(ctx) }},
		{"codes", (&otp.Codes{Config: otp.Config{Store: s, Now: time.Now}}).Prune},
		{"ACME orders", (&acme.Desk{Config: acme.Config{Store: s, Now: time.Now, Log: log}}).Prune},
		{"open data of old days", (&opendata.Publisher{Register: &complaints.Register{Store: s}}).Prune},
		{"plans", (&incident.Desk{Config: incident.Config{Store: s, Now: time.Now, Log: log}}).Prune},
	} {
		before := gone()
		if _, err := k.job(ctx); err != nil {
			return nil, err
		}
		list = append(list, Pruned{k.name, gone() - before})
	}
	return list, nil
}

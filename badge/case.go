package badge

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"mohr/internal/store"
)

// Case is what operators see of a badge: its public record, every decision
// with all it rested on, what operators did, and the appeal.
type Case struct {
	Record Record      `json:"record"`
	Traces []Trace     `json:"traces"`
	Deeds  []ShownDeed `json:"deeds"`
	Appeal string      `json:"appeal,omitempty"` // the reasons of the last one
}

// ShownDeed is a deed with its reasons.
type ShownDeed struct {
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Kind    DeedKind  `json:"kind"`
	Ground  Ground    `json:"ground"`
	Reasons string    `json:"reasons"`
}

// Case returns the case of a badge. Who may see it is for the caller to judge.
func (d *Desk) Case(ctx context.Context, id ID) (c Case, err error) {
	if c.Record, err = d.Show(ctx, id); err != nil {
		return c, err
	}
	if c.Traces, err = d.Traces(ctx, id); err != nil {
		return c, err
	}
	var b Badge
	var list []Deed
	err = d.Store.View(ctx, func(tx store.Tx) error {
		if b, err = LoadBadge(tx, id); err != nil {
			return err
		}
		list, err = deeds(tx, id)
		return err
	})
	if err != nil {
		return c, err
	}
	for _, deed := range list {
		reasons, err := d.Seal.Open(deedBucket, string(id), "reasons", deed.Reasons)
		if err != nil {
			return c, fmt.Errorf("open reasons: %w", err)
		}
		c.Deeds = append(c.Deeds, ShownDeed{At: deed.At, By: deed.By, Kind: deed.Kind, Ground: deed.Ground, Reasons: string(reasons)})
	}
	if b.Appeal != nil {
		reasons, err := d.Seal.Open(badgeBucket, string(id), "appeal", b.Appeal.Reasons)
		if err != nil {
			return c, fmt.Errorf("open appeal: %w", err)
		}
		c.Appeal = string(reasons)
	}
	return c, nil
}

// encoded is the case by the rules that its records are kept by.
func (c Case) encoded() ([]byte, error) { return json.Marshal(c) }

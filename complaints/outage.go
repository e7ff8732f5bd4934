package complaints

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Buckets of outages.
const (
	outageBucket  = "complaints_outages" // id -> Outage
	restingBucket = "complaints_resting" // id -> true, while the outage is being applied
)

const (
	maxOutage  = 30 * 24 * time.Hour // of one record
	maxOutAgo  = 90 * 24 * time.Hour // how long ago it may have begun
	outageLife = 7 * 24 * time.Hour  // how long a plan may be carried out
	// outageAlone is how many clocks one officer may move alone.
	outageAlone = 20
	// outageBatch is how many complaints one transaction looks at.
	outageBatch = 200
)

// OutageState is how far an outage has come.
type OutageState string

// The states of an outage.
const (
	OutagePlanned OutageState = "planned" // nothing was changed
	OutageRunning OutageState = "running" // recorded; clocks are being moved on
	OutageDone    OutageState = "done"
)

// OutagePlan is what is approved: for how long this service could not be
// reached, and how many clocks rest for it.
type OutagePlan struct {
	ID         string    `json:"id"`
	From       time.Time `json:"from"`
	To         time.Time `json:"to"` // not a part of it any more
	Reason     string    `json:"reason"`
	Clocks     int       `json:"clocks" doc:"complaints whose clock it moves on"`
	Needs      int       `json:"needs" doc:"persons who must approve"`
	ProposedBy string    `json:"proposed_by"`
	At         time.Time `json:"at"`
}

// Outage is a plan with what became of it.
type Outage struct {
	Plan     OutagePlan  `json:"plan"`
	SHA256   string      `json:"sha256" doc:"hex, of the plan as canonical JSON (RFC 8785)"`
	State    OutageState `json:"state"`
	By       string      `json:"by,omitempty" doc:"who carried it out"`
	Recorded time.Time   `json:"recorded,omitzero" doc:"when it was recorded: clocks rest as of then, not before"`
	Moved    int         `json:"moved" doc:"clocks moved on so far"`
	Approved []string    `json:"approved,omitempty" doc:"operators whose approval counts now"`
	Cursor   string      `json:"cursor,omitempty" doc:"the last one looked at"`
}

// OutageReasons is the closed set of reasons.
func OutageReasons() []string {
	return []string{"power", "network", "software", "attack", "maintenance"}
}

// Hash returns the hex SHA-256 of the plan as canonical JSON.
func (p OutagePlan) Hash() (string, error) { return commitment(p) }

// matter is the plan as it is approved.
func (o Outage) matter() approval.Matter {
	return approval.Matter{ID: o.Plan.ID, SHA256: o.SHA256, Right: ca.MayRule}
}

// PlanOutage makes a plan for the officer whose certificate leaf is, and
// changes nothing else: a dry run that says how many clocks would rest.
func (d *Desk) PlanOutage(ctx context.Context, leaf *x509.Certificate, from, to time.Time, reason string) (Outage, error) {
	o, err := d.CA.May(ctx, leaf, ca.MayRule)
	if err != nil {
		return Outage{}, err
	}
	now := d.now()
	from, to = from.UTC().Truncate(time.Second), to.UTC().Truncate(time.Second)
	switch {
	case !from.Before(to), to.After(now), to.Sub(from) > maxOutage, now.Sub(from) > maxOutAgo:
		return Outage{}, fault.New(fault.Invalid, "complaint_outage_time", "an outage began in the last %[1]d days, is over, and lasted at most %[2]d days; give its true times", int(maxOutAgo.Hours()/24), int(maxOutage.Hours()/24))
	case !slices.Contains(OutageReasons(), reason):
		return Outage{}, fault.New(fault.Invalid, "complaint_outage_reason", "an outage is of power, network, software, attack or maintenance; name one of these")
	}
	id := make([]byte, 16)
	rand.Read(id) // never fails (crypto/rand)
	out := Outage{State: OutagePlanned, Plan: OutagePlan{
		ID: "out-" + hex.EncodeToString(id), From: from, To: to, Reason: reason, ProposedBy: o.Actor(), At: now,
	}}
	for after := ""; ; {
		page, err := d.outagePage(ctx, after)
		if err != nil {
			return out, err
		}
		for _, r := range page {
			if r.row.restsFor(out.rest(now)) {
				out.Plan.Clocks++
			}
		}
		if len(page) < outageBatch {
			break
		}
		after = page[len(page)-1].key
	}
	if out.Plan.Clocks > outageAlone {
		out.Plan.Needs = 2
	}
	if out.SHA256, err = out.Plan.Hash(); err != nil {
		return out, err
	}
	return out, d.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := ca.MayIn(tx, leaf, ca.MayRule, now); err != nil {
			return err
		}
		return store.Save(tx, outageBucket, out.Plan.ID, out)
	})
}

// keyedRow is a row with its key.
type keyedRow struct {
	key string
	row Row
}

func (d *Desk) outagePage(ctx context.Context, after string) (page []keyedRow, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) (err error) {
		page, err = rowsAfter(tx, after)
		return err
	})
	return page, err
}

// rowsAfter returns up to outageBatch rows after the key.
func rowsAfter(tx store.Tx, after string) (page []keyedRow, err error) {
	err = store.Each(tx, rowBucket, "", after, func(key string, r Row) error {
		if page = append(page, keyedRow{key, r}); len(page) == outageBatch {
			return store.Stop
		}
		return nil
	})
	return page, err
}

func (o Outage) rest(at time.Time) Rest {
	return Rest{Span: Span{From: o.Plan.From.Unix(), To: o.Plan.To.Unix()}, At: at.Unix()}
}

// restsFor reports whether the clock ran in the outage and would rest. One
// that was set aside counts too: that may fall on appeal.
func (r Row) restsFor(o Rest) bool {
	r.Ended, r.Out = cmp.Or(r.Ended, r.Out), 0
	before, _ := r.at(o.At)
	r.Rest = append(slices.Clone(r.Rest), o)
	after, _ := r.at(o.At)
	return before.start != after.start
}

// loadOutage reads an outage with who approves it now.
func loadOutage(tx store.Tx, id string, now time.Time) (o Outage, err error) {
	o, err = store.Load[Outage](tx, outageBucket, id)
	if id == "" || errors.Is(err, store.ErrNotFound) {
		return o, fault.New(fault.NotFound, "complaint_outage_unknown", "there is no outage of this name; see the list")
	}
	if err != nil {
		return o, err
	}
	good, err := approval.Counting(tx, o.matter(), now)
	o.Approved = nil
	for _, a := range good {
		o.Approved = append(o.Approved, a.Operator)
	}
	return o, err
}

// Outage returns an outage by its id; NotFound if there is none.
func (d *Desk) Outage(ctx context.Context, id string) (o Outage, err error) {
	now := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		o, err = loadOutage(tx, id, now)
		return err
	})
	return o, err
}

// ApproveOutage takes an officer's signed approval of a plan in.
func (d *Desk) ApproveOutage(ctx context.Context, id string, s approval.Signed) (Outage, error) {
	o, err := d.Outage(ctx, id)
	if err != nil {
		return o, err
	}
	now := d.now()
	_, err = d.approvals.Give(ctx, o.matter(), s, func(tx store.Tx) error {
		o, err := loadOutage(tx, id, now)
		if err != nil {
			return err
		}
		return o.mayBegin(now)
	})
	if err != nil {
		return Outage{}, err
	}
	return d.Outage(ctx, id)
}

// mayBegin refuses a plan that was begun or whose time is over.
func (o Outage) mayBegin(now time.Time) error {
	switch {
	case o.State != OutagePlanned:
		return fault.New(fault.Conflict, "complaint_outage_begun", "this outage is recorded already; there is nothing left to approve")
	case now.After(o.Plan.At.Add(outageLife)):
		return fault.New(fault.Conflict, "complaint_outage_expired", "the time of this plan is over; make a new one")
	}
	return nil
}

// RecordOutage records a planned outage for the officer whose certificate leaf
// is, with one entry of the log, and moves on the clocks that ran in it. Where
// that is broken off the job RestClocks goes on. Doing it again changes nothing.
func (d *Desk) RecordOutage(ctx context.Context, leaf *x509.Certificate, id string) (Outage, error) {
	now := d.now()
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		o, err := ca.MayIn(tx, leaf, ca.MayRule, now)
		if err != nil {
			return err
		}
		out, err := loadOutage(tx, id, now)
		if err != nil || out.State != OutagePlanned {
			return err
		}
		if err := out.mayBegin(now); err != nil {
			return err
		}
		if len(out.Approved) < out.Plan.Needs {
			return fault.New(fault.Denied, "complaint_outage_unapproved", "this outage moves many clocks and needs the signed approval of %[1]d persons; %[2]d count so far", out.Plan.Needs, len(out.Approved))
		}
		out.State, out.By, out.Recorded = OutageRunning, o.Actor(), now
		if err := store.Save(tx, outageBucket, id, out); err != nil {
			return err
		}
		if err := store.Save(tx, restingBucket, id, true); err != nil {
			return err
		}
		return ledger.Append(tx, ledger.Event{Kind: "complaint.outage", Subject: id, At: now, Hash: out.SHA256, Note: out.Plan.Reason})
	})
	if err != nil {
		return Outage{}, fmt.Errorf("record outage: %w", err)
	}
	return d.rest(ctx, id)
}

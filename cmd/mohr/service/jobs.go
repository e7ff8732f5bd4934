package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mohr/ca/ceremony"
	"mohr/ca/csc"
	"mohr/internal/jobs"
	"mohr/internal/store"
)

// duty is a job and where it is done. Every node does what is Everywhere.
type duty struct {
	Name       string
	Every      time.Duration
	Run        func(context.Context) error
	Everywhere bool
	Clockless  bool   // it decides nothing by the time
	On         []Role // a node with one of these does it; nil: with the role jobs
}

// job is the duty for a node that does it; false for one that leaves it to others.
func (d duty) job(has func(Role) bool) (jobs.Job, bool) {
	on := d.On
	if on == nil {
		on = []Role{RoleJobs}
	}
	return jobs.Job{Name: d.Name, Every: d.Every, Run: d.Run, Everywhere: d.Everywhere, Clockless: d.Clockless}, d.Everywhere || slices.ContainsFunc(on, has)
}

// withKeys is where CRLs, and what a ceremony left, are signed.
var withKeys = []Role{RoleCA}

// schedule lists the periodic work. Every job may be repeated at any time. The
// log goes on where the keys are, too, so that the first node of a service can
// begin it.
func (r *rooms) schedule() []duty {
	list := []duty{
		{Name: "sequence", Every: 250 * time.Millisecond, Run: r.Ledger.Sequence, Clockless: true, On: []Role{RoleJobs, RoleCA}},
		{Name: "pulse", Every: time.Second, Run: func(ctx context.Context) error { return store.Pulse(ctx, r.Store) }, Everywhere: true},
		{Name: "sweep", Every: time.Minute, Run: counted(r.CA.Sweep)},
		{Name: "retire", Every: time.Minute, Run: r.CA.Retire},
		{Name: "end-holds", Every: time.Hour, Run: r.CA.EndHolds},
		{Name: "follow-mandates", Every: time.Minute, Run: r.mandate.Follow},
		{Name: "retain-mandates", Every: time.Hour, Run: r.mandate.Retain},
		{Name: "continue-plans", Every: 10 * time.Second, Run: r.incident.Continue},
		{Name: "prune-plans", Every: time.Hour, Run: counted(r.incident.Prune)},
		{Name: "watch-clock", Every: 5 * time.Second, Run: r.Clock.Watch, Everywhere: true},
		{Name: "follow-status", Every: 500 * time.Millisecond, Run: r.status.Follow, Everywhere: true},
		{Name: "presign-status", Every: time.Minute, Run: r.status.Presign, Everywhere: true},
		{Name: "count-key-uses", Every: time.Minute, Run: r.Custody.Count, Everywhere: true},
		{Name: "refresh-crls", Every: time.Minute, Run: r.status.Refresh, On: withKeys},
		{Name: "renew-certificates", Every: time.Minute, Run: r.renewCertificates, Everywhere: true},
		{Name: "stamp-ceremonies", Every: time.Hour, Run: func(ctx context.Context) error { return ceremony.Stamp(ctx, r.ceremony(), r.unit.Stamp) }, On: withKeys},
		{Name: "renew-root-crl", Every: 24 * time.Hour, Run: func(ctx context.Context) error { return ceremony.RenewCRL(ctx, r.ceremony()) }, On: withKeys},
		{Name: "reload-chip-trust", Every: time.Minute, Run: r.reloadChips, Everywhere: true},
		{Name: "resume-applications", Every: 2 * time.Second, Run: r.enroll.Resume},
		{Name: "retain-applications", Every: time.Hour, Run: r.enroll.Retain},
		{Name: "revoke-unconfirmed", Every: time.Minute, Run: r.cmp.Lapse},
		{Name: "prune-cmp", Every: time.Hour, Run: r.cmp.Prune},
		{Name: "prune-secrets", Every: time.Minute, Run: r.enroll.PruneSecrets},
		{Name: "watch-vendors", Every: 24 * time.Hour, Run: r.enroll.WatchVendors},
		{Name: "expire-applications", Every: time.Minute, Run: r.enroll.Expire},
		{Name: "recheck-badges", Every: 30 * time.Second, Run: r.badge.Recheck},
		{Name: "serve-complaints", Every: 30 * time.Second, Run: r.complaints.ServeWaiting},
		{Name: "rest-clocks", Every: time.Minute, Run: r.complaints.RestClocks},
		{Name: "tell-businesses", Every: time.Minute, Run: r.complaints.NotifyServed},
		{Name: "tell-consumers", Every: 30 * time.Second, Run: r.complaints.TellConsumers},
		{Name: "prune-complaint-drafts", Every: time.Hour, Run: counted(r.complaints.PruneDrafts)},
		{Name: "fold-counts", Every: 10 * time.Second, Run: counted(r.complaints.Register().Fold), Clockless: true},
		{Name: "count-country", Every: 10 * time.Minute, Run: r.statistics.Count},
		{Name: "publish-open-data", Every: 10 * time.Minute, Run: r.opendata.Publish},
		{Name: "prune-open-data", Every: time.Hour, Run: counted(r.opendata.Prune)},
		{Name: "list-badges-by-business", Every: time.Hour, Run: r.badge.IndexOwn},
		{Name: "count-badge-months", Every: time.Hour, Run: r.badge.CountMonths},
		{Name: "watch-late-badges", Every: time.Minute, Run: r.badge.WatchLate},
		{Name: "flush-badge-copies", Every: time.Minute, Run: r.badge.FlushCopies, Everywhere: true},
		{Name: "badge-notices", Every: time.Minute, Run: r.badge.SendNotices},
		{Name: "renewal-notices", Every: time.Minute, Run: r.renew.SendNotices},
		{Name: "remind-of-renewal", Every: time.Minute, Run: r.renew.Remind},
		{Name: "index-log", Every: 2 * time.Second, Run: r.Ledger.IndexSubjects, Clockless: true},
		{Name: "prune-answers", Every: time.Hour, Run: r.web.Prune},
		{Name: "prune-sessions", Every: 10 * time.Minute, Run: counted(r.signin.Prune)},
		{Name: "prune-acme", Every: time.Hour, Run: counted(r.acme.Prune)},
		{Name: "prune-codes", Every: time.Hour, Run: counted(r.codes.Prune)},
		{Name: "prune-csc", Every: time.Minute, Run: counted(func(ctx context.Context) (int, error) { return csc.Prune(ctx, r.Store, r.Clock.Time()) })},
		{Name: "prune-nonces", Every: time.Hour, Run: counted(func(ctx context.Context) (int, error) { return r.nonces.Prune(ctx, r.Store) })},
	}
	if r.scep != nil {
		list = append(list, duty{Name: "prune-scep", Every: time.Hour, Run: r.scep.Prune})
	}
	return list
}

// counted makes a job of work that says how much it did.
func counted[T any](work func(context.Context) (T, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := work(ctx)
		return err
	}
}

// startJobs runs the schedule until ctx ends.
func (r *rooms) startJobs(ctx context.Context) (*jobs.Runner, error) {
	node, err := r.node()
	if err != nil {
		return nil, fmt.Errorf("name of this node: %w", err)
	}
	var list []jobs.Job
	for _, d := range r.schedule() {
		if j, mine := d.job(r.Config.Roles.Has); mine {
			list = append(list, j)
		}
	}
	return jobs.Start(ctx, jobs.Config{Now: r.Clock.Time, Clock: r.Clock.Check, Store: r.Store, Log: r.Log, Node: node}, list...)
}

// ready says what is missing for the service to do its work: a store that
// records, a log, keys within reach.
func (r *rooms) ready(ctx context.Context) error {
	if err := r.Store.Update(ctx, func(tx store.Tx) error { return store.Save(tx, "ground", "ready", true) }); err != nil {
		return err
	}
	_, err := r.Ledger.Checkpoint(ctx)
	return errors.Join(err, r.Ring.Check(ctx), r.status.Ready(ctx))
}

package consistency

import (
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"time"

	"mohr/ca"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Check says what is compared with what.
type Check struct {
	// Records calls fn with every certificate's record. A record without DER
	// is one whose certificate is not at hand: it is compared as far as it goes.
	Records func(ctx context.Context, fn func(ca.Certificate) error) error
	// Events calls fn with every entry of the log, which has been verified,
	// and with those that wait for their place.
	Events  func(ctx context.Context, fn func(ledger.Event) error) error
	Members []ca.Member         // the hierarchy
	Shards  map[ca.IssuerID]int // CRL shards of each issuing CA; nil: not known, they are counted at the service
	Taken   time.Time           // moment of the records; what changed after it is no contradiction
	// Live is the service to ask; nil: records and log alone are compared.
	Live     *Live
	Progress func(step string, done int) // nil: not wanted

	store store.Store // of Stored: its other tables are compared too; nil for none
}

// issuer is an issuing CA as the records know it.
type issuer struct {
	id          ca.IssuerID
	certificate *x509.Certificate
	shards      int  // -1: not known
	answers     bool // it has CRLs and OCSP: it is not revoked and its life is not over
}

// run is a Check at work.
type run struct {
	Check
	report  Report
	log     histories
	made    authorities
	issuers map[ca.IssuerID]issuer
	lines   map[string]link                           // of certificates that replace or are replaced
	pending map[string]bool                           // serials
	revoked map[ca.IssuerID]map[string]ca.Certificate // by issuer and serial; without DER
	asked   sample
}

// Run compares, and returns what it found; the error says why it could not.
func (c Check) Run(ctx context.Context) (Report, error) {
	r := &run{
		Check: c, log: histories{}, made: authorities{}, issuers: map[ca.IssuerID]issuer{}, lines: map[string]link{}, pending: map[string]bool{},
		revoked: map[ca.IssuerID]map[string]ca.Certificate{}, report: Report{Taken: c.Taken, Findings: []Finding{}},
	}
	if c.Progress == nil {
		r.Progress = func(string, int) {}
	}
	if c.Live != nil {
		r.asked.size = c.Live.Sample
	}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{{"log", r.readLog}, {"hierarchy", r.compareHierarchy}, {"records", r.readRecords}, {"lineage", r.compareLines}, {"tables", r.compareIndexes}, {"service", r.compareLive}} {
		if err := step.do(ctx); err != nil {
			return r.report, fmt.Errorf("check %s: %w", step.name, err)
		}
	}
	return r.report, nil
}

func (r *run) readLog(ctx context.Context) error {
	return r.Events(ctx, func(e ledger.Event) error {
		if r.report.Entries++; r.report.Entries%10_000 == 0 {
			r.Progress("log", int(r.report.Entries))
		}
		r.log.add(e)
		r.made.add(e)
		return nil
	})
}

// readRecords compares every record with the log and itself; what the log
// has beyond that, no record answers for.
func (r *run) readRecords(ctx context.Context) error {
	err := r.Records(ctx, func(c ca.Certificate) error {
		if r.report.Certificates++; r.report.Certificates%1000 == 0 {
			r.Progress("records", r.report.Certificates)
		}
		r.record(c)
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	for _, serial := range slices.Sorted(maps.Keys(r.log)) {
		if h := r.log[serial]; h != nil {
			r.report.add("leaf_orphan", serial, "the log speaks of this certificate, and there is no record of it")
		}
	}
	return nil
}

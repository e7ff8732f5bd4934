package badge

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"mohr/internal/store"
)

const (
	// servicePeriod is how far back the figures of the service look.
	servicePeriod = 30 * 24 * time.Hour
	// serviceFresh is how long they are given out again.
	serviceFresh = time.Minute
	// promised is within how long a decision is to be made, and lateAt when
	// one that is not made yet raises an alarm.
	promised = time.Hour
	lateAt   = 45 * time.Minute
)

// ServiceLevel is how fast requests were decided in the last 30 days. ServiceTimes
// are in seconds, quantiles nearest-rank; where nothing was decided there are none.
type ServiceLevel struct {
	From    time.Time `json:"from"`
	At      time.Time `json:"at"`
	Decided int       `json:"decided"`
	Granted int       `json:"granted"`
	// Whole is from the complete signed request to the decision, Served what
	// of that the applicant could do nothing about.
	Whole  ServiceTimes `json:"whole"`
	Served ServiceTimes `json:"served"`
	Waited Waited       `json:"waited" doc:"seconds waited by all requests together, by whom for"`
	Open   int          `json:"open" doc:"requests not decided yet"`
	Late   int          `json:"late" doc:"of these, those that wait for a registry or for us for more than 45 minutes"`
	Oldest int64        `json:"oldest" doc:"seconds that the longest of these has waited so, without the applicant's time"`
}

// ServiceTimes are figures over lengths of time.
type ServiceTimes struct {
	P50          *int64   `json:"p50,omitempty"`
	P95          *int64   `json:"p95,omitempty"`
	WithinAnHour *float64 `json:"within_an_hour,omitempty" doc:"share of all decided"`
}

// Half and Most are P50 and P95 as lengths of time, for pages.
func (t ServiceTimes) Half() time.Duration { return seconds(t.P50) }

// Most is P95.
func (t ServiceTimes) Most() time.Duration { return seconds(t.P95) }

// Share is WithinAnHour, for pages.
func (t ServiceTimes) Share() float64 {
	if t.WithinAnHour == nil {
		return 0
	}
	return *t.WithinAnHour
}

func seconds(n *int64) time.Duration {
	if n == nil {
		return 0
	}
	return time.Duration(*n) * time.Second
}

// ApplicantTime is how long all together waited for applicants, for pages.
func (l ServiceLevel) ApplicantTime() time.Duration { return seconds(&l.Waited.Applicant) }

// RegistryTime is how long all together waited for registries.
func (l ServiceLevel) RegistryTime() time.Duration { return seconds(&l.Waited.Registry) }

// OurTime is how long all together waited for this service.
func (l ServiceLevel) OurTime() time.Duration { return seconds(&l.Waited.Us) }

// timesOf counts. It sorts the list.
func timesOf(list []int64) ServiceTimes {
	if len(list) == 0 {
		return ServiceTimes{}
	}
	slices.Sort(list)
	rank := func(p float64) *int64 { return &list[max(0, int(math.Ceil(p*float64(len(list))))-1)] }
	within := 0
	for _, n := range list {
		if n <= int64(promised/time.Second) {
			within++
		}
	}
	share := float64(within) / float64(len(list))
	return ServiceTimes{P50: rank(0.5), P95: rank(0.95), WithinAnHour: &share}
}

// serviceLevels keeps the figures for a while. The zero value is ready.
type serviceLevels struct {
	mu   sync.Mutex
	last ServiceLevel // guarded by mu
}

// ServiceLevel returns the figures, at most a minute old.
func (d *Desk) ServiceLevel(ctx context.Context) (ServiceLevel, error) {
	now := d.now()
	d.levels.mu.Lock()
	defer d.levels.mu.Unlock()
	if last := d.levels.last; !last.At.IsZero() && now.Sub(last.At).Abs() < serviceFresh {
		return last, nil
	}
	l, err := d.countService(ctx, now)
	if err == nil {
		d.levels.last = l
	}
	return l, err
}

func (d *Desk) countService(ctx context.Context, now time.Time) (l ServiceLevel, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		l = ServiceLevel{From: now.Add(-servicePeriod), At: now}
		var whole, served []int64
		after := fmt.Sprintf("%016x/", l.From.Unix())
		err := store.Each(tx, decidedBucket, "", after, func(_ string, c Decided) error {
			l.Decided++
			if c.Granted {
				l.Granted++
			}
			whole = append(whole, int64(c.Waited.Total()/time.Second))
			served = append(served, int64(c.Waited.Served()/time.Second))
			l.Waited.Applicant += c.Waited.Applicant
			l.Waited.Registry += c.Waited.Registry
			l.Waited.Us += c.Waited.Us
			return nil
		})
		if err != nil {
			return err
		}
		l.Whole, l.Served = timesOf(whole), timesOf(served)
		return eachOpen(tx, func(b Badge) error {
			l.Open++
			waits := b.waitedAt(now).Served()
			if l.Oldest = max(l.Oldest, int64(waits/time.Second)); waits > lateAt {
				l.Late++
			}
			return nil
		})
	})
	if err != nil {
		return l, fmt.Errorf("service level of badges: %w", err)
	}
	return l, nil
}

// eachOpen calls fn with every request that is not decided.
func eachOpen(tx store.Tx, fn func(Badge) error) error {
	return store.Each(tx, openBucket, "", "", func(_ string, id ID) error {
		b, err := LoadBadge(tx, id)
		if err != nil || !b.State.Open() {
			return err
		}
		return fn(b)
	})
}

// WatchLate is a job: it says, once for each, which requests wait for a
// registry or for us for more than 45 minutes, and which appeals are overdue.
func (d *Desk) WatchLate(ctx context.Context) error {
	now := d.now()
	var late, overdue []Badge
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		late, overdue = nil, nil
		var all []Badge
		if err := eachOpen(tx, func(b Badge) error { all = append(all, b); return nil }); err != nil {
			return err
		}
		for _, b := range all {
			if b.Alarmed || b.waitedAt(now).Served() <= lateAt {
				continue
			}
			b.Alarmed = true
			late = append(late, b)
			if err := b.save(tx); err != nil {
				return err
			}
		}
		appeals, err := openAppeals(tx)
		if err != nil {
			return err
		}
		for _, b := range appeals {
			if b.Appeal.Late || !now.After(b.Appeal.Deadline) {
				continue
			}
			a := *b.Appeal
			a.Late = true
			b.Appeal = &a
			overdue = append(overdue, b)
			if err := b.save(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("watch late badges: %w", err)
	}
	for _, b := range late {
		d.Log.Error("badge request is late", "badge", b.ID, "waiting_for", b.WaitingFor, "why", b.Why)
	}
	for _, b := range overdue {
		d.Log.Error("badge appeal is overdue", "badge", b.ID, "deadline", b.Appeal.Deadline)
	}
	return nil
}

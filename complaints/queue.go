package complaints

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Task is what an officer is to do.
type Task string

// The tasks.
const (
	TaskFlagged   Task = "flagged"   // look at it before it is served
	TaskEscalated Task = "escalated" // decide
	TaskAppeal    Task = "appeal"    // decide of another officer's decision
	TaskOrder     Task = "order"     // is there really no such order?
)

// Tasks returns all tasks, the most urgent kind first.
func Tasks() []Task { return []Task{TaskFlagged, TaskAppeal, TaskEscalated, TaskOrder} }

// queueBucket is what waits for officers: task/due/complaint/business -> Queued.
const queueBucket = "complaints_queue"

// Queued is a complaint that waits for an officer.
type Queued struct {
	Task      Task          `json:"task"`
	Complaint string        `json:"complaint"`
	Business  ca.BusinessID `json:"business"`
	Category  Category      `json:"category"`
	Due       time.Time     `json:"due" doc:"a flagged one is served then; the others are late from then on"`
	Late      bool          `json:"late"`
}

// tasks returns what an officer is to do, with the time until which.
func (s Status) tasks() map[Task]time.Time {
	tasks := map[Task]time.Time{}
	switch s.State {
	case StateFiled:
		tasks[TaskFlagged] = s.DueBy
	case StateEscalated:
		tasks[TaskEscalated] = s.DueBy
	case StateUnderAppeal:
		tasks[TaskAppeal] = s.DueBy
	}
	if s.allows(KindOrderFound) == nil {
		tasks[TaskOrder] = s.Answered.Add(DecisionTime)
	}
	return tasks
}

// queue brings what waits for officers in line with how m stands now. A
// complaint that has just been filed and not yet flagged waits for nobody.
func (m matter) queue(tx store.Tx, before, now Status) error {
	had, has := before.tasks(), now.tasks()
	for _, t := range Tasks() {
		was, is := had[t], has[t]
		if was.Equal(is) {
			continue
		}
		if !was.IsZero() {
			if err := tx.Delete(queueBucket, m.queueKey(t, was)); err != nil {
				return err
			}
		}
		if !is.IsZero() {
			if err := store.Save(tx, queueBucket, m.queueKey(t, is), Queued{Task: t, Complaint: m.ID, Business: m.Business, Category: m.Category, Due: is}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m matter) queueKey(t Task, due time.Time) string {
	return fmt.Sprintf("%s/%012d/%s", t, due.Unix(), m.key())
}

// maxQueue bounds a page of the queue.
const maxQueue = 200

// Queue returns what waits for the officer whose certificate leaf is, by due
// time, at most maxQueue of one task, or of each task for "". What concerns a
// business for which he acts is left out. A task that is none is Invalid.
func (d *Desk) Queue(ctx context.Context, leaf *x509.Certificate, task Task) ([]Queued, error) {
	tasks := Tasks()
	if task != "" {
		tasks = nil
		for _, t := range Tasks() {
			if t == task {
				tasks = []Task{t}
			}
		}
	}
	if tasks == nil {
		return nil, fault.New(fault.Invalid, "complaint_task_unknown", "the queue has flagged, appeal, escalated and order; name one of these, or none")
	}
	var list []Queued
	now := d.now()
	err := d.Store.View(ctx, func(tx store.Tx) (err error) {
		list, err = d.queueFor(tx, leaf, tasks, now)
		return err
	})
	return list, err
}

// queueFor is Queue in one transaction, at now.
func (d *Desk) queueFor(tx store.Tx, leaf *x509.Certificate, tasks []Task, now time.Time) ([]Queued, error) {
	o, err := d.acting(tx, leaf, now)
	if err != nil {
		return nil, err
	}
	list := []Queued{}
	for _, t := range tasks {
		some, err := queued(tx, t, maxQueue, d.notHis(tx, o))
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	for i := range list {
		list[i].Late = now.After(list[i].Due)
	}
	return list, nil
}

// notHis says of what waits whether the operator may see it: not, if he acts
// for one of the businesses that the complaint is against.
func (d *Desk) notHis(tx store.Tx, o ca.OperatorRecord) func(Queued) (bool, error) {
	known := map[ca.BusinessID]bool{}
	return func(q Queued) (bool, error) {
		f, err := loadFile(tx, q.Complaint)
		if err != nil {
			return false, err
		}
		for _, b := range f.businesses() {
			acts, asked := known[b]
			if !asked {
				if acts, err = d.actsFor(tx, o, b); err != nil {
					return false, err
				}
				known[b] = acts
			}
			if acts {
				return false, nil
			}
		}
		return true, nil
	}
}

// anybody sees all that waits.
func anybody(Queued) (bool, error) { return true, nil }

// queuedAtOnce is how many entries are read before others are asked about.
const queuedAtOnce = 200

// queued returns the first entries of a task that may be seen.
func queued(tx store.Tx, t Task, limit int, sees func(Queued) (bool, error)) (list []Queued, err error) {
	prefix, after := string(t)+"/", ""
	for {
		var keys []string
		var some []Queued
		err := store.Each(tx, queueBucket, prefix, after, func(key string, q Queued) error {
			keys, some = append(keys, key), append(some, q)
			if len(some) == queuedAtOnce {
				return store.Stop
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for _, q := range some {
			if ok, err := sees(q); err != nil {
				return nil, err
			} else if !ok {
				continue
			}
			if list = append(list, q); len(list) == limit {
				return list, nil
			}
		}
		if len(some) < queuedAtOnce {
			return list, nil
		}
		after = keys[len(keys)-1]
	}
}

// serveAtOnce bounds what one run of ServeWaiting serves in a transaction.
const serveAtOnce = 100

// ServeWaiting serves the complaints that were flagged and that no officer
// looked at in time: neither side waits for us. It is a job, safe to repeat.
func (d *Desk) ServeWaiting(ctx context.Context) error {
	for {
		now := d.now()
		var due []Queued
		err := d.Store.View(ctx, func(tx store.Tx) (err error) {
			due, err = queued(tx, TaskFlagged, serveAtOnce, anybody)
			return err
		})
		if err != nil {
			return err
		}
		served := 0
		for _, q := range due {
			if now.Before(q.Due) {
				break
			}
			if err := d.letThrough(ctx, q, now); err != nil {
				return fmt.Errorf("serve complaint %s: %w", q.Complaint, err)
			}
			d.tell(ctx, q.Complaint+"/"+businessKey(string(q.Business)))
			served++
		}
		if served < serveAtOnce {
			return nil
		}
	}
}

// letThrough admits and serves one for the service. One that an officer was
// quicker with is left as it is.
func (d *Desk) letThrough(ctx context.Context, q Queued, now time.Time) error {
	admitted := Event{Kind: KindAdmitted, At: now, Actor: "service", Reason: "time_over", Salt: newSalt()}
	served := Event{Kind: KindServed, At: now, Actor: "service", Salt: newSalt()}
	return d.Store.Update(ctx, func(tx store.Tx) error {
		m, events, err := loadMatter(tx, q.Complaint, q.Business)
		if err != nil {
			return err
		}
		if s := Derive(events, notBefore(events, now)); s.State != StateFiled || now.Before(s.DueBy) {
			return nil
		}
		if events, err = m.add(tx, events, admitted); err != nil {
			return err
		}
		_, err = d.serve(tx, m, events, served)
		return err
	})
}

// complaintOf returns the complaint's id of a matter's key.
func complaintOf(key string) string {
	id, _, _ := strings.Cut(key, "/")
	return id
}

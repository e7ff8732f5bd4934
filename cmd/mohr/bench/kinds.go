package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"mohr/cmd/mohr/bench/load"
	"mohr/internal/store"
)

// fault is one way to break the service for a while.
type fault struct {
	kind string
	run  func(ctx context.Context, b *breaking, d time.Duration) error
}

// possible are the ways that a service can be broken here. Their order counts:
// the dice choose by it.
func (b *breaking) possible() []fault {
	list := []fault{
		{"a process is killed", func(ctx context.Context, b *breaking, d time.Duration) error { return b.kill(ctx, d, b.victim()) }},
		{"a process hangs", func(ctx context.Context, b *breaking, d time.Duration) error { return hang(ctx, 2*d, b.one().process) }},
		{"the process with the log's sequencer hangs past its leases", func(ctx context.Context, b *breaking, d time.Duration) error {
			return hang(ctx, leases+d, b.holder(ctx).process)
		}},
		{"the registry hangs", func(ctx context.Context, b *breaking, d time.Duration) error { return hang(ctx, 2*d, b.children[0]) }},
		{"the registry answers every other question", func(ctx context.Context, b *breaking, d time.Duration) error { return b.flap(ctx, 4*d) }},
		{"the time references contradict the clock", func(ctx context.Context, b *breaking, d time.Duration) error { return b.shift(ctx, d) }},
		{"a storm of conflicts", func(ctx context.Context, b *breaking, d time.Duration) error { return b.storm(ctx, 2*d) }},
	}
	if !b.SpareFirst {
		list = append(list,
			fault{"both processes are killed", func(ctx context.Context, b *breaking, d time.Duration) error { return b.kill(ctx, d, b.nodes...) }},
			fault{"the process with the log's sequencer is killed", func(ctx context.Context, b *breaking, d time.Duration) error { return b.kill(ctx, d, b.holder(ctx)) }})
	}
	if b.Cut != nil {
		list = append(list, fault{"the database cuts everyone off", func(ctx context.Context, b *breaking, _ time.Duration) error { return b.cut() }})
	}
	if b.Kill != nil {
		list = append(list,
			fault{"the database dies", func(ctx context.Context, b *breaking, d time.Duration) error { return b.outage(ctx, d, b.Kill) }},
			fault{"the database is stopped", func(ctx context.Context, b *breaking, d time.Duration) error { return b.outage(ctx, d, b.Stop) }},
			fault{"the database dies, then a process", func(ctx context.Context, b *breaking, d time.Duration) error {
				n := b.victim()
				err := b.outage(ctx, d, func() { b.Kill(); n.process.Kill() })
				return errors.Join(err, b.restart(ctx, n))
			}})
	}
	if b.Failover != nil {
		list = append(list, fault{"the database gives way to its standby", func(ctx context.Context, b *breaking, d time.Duration) error { return b.outage(ctx, d, b.Failover) }})
	}
	if b.KeysGone != nil {
		list = append(list, fault{"the home of the keys dies", func(ctx context.Context, b *breaking, d time.Duration) error {
			b.KeysGone()
			wait(ctx, 4*d)
			b.KeysBack()
			return ctx.Err()
		}})
	}
	return append(list, b.clockKinds()...)
}

// leases is longer than a lost node keeps the leases of its jobs
// (internal/jobs).
const leases = 16 * time.Second

// one is a node that the dice choose.
func (b *breaking) one() *node { return b.nodes[b.dice.IntN(len(b.nodes))] }

// victim is one that may be killed.
func (b *breaking) victim() *node {
	if b.SpareFirst {
		return b.nodes[1+b.dice.IntN(len(b.nodes)-1)]
	}
	return b.one()
}

func (b *breaking) kill(ctx context.Context, d time.Duration, nodes ...*node) error {
	for _, n := range nodes {
		n.process.Kill()
	}
	wait(ctx, d)
	return b.restart(ctx, nodes...)
}

// restart starts nodes that were killed; they have other doors from then on.
func (b *breaking) restart(ctx context.Context, nodes ...*node) error {
	for _, n := range nodes {
		fresh := *n
		if err := b.run(ctx, &fresh); err != nil {
			return err
		}
		b.mu.Lock()
		*n = fresh
		b.portal, b.plain, b.ops = b.nodes[0].portal, b.nodes[0].plain, b.nodes[0].ops
		b.mu.Unlock()
	}
	return nil
}

// hang stops a process for a while, as if it had lost its processor.
func hang(ctx context.Context, d time.Duration, p *load.Process) error {
	err := p.Signal(syscall.SIGSTOP)
	wait(ctx, d)
	return errors.Join(err, p.Signal(syscall.SIGCONT))
}

// outage takes the database away for a while.
func (b *breaking) outage(ctx context.Context, d time.Duration, down func()) error {
	end := b.isAway()
	down()
	wait(ctx, d)
	b.Start()
	end()
	return ctx.Err()
}

func (b *breaking) cut() error {
	end := b.isAway()
	b.Cut()
	end()
	return nil
}

// storm writes again and again what is there already to records that every
// issuance or revocation reads or writes.
func (b *breaking) storm(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			for ctx.Err() == nil {
				b.own.Update(ctx, touch) // an error: that is what a storm is like
			}
		})
	}
	all.Wait()
	return nil
}

func touch(tx store.Tx) error {
	for _, bucket := range []string{"ca_revisions", "ca_shards", "ca_pending"} {
		rows := map[string][]byte{}
		err := tx.Scan(bucket, "", "", func(key string, value []byte) error { rows[key] = value; return nil })
		for _, key := range slices.Sorted(maps.Keys(rows)) {
			err = errors.Join(err, tx.Put(bucket, key, rows[key]))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// holder is the node that puts entries into the log, by the lease of that job;
// any one if nobody holds it.
func (b *breaking) holder(ctx context.Context) *node {
	var lease struct{ Node string }
	err := b.own.View(ctx, func(tx store.Tx) (err error) {
		lease, err = store.Load[struct{ Node string }](tx, "job_lease", "sequence")
		return err
	})
	for _, n := range b.nodes {
		name, readErr := os.ReadFile(filepath.Join(n.data, "node"))
		if err == nil && readErr == nil && strings.TrimSpace(string(name)) == lease.Node {
			return n
		}
	}
	return b.one()
}

// flap lets the registry answer every other question for a while.
func (b *breaking) flap(ctx context.Context, d time.Duration) error {
	err := b.setFault(ctx, "flap")
	wait(ctx, d)
	return errors.Join(err, b.setFault(ctx, "none"))
}

func (b *breaking) setFault(ctx context.Context, mode string) error {
	body, _ := json.Marshal(map[string]string{"route": "*", "mode": mode}) // strings always marshal
	status, answer, err := once(ctx, load.Door{Address: b.registry}, load.Post("/v1/faults", "application/json", body))
	if err == nil && status != http.StatusNoContent {
		err = fmt.Errorf("the registry takes no fault: status %d: %.300s", status, answer)
	}
	return err
}

// watched is longer than a process takes to look at its time references again.
const watched = 6 * time.Second

// shift lets the time references say another time, ahead or behind, until the
// processes have seen it, and the true one until they have seen that.
func (b *breaking) shift(ctx context.Context, d time.Duration) error {
	ahead := time.Hour
	if b.dice.IntN(2) == 0 {
		ahead = -time.Hour
	}
	b.time.shift(ahead)
	wait(ctx, watched+d)
	b.time.shift(0)
	return ctx.Err()
}

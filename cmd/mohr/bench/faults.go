package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"

	"mohr/cmd/mohr/bench/load"
	"mohr/internal/store"
)

// Rounds says how a service of two processes on the database of a Config is
// broken. The same seed breaks it in the same way at the same moments; what it
// is doing then is up to the machine.
type Rounds struct {
	Rounds  int
	Seed    uint64
	Clients int // applications a round
	// What is done to the database: it dies, is stopped, begins again, and cuts
	// off all who are connected.
	Kill, Stop, Start, Cut func()
}

// Damage is what rounds of faults came to. The last three are to be 0.
type Damage struct {
	Rounds  int            `json:"rounds"`
	Seed    uint64         `json:"seed"`
	Faults  map[string]int `json:"faults"`  // by kind
	Issued  int            `json:"issued"`  // certificates that clients were told of
	Revoked int            `json:"revoked"` // revocations that clients were told of
	Again   int            `json:"again"`   // calls that were refused or broke, and were repeated
	Asked   int            `json:"asked"`   // answers of OCSP that were judged
	// Old counts answers that were signed before a revocation and given out
	// after it while the database was away, before their nextUpdate.
	Old     int `json:"old"`
	Lost    int `json:"lost"`    // told to a client and not in store or log, or never answered
	Doubled int `json:"doubled"` // a second certificate or leaf for one request
	Wrong   int `json:"wrong"`   // a status that was not so

	First string `json:"first,omitempty"` // of what is wrong
}

// breaking is a service that is broken again and again.
type breaking struct {
	*World
	Rounds
	own   store.Store // for storms, and to look into the store
	dice  *rand.Rand  // of the faults
	deeds []*deed     // of all rounds

	mu     sync.Mutex // guards what follows, and the doors of the nodes
	damage Damage
	away   []span // when the database could not be asked
}

// span is a time between two moments; end is zero while it lasts.
type span struct{ begin, end time.Time }

// backWithin is how soon after an outage every answer is up to date.
const backWithin = time.Second

// Faults breaks a service in dir so often, and compares what its clients were
// told with store and log.
func Faults(ctx context.Context, c Config, dir string, r Rounds) (Damage, error) {
	people := max(batch, r.Rounds*r.Clients/2) // nobody gets more than three codes in a quarter of an hour
	w, err := Open(ctx, c, dir, people)
	if err != nil {
		return Damage{}, err
	}
	defer w.Close()
	if _, err := w.startNode(ctx); err != nil {
		return Damage{}, err
	}
	own, err := store.OpenPostgres(ctx, c.Store)
	if err != nil {
		return Damage{}, err
	}
	defer own.Close()
	b := &breaking{World: w, Rounds: r, own: own, dice: rand.New(rand.NewPCG(r.Seed, 0)), damage: Damage{Seed: r.Seed, Faults: map[string]int{}}}
	for n := range r.Rounds {
		if err := b.round(ctx, n); err != nil {
			return b.damage, fmt.Errorf("round %d, seed %d: %w", n+1, r.Seed, err)
		}
		if b.damage.Rounds++; b.damage.Rounds%10 == 0 {
			b.say("  %d rounds: %+v", b.damage.Rounds, b.damage)
		}
	}
	return b.damage, nil
}

// fault is one way to break the service for a while.
type fault struct {
	kind string
	run  func(ctx context.Context, b *breaking, d time.Duration) error
}

var kinds = []fault{
	{"a process is killed", func(ctx context.Context, b *breaking, d time.Duration) error { return b.kill(ctx, d, b.one()) }},
	{"both processes are killed", func(ctx context.Context, b *breaking, d time.Duration) error { return b.kill(ctx, d, b.nodes...) }},
	{"a process hangs", func(ctx context.Context, b *breaking, d time.Duration) error { return hang(ctx, 2*d, b.one().process) }},
	{"the registry hangs", func(ctx context.Context, b *breaking, d time.Duration) error { return hang(ctx, 2*d, b.children[0]) }},
	{"the database dies", func(ctx context.Context, b *breaking, d time.Duration) error { return b.outage(ctx, d, b.Kill) }},
	{"the database is stopped", func(ctx context.Context, b *breaking, d time.Duration) error { return b.outage(ctx, d, b.Stop) }},
	{"the database cuts everyone off", func(ctx context.Context, b *breaking, _ time.Duration) error { return b.cut() }},
	{"a storm of conflicts", func(ctx context.Context, b *breaking, d time.Duration) error { return b.storm(ctx, 2*d) }},
	{"the database dies, then a process", func(ctx context.Context, b *breaking, d time.Duration) error {
		n := b.one()
		err := b.outage(ctx, d, func() { b.Kill(); n.process.Kill() })
		return errors.Join(err, b.restart(ctx, n))
	}},
}

// round breaks the service once or twice while clients are at work.
func (b *breaking) round(ctx context.Context, number int) error {
	list, _, err := b.Approve(ctx, b.Clients)
	if err != nil {
		return err
	}
	var clients sync.WaitGroup
	for i, a := range list {
		d := &deed{applicant: a, revokes: i%2 == 1, twice: i%3 == 0, dice: rand.New(rand.NewPCG(b.Seed, uint64(number*b.Clients+i+1)))}
		b.deeds = append(b.deeds, d)
		clients.Go(func() { b.live(ctx, d) })
	}
	for range 1 + b.dice.IntN(2) {
		f := kinds[b.dice.IntN(len(kinds))]
		wait(ctx, time.Duration(b.dice.IntN(200))*time.Millisecond)
		if err = f.run(ctx, b, time.Duration(50+b.dice.IntN(500))*time.Millisecond); err != nil {
			err = fmt.Errorf("%s: %w", f.kind, err)
			break
		}
		b.damage.Faults[f.kind]++
	}
	clients.Wait()
	if err != nil {
		return err
	}
	if err := b.settled(ctx); err != nil {
		return err
	}
	for _, d := range b.deeds[len(b.deeds)-len(list):] {
		b.lastLook(ctx, d)
	}
	return b.replay(ctx)
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// one is a node that the dice choose.
func (b *breaking) one() *node { return b.nodes[b.dice.IntN(len(b.nodes))] }

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

// isAway notes that the database cannot be asked until end is called.
func (b *breaking) isAway() (end func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = append(b.away, span{begin: time.Now()})
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.away[len(b.away)-1].end = time.Now()
	}
}

// wasAway reports whether the database could not be asked at some moment
// between the two, or until a moment before.
func (b *breaking) wasAway(from, to time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.away, func(s span) bool {
		return s.begin.Before(to) && (s.end.IsZero() || s.end.Add(backWithin).After(from))
	})
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

// settled waits until both nodes say that they are ready, and answers have to
// be up to date.
func (b *breaking) settled(ctx context.Context) error {
	for _, n := range b.nodes {
		for begun := time.Now(); ; wait(ctx, 50*time.Millisecond) {
			_, err := load.Fetch(ctx, "http://"+n.ops+"/readyz")
			if err == nil {
				break
			}
			if ctx.Err() != nil || time.Since(begun) > time.Minute {
				return fmt.Errorf("%s is not ready: %w", n.data, err)
			}
		}
	}
	now := time.Now()
	for b.wasAway(now, now.Add(time.Hour)) && ctx.Err() == nil {
		wait(ctx, 20*time.Millisecond)
		now = time.Now()
	}
	return ctx.Err()
}

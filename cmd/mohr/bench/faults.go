package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
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
	// What is done to the database: it dies, is stopped, gives way to its
	// standby, is whole again, and cuts off all who are connected. nil: it is not.
	Kill, Stop, Failover, Start, Cut func()
	// What is done to the home of the keys that a Config names: it dies and comes
	// back. nil: it is not.
	KeysGone, KeysBack func()
	// Only is a part of the names of the kinds of faults that are wanted; "": all.
	Only string
	// SpareFirst says that the first process is never killed.
	SpareFirst bool
}

// Damage is what rounds of faults came to. The last three are to be 0.
type Damage struct {
	Rounds  int            `json:"rounds"`
	Seed    uint64         `json:"seed"`
	Faults  map[string]int `json:"faults"`  // by kind
	Issued  int            `json:"issued"`  // certificates that clients were told of
	Renewed int            `json:"renewed"` // renewals that they were told of
	Revoked int            `json:"revoked"` // revocations that they were told of
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
	own   store.Store                        // for storms, and to look into the store
	dice  *rand.Rand                         // of the faults
	time  *reference                         // whom the processes ask for the time
	kinds []fault                            // that can be done here
	deeds []*deed                            // of all rounds
	took  func(kind string, d time.Duration) // hears of calls; below 0: not answered well. nil: nobody does

	mu     sync.Mutex // guards what follows, and the doors of the nodes
	damage Damage
	away   []span // when the database could not be asked
}

// span is a time between two moments; end is zero while it lasts.
type span struct{ begin, end time.Time }

// readyWithin is how soon after a fault a node says that it is ready.
const readyWithin = time.Minute

// backWithin is how soon after an outage every answer is up to date.
const backWithin = time.Second

// Faults breaks a service in dir so often, and compares what its clients were
// told with store and log.
func Faults(ctx context.Context, c Config, dir string, r Rounds) (Damage, error) {
	people := max(batch, r.Rounds*r.Clients/2) // nobody gets more than three codes in a quarter of an hour
	b, err := openBreaking(ctx, c, dir, r, people)
	if err != nil {
		return Damage{}, err
	}
	defer b.close()
	err = b.all(ctx)
	return b.damage, err
}

// all is every round, one after the other.
func (b *breaking) all(ctx context.Context) error {
	for n := range b.Rounds.Rounds {
		if err := b.round(ctx, n); err != nil {
			return fmt.Errorf("round %d, seed %d: %w", n+1, b.Seed, err)
		}
		if b.damage.Rounds++; b.damage.Rounds%10 == 0 {
			b.say("  %d rounds: %+v", b.damage.Rounds, b.damage)
		}
	}
	return nil
}

// openBreaking starts two processes in dir, on the database of c, that have so
// many people to serve.
func openBreaking(ctx context.Context, c Config, dir string, r Rounds, people int) (*breaking, error) {
	b := &breaking{Rounds: r, dice: rand.New(rand.NewPCG(r.Seed, 0)), damage: Damage{Seed: r.Seed, Faults: map[string]int{}}}
	err := b.open(ctx, c, dir, people)
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *breaking) open(ctx context.Context, c Config, dir string, people int) (err error) {
	if b.time, err = startReference(); err != nil {
		return err
	}
	c.TimeReference = b.time.address()
	if b.World, err = Open(ctx, c, dir, people); err != nil {
		return err
	}
	if _, err := b.startNode(ctx, ""); err != nil {
		return err
	}
	if err := b.choose(b.possible()); err != nil {
		return err
	}
	b.own, err = store.OpenPostgres(ctx, c.Store)
	return err
}

// choose takes those of the faults that are wanted.
func (b *breaking) choose(list []fault) error {
	b.kinds = slices.DeleteFunc(list, func(f fault) bool { return !strings.Contains(f.kind, b.Only) })
	if len(b.kinds) == 0 {
		return fmt.Errorf("no kind of fault has %q in its name", b.Only)
	}
	return nil
}

func (b *breaking) close() {
	if b.own != nil {
		b.own.Close()
	}
	if b.World != nil {
		b.World.Close()
	}
	if b.time != nil {
		b.time.close()
	}
}

// round breaks the service once or twice while clients are at work.
func (b *breaking) round(ctx context.Context, number int) error {
	list, _, err := b.Approve(ctx, b.Clients)
	if err != nil {
		return err
	}
	var clients sync.WaitGroup
	for i, a := range list {
		d := &deed{applicant: a, revokes: i%2 == 1, renews: i%4 == 2, twice: i%3 == 0, dice: rand.New(rand.NewPCG(b.Seed, uint64(number*b.Clients+i+1)))}
		b.deeds = append(b.deeds, d)
		clients.Go(func() { b.live(ctx, d) })
	}
	for range 1 + b.dice.IntN(2) {
		f := b.kinds[b.dice.IntN(len(b.kinds))]
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

// settled waits until both nodes say that they are ready, and answers have to
// be up to date.
func (b *breaking) settled(ctx context.Context) error {
	if err := b.ready(ctx, b.nodes...); err != nil {
		return err
	}
	now := time.Now()
	for b.wasAway(now, now.Add(time.Hour)) && ctx.Err() == nil {
		wait(ctx, 20*time.Millisecond)
		now = time.Now()
	}
	return ctx.Err()
}

// ready waits until the nodes say that they are.
func (b *breaking) ready(ctx context.Context, nodes ...*node) error {
	for _, n := range nodes {
		for begun := time.Now(); ; wait(ctx, 50*time.Millisecond) {
			_, err := load.Fetch(ctx, "http://"+n.ops+"/readyz")
			if err == nil {
				break
			}
			if ctx.Err() != nil || time.Since(begun) > readyWithin {
				return fmt.Errorf("%s is not ready: %w", n.data, err)
			}
		}
	}
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

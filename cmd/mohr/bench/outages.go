package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"mohr/cmd/mohr/bench/load"
)

// Outages is what nodes said of certificates through and after outages of the
// database. Times are of every outage, from the moment at which the database
// answered again.
type Outages struct {
	Damage
	Told     []time.Duration // to the moment at which a client was told of its revocation
	Shown    []time.Duration // from then on, to the moment at which another node says so; one for each node
	Answered int             // answers of status nodes while the database was away
	TryLater int             // questions that they did not answer then
}

// showWithin is when a revocation that another node does not show counts as
// wrong.
const showWithin = 30 * time.Second

// AfterOutages takes the database of c away so often. Meanwhile two nodes with
// the role status are asked. Once it is back a certificate is revoked at a
// third node, and they are asked until they say so.
func AfterOutages(ctx context.Context, c Config, dir string, r Rounds) (o Outages, err error) {
	b, err := openBreaking(ctx, c, dir, r, batch)
	if err != nil {
		return o, err
	}
	defer b.close()
	var status []*node
	for range 2 {
		n, err := b.startNode(ctx, "status")
		if err != nil {
			return o, err
		}
		status = append(status, n)
	}
	list, _, err := b.Approve(ctx, 1+r.Rounds)
	if err != nil {
		return o, err
	}
	for _, a := range list {
		d := &deed{applicant: a, dice: b.dice}
		if b.deeds = append(b.deeds, d); !b.issueOne(ctx, d) {
			return o, errors.New(b.damage.First)
		}
	}
	for _, d := range b.deeds[1:] {
		if err := b.outageOf(ctx, d, b.deeds[0], status, &o); err != nil {
			return o, err
		}
	}
	err = b.replay(ctx)
	o.Damage = b.damage
	return o, err
}

// outageOf is one outage, after which d is revoked; kept never is.
func (b *breaking) outageOf(ctx context.Context, d, kept *deed, status []*node, o *Outages) error {
	for _, n := range status {
		for _, one := range []*deed{d, kept} {
			if !b.lookAt(ctx, one, n.plain, n.data) {
				return fmt.Errorf("%s does not answer before the outage", n.data)
			}
		}
	}
	end := b.isAway()
	b.Kill()
	for over := time.Now().Add(time.Duration(200+b.dice.IntN(600)) * time.Millisecond); time.Now().Before(over); wait(ctx, 10*time.Millisecond) {
		for _, n := range status {
			if b.lookAt(ctx, kept, n.plain, n.data) {
				o.Answered++
			} else {
				o.TryLater++
			}
		}
	}
	b.Start()
	back := time.Now()
	end()
	d.tried, d.asked = true, back
	if _, ok := b.until(ctx, d, "revoke", revocation(d.applicant).Request); !ok {
		return errors.New(b.damage.First)
	}
	told := time.Now()
	o.Told = append(o.Told, told.Sub(back))
	shown := make([]time.Duration, len(status))
	var all sync.WaitGroup
	for i, n := range status {
		all.Go(func() { shown[i] = b.shows(ctx, *d, n, told) })
	}
	all.Wait()
	d.revoked = told
	o.Shown = append(o.Shown, shown...)
	b.count(func(x *Damage) { x.Revoked++; x.Rounds++ })
	return ctx.Err()
}

// shows asks the node for d until it says revoked, and returns how long after
// told that was. d is the caller's own.
func (b *breaking) shows(ctx context.Context, d deed, n *node, told time.Time) time.Duration {
	for ctx.Err() == nil && d.revoked.IsZero() {
		if time.Since(told) > showWithin {
			b.blame(&b.damage.Wrong, &d, "%s does not say that it is revoked %s after the client was told", n.data, showWithin)
			break
		}
		b.lookAt(ctx, &d, n.plain, n.data)
	}
	return time.Since(told)
}

// Print shows the figures to people.
func (o Outages) Print(out io.Writer) {
	fmt.Fprintf(out, "%d outages; %d answers of two status nodes meanwhile, and %d times none\n", o.Rounds, o.Answered, o.TryLater)
	fmt.Fprintf(out, "database back to revocation told: %s\n", spread(o.Told))
	fmt.Fprintf(out, "told to shown at the other nodes: %s\n", spread(o.Shown))
}

// spread says how times are spread.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	sorted := slices.Sorted(slices.Values(all))
	var b strings.Builder
	for _, percent := range []int{50, 90, 99} {
		fmt.Fprintf(&b, "p%d %s, ", percent, load.Quantile(sorted, percent).Round(100*time.Microsecond))
	}
	fmt.Fprintf(&b, "most %s, of %d", sorted[len(sorted)-1].Round(100*time.Microsecond), len(sorted))
	return b.String()
}

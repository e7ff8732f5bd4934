package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"time"

	"golang.org/x/crypto/ocsp"
)

// SetClock writes the file by which the wall clock of a process is set: it is
// off by so many seconds from then on.
func SetClock(name string, off time.Duration) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	b := binary.NativeEndian.AppendUint64(nil, uint64(off/time.Second))
	_, err = f.WriteAt(b, 0)
	return errors.Join(err, f.Close())
}

// steps are how far clocks are set. The first is one that a node may have.
var steps = []time.Duration{3 * time.Second, time.Minute, time.Hour, 30 * time.Hour, 400 * 24 * time.Hour}

// clockKinds are the ways in which clocks go wrong, if they can be set.
func (b *breaking) clockKinds() []fault {
	if b.Clock == "" {
		return nil
	}
	return []fault{
		{"the clock of a process is set ahead", func(ctx context.Context, b *breaking, d time.Duration) error {
			return b.setClocks(ctx, b.step(), d, b.one())
		}},
		{"the clock of a process is set back", func(ctx context.Context, b *breaking, d time.Duration) error {
			return b.setClocks(ctx, -b.step(), d, b.one())
		}},
		{"the clocks of both processes are set", func(ctx context.Context, b *breaking, d time.Duration) error {
			by := b.step()
			if b.dice.IntN(2) == 0 {
				by = -by
			}
			return b.setClocks(ctx, by, d, b.nodes...)
		}},
	}
}

func (b *breaking) step() time.Duration { return steps[b.dice.IntN(len(steps))] }

// setClocks sets the clocks of nodes until they have seen it, and right again
// until they have seen that.
func (b *breaking) setClocks(ctx context.Context, by, d time.Duration, nodes ...*node) error {
	b.say("  clock of %d set by %s", len(nodes), by)
	set := func(by time.Duration) (err error) {
		for _, n := range nodes {
			err = errors.Join(err, SetClock(n.clock, by))
		}
		return err
	}
	if err := set(by); err != nil {
		return err
	}
	wait(ctx, watched+d)
	return errors.Join(set(0), ctx.Err())
}

// clockLimit is how far off a clock may be that is trusted, and a second of
// rounding.
const clockLimit = 6 * time.Second

// within blames a time that a node said and that is not between the two by
// this process's clock, which nobody sets.
func (b *breaking) within(d *deed, what string, said, from, to time.Time) {
	if said.Before(from.Add(-clockLimit)) || said.After(to.Add(clockLimit)) {
		b.blame(&b.damage.Wrong, d, "%s is %s, not between %s and %s", what, said, from, to)
	}
}

// judgeTimes asserts that an answer is signed by now and has not ended, and
// that what was revoked was revoked when it was asked for.
func (b *breaking) judgeTimes(d *deed, node string, begun time.Time, res *ocsp.Response) {
	now := time.Now()
	if res.ThisUpdate.After(now.Add(clockLimit)) || res.NextUpdate.Before(begun.Add(-clockLimit)) {
		b.blame(&b.damage.Wrong, d, "%s gives out an answer from %s to %s at %s", node, res.ThisUpdate, res.NextUpdate, now)
	}
	if res.Status == ocsp.Revoked && d.tried {
		b.within(d, "its revocation, at "+node+",", res.RevokedAt, d.asked, now)
	}
}

package clock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// Defaults of Config.
const (
	defaultLimit   = 5 * time.Second
	defaultSilence = time.Hour
)

// Config is what a Guard needs.
type Config struct {
	Store store.Store // remembers the latest trusted time across restarts
	// References are NTP servers, host:port. None: nobody is asked, only steps
	// and a clock that went back are found, and a step that put the clock
	// right is taken for one that did not until the service starts again.
	References []string
	Limit      time.Duration        // how far off is too far; zero: 5 s
	Silence    time.Duration        // how long references may be silent before the time is not trusted; zero: 1 h
	Now        func() time.Time     // nil: time.Now
	Elapsed    func() time.Duration // time that nobody sets, since any fixed moment; nil: the monotonic clock
	Log        *slog.Logger         // nil: discard
}

// Guard watches the clock. It is safe for concurrent use.
type Guard struct {
	Config
	verdict atomic.Pointer[string] // what Watch holds against the clock; nil: nothing
	anchor  atomic.Pointer[moment] // when the clock was right
	latest  atomic.Int64           // the latest trusted time, Unix seconds

	mu       sync.Mutex    // held by Watch; guards answered
	answered time.Duration // Elapsed when a reference last answered; -1: never
}

// moment is one instant on both clocks.
type moment struct {
	wall    time.Time
	elapsed time.Duration
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	if c.Store == nil {
		errs = append(errs, errors.New("clock: no store"))
	}
	if c.Limit < 0 || c.Silence < 0 {
		errs = append(errs, errors.New("clock: a negative limit"))
	}
	for _, r := range c.References {
		if _, _, err := net.SplitHostPort(r); err != nil {
			errs = append(errs, fmt.Errorf("clock: reference %q is not like host:123", r))
		}
	}
	return errors.Join(errs...)
}

// New returns a Guard that has looked at the clock once, or all that is wrong
// with c. A clock that is not trusted is no error of New; Check has it.
func New(ctx context.Context, c Config) (*Guard, error) {
	if c.Limit == 0 {
		c.Limit = defaultLimit
	}
	if c.Silence == 0 {
		c.Silence = defaultSilence
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Elapsed == nil {
		start := time.Now()
		c.Elapsed = func() time.Duration { return time.Since(start) }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	g := &Guard{Config: c, answered: -1}
	g.anchor.Store(&moment{c.Now(), c.Elapsed()})
	return g, g.Watch(ctx)
}

// Check says why the time is not to be trusted at the moment, as Unavailable;
// nil if it is. It reads no file and asks nobody: a call costs less than a
// microsecond.
func (g *Guard) Check() error {
	if why := g.fault(); why != "" {
		return fmt.Errorf("clock: %s: %w", why,
			fault.New(fault.Unavailable, "clock_untrusted", "the service's clock is not trusted at the moment, so nothing is signed; try again in a minute"))
	}
	return nil
}

// fault is Check in words, "" for a clock that is trusted; a trusted time is
// remembered as the latest.
func (g *Guard) fault() string {
	if why := g.verdict.Load(); why != nil {
		return *why
	}
	now, elapsed, a := g.Now(), g.Elapsed(), g.anchor.Load()
	if step := a.step(now, elapsed); step.Abs() > g.Limit {
		return fmt.Sprintf("it was stepped by %s", step.Round(time.Millisecond))
	}
	for {
		latest := g.latest.Load()
		if back := time.Unix(latest, 0).Sub(now.Round(0)); back > g.Limit {
			return fmt.Sprintf("it went back by %s", back.Round(time.Millisecond))
		}
		if now.Unix() <= latest || g.latest.CompareAndSwap(latest, now.Unix()) {
			return ""
		}
	}
}

// step is by how much the clock was set since the moment.
func (m *moment) step(now time.Time, elapsed time.Duration) time.Duration {
	// Round(0) takes the wall clock; the difference of two readings of
	// time.Now would be that of the monotonic clock.
	return now.Round(0).Sub(m.wall.Round(0)) - (elapsed - m.elapsed)
}

// Time is the time by which everything here is decided and dated: the clock's,
// or, where that was stepped, what it would say if nobody had set it, until a
// reference agrees with it. A clock that was wrong from the start on is not
// put right by it; that one may not be trusted either is for Check to say.
func (g *Guard) Time() time.Time {
	now, elapsed, a := g.Now(), g.Elapsed(), g.anchor.Load()
	if a.step(now, elapsed).Abs() > g.Limit {
		return a.wall.Add(elapsed - a.elapsed)
	}
	return now
}

// Watch asks the references and keeps the latest trusted time in the store.
// Every node calls it every few seconds, as a job of its own. That the clock
// is not trusted is logged and no error.
func (g *Guard) Watch(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.recall(ctx); err != nil {
		return fmt.Errorf("watch clock: %w", err)
	}
	why := g.compare(ctx)
	if why == "" {
		g.verdict.Store(nil)
	} else {
		g.verdict.Store(&why)
	}
	if why := g.fault(); why != "" {
		g.Log.ErrorContext(ctx, "clock not trusted", "why", why)
		return nil
	}
	if err := g.remember(ctx); err != nil {
		return fmt.Errorf("watch clock: %w", err)
	}
	return nil
}

// compare asks the references and says what they hold against the clock.
// Where they agree with it, a step since the last time was a correction.
func (g *Guard) compare(ctx context.Context) string {
	if len(g.References) == 0 {
		return ""
	}
	before := moment{g.Now(), g.Elapsed()}
	offset, err := g.offset(ctx)
	now, elapsed := g.Now(), g.Elapsed()
	switch {
	case err == nil && before.step(now, elapsed).Abs() > g.Limit:
		return "it was stepped while the references were asked" // they have answered for the clock that was
	case err == nil && offset.Abs() > g.Limit:
		return fmt.Sprintf("it is off the reference by %s", offset.Round(time.Millisecond))
	case err == nil:
		g.answered = elapsed
		g.anchor.Store(&moment{now, elapsed})
		return ""
	case g.answered < 0:
		return fmt.Sprintf("no time reference has answered yet: %v", err)
	case elapsed-g.answered > g.Silence:
		return fmt.Sprintf("no time reference has answered for %s: %v", (elapsed - g.answered).Round(time.Second), err)
	}
	g.Log.WarnContext(ctx, "no time reference answers", "error", err)
	if why := g.verdict.Load(); why != nil {
		return *why // nobody has said that it is right again
	}
	return ""
}

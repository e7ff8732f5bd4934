package care

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"mohr/ca/custody"
	"mohr/enroll/chip"
	"mohr/internal/clock"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// State is how something is.
type State string

// The states.
const (
	OK   State = "OK"
	Warn State = "WARN" // it works, and somebody should look at it
	Fail State = "FAIL" // something does not work, or will not at the next start
)

// Line is one finding: what it is about, how it is, and what to do next.
type Line struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	Words string `json:"words"`
}

// Patient is a service's data, and what there is to look at it with.
type Patient struct {
	Data    string // directory
	Witness string // file with the log's newest checkpoint
	Secret  string // file of the service secret; "": it is in no file
	LogKey  string // the log's verifier key
	Store   store.Store
	Keys    *custody.Register
	Clock   func() error // why the time is not to be trusted
	// Config says what is wrong with the configuration; nil: there is none to look at.
	Config     func() error
	Chips      func() ([]chip.Entry, error) // whose passports are believed; nil: no chip is read
	References int                          // how many time servers are asked
	Running    bool                         // a service serves from the data
	Now        func() time.Time
}

// Bounds of what is well.
const (
	diskFail  = 64 << 20 // octets free: below, nothing can be recorded soon
	diskWarn  = 1 << 30
	slack     = 64 << 20    // octets: a store with less free space needs no compaction
	longWait  = time.Minute // a deed waits for its entry in the log for a second
	clockNext = "set it by NTP; a trusted clock is needed for every signature"
)

// Examine looks at everything. It changes nothing but that keys sign.
func (p Patient) Examine(ctx context.Context) []Line {
	if p.Now == nil {
		p.Now = time.Now
	}
	var lines []Line
	for _, look := range []func(context.Context) []Line{p.config, p.keys, p.clock, p.store, p.disk, p.certificates, p.log, p.witness, p.chips} {
		lines = append(lines, look(ctx)...)
	}
	return lines
}

func line(name string, s State, format string, args ...any) []Line {
	return []Line{{name, s, fmt.Sprintf(format, args...)}}
}

func (p Patient) config(context.Context) []Line {
	if p.Config == nil {
		return nil
	}
	if err := p.Config(); err != nil {
		return line("configuration", Fail, "%v; correct the file", err)
	}
	return line("configuration", OK, "nothing is missing")
}

func (p Patient) keys(ctx context.Context) (lines []Line) {
	trials, err := p.Keys.Test(ctx, "")
	if err != nil {
		return line("keys", Fail, "%v", err)
	}
	for _, t := range trials {
		if t.Fault != "" {
			lines = append(lines, line("key "+t.Key.Purpose, Fail, "%s; it was in use here: restore it, or plug its token in; none made anew takes its place", t.Fault)...)
		}
	}
	if _, err := os.Stat(p.Secret); p.Secret != "" && err != nil {
		lines = append(lines, line("secret", Fail, "%v: restore it, what is sealed cannot be read without it", err)...)
	}
	if len(lines) == 0 {
		return line("keys", OK, "%d keys sign, and their signatures hold", len(trials))
	}
	return lines
}

func (p Patient) clock(ctx context.Context) []Line {
	if err := p.Clock(); err != nil {
		return line("clock", Fail, "%v: %s", err, clockNext)
	}
	latest, err := clock.Latest(ctx, p.Store)
	switch {
	case err != nil:
		return line("clock", Fail, "%v", err)
	case p.References == 0:
		return line("clock", OK, "trusted, last kept at %s; no time reference is asked: set time_references", stamp(latest))
	}
	return line("clock", OK, "trusted, last kept at %s; %d time references", stamp(latest), p.References)
}

func (p Patient) store(ctx context.Context) []Line {
	m, ok := p.Store.(store.Meter)
	if !ok {
		return nil
	}
	u, err := m.Usage(ctx)
	switch {
	case err != nil:
		return line("store", Fail, "%v; restore it from a backup", err)
	case u.Free > slack && u.Free > u.Size/2:
		return line("store", Warn, "%s, of it %s free: stop the service and run mohr compact", Octets(u.Size), Octets(u.Free))
	}
	return line("store", OK, "%s, of it %s free", Octets(u.Size), Octets(u.Free))
}

func (p Patient) disk(context.Context) (lines []Line) {
	for _, d := range []struct{ name, dir string }{{"disk", p.Data}, {"disk of the witness file", filepath.Dir(p.Witness)}} {
		var st syscall.Statfs_t
		if err := syscall.Statfs(d.dir, &st); err != nil {
			lines = append(lines, line(d.name, Fail, "%s: %v; make the directory, or correct the configuration", d.dir, err)...)
			continue
		}
		free := int64(st.Bavail) * int64(st.Bsize)
		switch {
		case free < diskFail:
			lines = append(lines, line(d.name, Fail, "%s free in %s: make room, nothing can be recorded soon", Octets(free), d.dir)...)
		case free < diskWarn:
			lines = append(lines, line(d.name, Warn, "%s free in %s: make room", Octets(free), d.dir)...)
		default:
			lines = append(lines, line(d.name, OK, "%s free", Octets(free))...)
		}
	}
	return lines
}

func (p Patient) log(ctx context.Context) []Line {
	c, err := ledger.Published(ctx, p.Store, p.LogKey)
	if err != nil {
		return line("log", Fail, "%v; run mohr log verify --data, and restore a backup if it does not hold", err)
	}
	// Nothing but the store is asked.
	since, err := (&ledger.Log{Config: ledger.Config{Store: p.Store}}).WaitingSince(ctx)
	switch {
	case err != nil:
		return line("log", Fail, "%v; restore a backup", err)
	case since.IsZero():
		return line("log", OK, "%d entries are signed for, nothing waits", c.Size)
	case !p.Running:
		return line("log", OK, "%d entries are signed for; the next start takes up what waits since %s", c.Size, stamp(since))
	case p.Now().Sub(since) > longWait:
		return line("log", Fail, "a deed waits for its entry since %s: the service's log says why nothing is sequenced", stamp(since))
	}
	return line("log", OK, "%d entries are signed for", c.Size)
}

// witness looks at the file that tells a store which lacks entries.
func (p Patient) witness(ctx context.Context) []Line {
	const name = "checkpoint"
	b, err := os.ReadFile(p.Witness)
	if errors.Is(err, fs.ErrNotExist) {
		return line(name, Warn, "%s is missing, so an older store would not be told; the next checkpoint writes it", p.Witness)
	}
	var c ledger.Checkpoint
	if err == nil {
		c, err = ledger.OpenCheckpoint(string(b), p.LogKey)
	}
	if err == nil {
		err = ledger.Extends(ctx, p.Store, c)
	}
	if err != nil {
		return line(name, Fail, "%s: %v", p.Witness, err)
	}
	st, err := os.Stat(p.Witness)
	if err != nil {
		return line(name, Fail, "%v", err)
	}
	return line(name, OK, "the newest in %s is of %s, over %d entries; the store has them", p.Witness, stamp(st.ModTime()), c.Size)
}

// stamp writes a time for people.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Octets writes a size for people.
func Octets(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

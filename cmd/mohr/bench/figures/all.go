package figures

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"mohr/cmd/mohr/bench"
)

// All measures everything in the book of dir that is not in it yet, and
// returns the book. sizes are those of Scale; none leaves that out.
func All(ctx context.Context, c bench.Config, dir string, sizes []int) (*Book, error) {
	b, err := openBook(c, dir)
	if err != nil {
		return nil, err
	}
	c.Profile = filepath.Join(dir, "profiles")
	for _, part := range []func(context.Context, bench.Config, string) error{b.measureTour, b.measureService} {
		if err := part(ctx, c, dir); err != nil {
			return nil, err
		}
	}
	if len(sizes) > 0 && len(b.Sizes) == 0 {
		c.Profile = ""
		if b.Sizes, err = bench.Scale(ctx, c, dir, sizes); err != nil {
			return nil, err
		}
		return b, b.save()
	}
	return b, nil
}

// missing reports whether the book lacks one of the results.
func (b *Book) missing(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { _, ok := b.Results[n]; return !ok })
}

// keep measures a load, unless the book has it, and writes it down.
func (b *Book) keep(c bench.Config, name string, measure func() (bench.Result, error)) error {
	if !b.missing(name) {
		return nil
	}
	r, err := measure()
	if err != nil {
		return err
	}
	if r.Median.Errors > 0 {
		return fmt.Errorf("%s: %d operations failed, the first: %s", name, r.Median.Errors, r.Median.Wrong)
	}
	b.Results[name] = r
	profile, err := os.ReadFile(filepath.Join(c.Profile, name+".pprof"))
	if err == nil {
		if b.Areas[name], err = Areas(profile); err != nil {
			return err
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return b.save()
}

// measureTour measures what rests on a tour: its time, a badge, its record,
// certificates for the badge's domain.
func (b *Book) measureTour(ctx context.Context, c bench.Config, dir string) error {
	if !b.missing("badge", "badge-usual", "record", "record-usual", "acme") {
		return nil
	}
	dir, err := fresh(dir, "tour")
	if err != nil {
		return err
	}
	t, err := bench.OpenTour(ctx, c, dir)
	if err != nil {
		return err
	}
	defer t.Close()
	b.Tour = t.Took.Seconds()
	for _, usual := range []bool{false, true} {
		by := t.By(usual)
		if err := b.keep(c, "badge"+by.Suffix(), func() (bench.Result, error) { return by.Badge(ctx) }); err != nil {
			return err
		}
		if err := b.keep(c, "record"+by.Suffix(), func() (bench.Result, error) { return by.Record(ctx) }); err != nil {
			return err
		}
	}
	return b.keep(c, "acme", func() (bench.Result, error) { return t.ACME(ctx) })
}

// fresh is an empty directory below dir.
func fresh(dir, name string) (string, error) {
	dir = filepath.Join(dir, name)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// aloneCount is how many operations a run of a single client makes.
const aloneCount = 300

// measureService measures what rests on applications, on a service of its own.
// Those that were issued to are asked for, then renewed; others are revoked.
func (b *Book) measureService(ctx context.Context, c bench.Config, dir string) error {
	if !b.missing("apply", "issue", "issue-1", "ocsp", "ocsp-usual", "ocsp-signed", "crl", "renew", "revoke") {
		return nil
	}
	dir, err := fresh(dir, "service")
	if err != nil {
		return err
	}
	many, few := c.Count*c.Runs, aloneCount*c.Runs
	w, err := bench.Open(ctx, c, dir, bench.PeopleFor(2*many+few))
	if err != nil {
		return err
	}
	defer w.Close()
	if err := b.idle(ctx, w); err != nil {
		return err
	}
	list, decided, err := w.Approve(ctx, 2*many+few)
	if err != nil {
		return err
	}
	first, second, third := list[:many], list[many:2*many], list[2*many:]
	for _, m := range []struct {
		name string
		do   func() (bench.Result, error)
	}{
		{"apply", func() (bench.Result, error) { return w.Decided(decided), nil }},
		{"issue", func() (bench.Result, error) { return w.Measure(ctx, "issue", first) }},
		{"issue-1", func() (bench.Result, error) { return w.Measure(ctx, "issue-1", third) }},
		{"ocsp", func() (bench.Result, error) { return w.Measure(ctx, "ocsp", first[:min(many, bench.AskedFor)]) }},
		{"ocsp-usual", func() (bench.Result, error) {
			return w.By(true).Measure(ctx, "ocsp", first[:min(many, bench.AskedFor)])
		}},
		{"ocsp-signed", func() (bench.Result, error) { return w.Measure(ctx, "ocsp-signed", first[:min(many, bench.AskedFor)]) }},
		{"crl", func() (bench.Result, error) { return w.Measure(ctx, "crl", first[:1]) }},
		{"renew", func() (bench.Result, error) { return w.Measure(ctx, "renew", first) }},
		{"revoke", func() (bench.Result, error) { return w.Measure(ctx, "revoke", second) }},
	} {
		if err := b.keep(c, m.name, m.do); err != nil {
			return err
		}
	}
	return nil
}

// idle notes what a service holds that nobody has asked for anything.
func (b *Book) idle(ctx context.Context, w *bench.World) error {
	if err := w.Settle(ctx); err != nil {
		return err
	}
	u, err := w.Usage(ctx)
	b.Idle = u.Memory / (1 << 20)
	return err
}

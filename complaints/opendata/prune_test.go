package opendata_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mohr/complaints/opendata"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// chunks counts the records of files of editions.
func (b *bench) chunks(t testing.TB) (n int) {
	t.Helper()
	err := b.Register.Store.View(t.Context(), func(tx store.Tx) error {
		n = 0
		return tx.Scan("complaints_edition_chunks", "", "", func(string, []byte) error { n++; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOldEditionsGoAndYoungFiguresCanStillBeRecomputed(t *testing.T) {
	b := newBench(t)
	b.rows(t, "1,"+shop+",2026-01-01,2026-01-03,refund", "2,"+shop+",2026-01-05,,refund")
	b.public(t, shop)
	start := b.clock.Now()
	for day := range 91 {
		if day == 20 {
			b.rows(t, "2,"+shop+",2026-01-05,2026-03-10,refund", "3,"+shop+",2026-02-05,,other")
		}
		b.publish(t, start.AddDate(0, 0, day+1))
	}
	src := b.Source()
	all, err := src.Editions(t.Context())
	if err != nil || len(all) != 91 {
		t.Fatalf("%d editions, %v", len(all), err)
	}
	for i, e := range all {
		if want := i == 0 || i == 90; e.Manifest.Full != want {
			t.Errorf("edition %d is full: %v", i+1, e.Manifest.Full)
		}
	}
	if lines := strings.Count(content(t, src, all[90].Manifest.Day, opendata.ComplaintsFile), "\n"); lines != 1+3 {
		t.Errorf("the full edition has %d lines", lines)
	}
	if lines := strings.Count(content(t, src, all[89].Manifest.Day, opendata.ComplaintsFile), "\n"); lines != 1 {
		t.Errorf("the one before has %d lines", lines)
	}
	dir := t.TempDir()
	if _, err := opendata.Download(t.Context(), src, dir); err != nil {
		t.Fatal(err)
	}
	before := b.recompute(t, src, opendata.Check{Signature: b.signature})

	// One second too early nothing goes.
	b.clock.set(all[90].Manifest.At.Add(opendata.KeepFor - time.Second))
	if n, err := b.Prune(t.Context()); n != 0 || err != nil {
		t.Fatalf("too early: %d, %v", n, err)
	}
	b.clock.set(all[90].Manifest.At.Add(opendata.KeepFor))
	if n, err := b.Prune(t.Context()); n != 90 || err != nil {
		t.Fatalf("pruned %d, %v", n, err)
	}
	if n, err := b.Prune(t.Context()); n != 0 || err != nil || b.chunks(t) != 2 {
		t.Errorf("again %d, %v; %d records left", n, err, b.chunks(t))
	}
	after := b.recompute(t, src, opendata.Check{})
	if len(after.Differences) != 0 || after.Complaints != 3 || after.Editions != 91 || fmt.Sprint(after.Manifest) != fmt.Sprint(before.Manifest) {
		t.Errorf("%+v\n%+v", before, after)
	}
	_, err = opendata.Recompute(t.Context(), src, opendata.Check{Day: all[50].Manifest.Day}, nil)
	if fault.Code(err) != "open_data_pruned" {
		t.Errorf("of a pruned day: %v", err)
	}
	if _, err := src.Open(t.Context(), all[50].Manifest.Day, opendata.FiguresFile); fault.Code(err) != "open_data_pruned" {
		t.Errorf("its file: %v", err)
	}
	// Who fetched the files in time can still prove an old figure.
	if r := b.recompute(t, opendata.Directory(dir), opendata.Check{Day: all[50].Manifest.Day}); len(r.Differences) != 0 || r.Complaints != 3 {
		t.Errorf("%+v", r)
	}
	// And who fetches now gets what there is.
	now := t.TempDir()
	if _, err := opendata.Download(t.Context(), src, now); err != nil {
		t.Fatal(err)
	}
	if r := b.recompute(t, opendata.Directory(now), opendata.Check{}); len(r.Differences) != 0 || r.Complaints != 3 {
		t.Errorf("%+v", r)
	}
}

package opendata_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/receipt"
	"mohr/complaints"
	"mohr/complaints/opendata"
	"mohr/internal/fault"
	"mohr/internal/store"
	"mohr/internal/store/storetest"
)

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// bench is a publisher on a real store and a real authority.
type bench struct {
	*opendata.Publisher
	clock *clock
	ca    *catest.Fixture
}

const (
	shop  = "14003456780"
	other = "10380284790"
)

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{clock: &clock{now: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}}
	b.ca = catest.New(t, b.clock.Now)
	audit := b.ca.SigningKey(t, "audit", ca.Service{Profile: ca.Audit, CommonName: "Mohr audit"})
	b.Publisher = &opendata.Publisher{
		Register: &complaints.Register{Store: storetest.Twice(b.ca.Store), Now: b.clock.Now},
		Receipts: receipt.New(receipt.Config{Key: func() ca.SigningKey { return audit }, Issuer: catest.Portal, Now: b.clock.Now}),
		Key:      []byte("of these tests"), Now: b.clock.Now,
	}
	return b
}

// rows imports id,business,served,answered,category.
func (b *bench) rows(t testing.TB, lines ...string) {
	t.Helper()
	_, err := b.Register.Import(t.Context(), strings.NewReader("id,business,served,answered,category\n"+strings.Join(lines, "\n")+"\n"), complaints.ImportConfig{
		DateLayout: time.DateOnly, Columns: map[string]string{"id": "id", "business": "business", "served": "served", "answered": "answered", "category": "category"},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// public makes a record public as of now.
func (b *bench) public(t testing.TB, business string) {
	t.Helper()
	err := b.Register.Store.Update(t.Context(), func(tx store.Tx) error {
		return store.Save(tx, "complaints_publication", business+"/0001", complaints.Published{Seq: 1, State: complaints.Public, At: b.clock.Now(), Actor: "operator:sara"})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bench) publish(t testing.TB, at time.Time) {
	t.Helper()
	b.clock.set(at)
	if err := b.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) recompute(t testing.TB, src opendata.Source, c opendata.Check) opendata.Result {
	t.Helper()
	r, err := opendata.Recompute(t.Context(), src, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// signature checks editions by the root of the tests.
func (b *bench) signature(e opendata.Edition) (opendata.Manifest, error) {
	return opendata.VerifySigned(e, b.root(), b.clock.Now())
}

func (b *bench) root() *x509.Certificate { return b.ca.Root }

func content(t testing.TB, src opendata.Source, day, file string) string {
	t.Helper()
	r, err := src.Open(t.Context(), day, file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var s strings.Builder
	buf := make([]byte, 7) // small pieces, as a network may give them
	for {
		n, err := r.Read(buf)
		s.Write(buf[:n])
		if err != nil {
			return s.String()
		}
	}
}

func march(day, hour int) time.Time { return time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC) }

// Three days: on the first two complaints of a public business, on the second
// nothing changes, on the third one is answered, and a record with a history
// of its own becomes public.
func TestEditionsCarryWhatChangedAndGiveEveryFigureOfTheirDay(t *testing.T) {
	b := newBench(t)
	b.public(t, shop)
	b.rows(t, "1,"+shop+",2026-02-01,2026-02-03,refund", "2,"+shop+",2026-02-20,,other", "1,"+other+",2026-01-01,2026-02-01,refund")
	b.publish(t, march(2, 5))
	b.publish(t, march(3, 5))
	b.publish(t, march(3, 6)) // again: nothing
	b.rows(t, "2,"+shop+",2026-02-20,2026-03-03,other")
	b.public(t, other)
	b.publish(t, march(4, 5))
	src := b.Source()
	list, err := src.Editions(t.Context())
	if err != nil || len(list) != 3 {
		t.Fatal(len(list), err)
	}
	for i, want := range []struct{ day, lines, figures string }{{"2026-03-01", "2", "2"}, {"2026-03-02", "0", "2"}, {"2026-03-03", "2", "4"}} {
		m := list[i].Manifest
		lines, figures := strings.Count(content(t, src, m.Day, opendata.ComplaintsFile), "\n")-1, strings.Count(content(t, src, m.Day, opendata.FiguresFile), "\n")-1
		if m.Day != want.day || fmt.Sprint(lines) != want.lines || fmt.Sprint(figures) != want.figures || list[i].Signed == "" {
			t.Errorf("edition %s: %d complaints, %d figures; want %v", m.Day, lines, figures, want)
		}
	}
	for i, day := range []string{"2026-03-01", "2026-03-02", "2026-03-03", ""} {
		r := b.recompute(t, src, opendata.Check{Day: day, Signature: b.signature})
		if len(r.Differences) != 0 || !r.Signed || r.Editions != min(i+1, 3) || r.Lines == 0 {
			t.Errorf("%s: %+v", day, r)
		}
	}
	// What was said of the first day is still what it says: 2 was open for 9 days.
	if first := content(t, src, "2026-03-01", opendata.FiguresFile); !strings.Contains(first, "all,"+shop+",2,1,0,1,2,1,0.5,") {
		t.Errorf("figures of the first day:\n%s", first)
	}
	if third := content(t, src, "2026-03-03", opendata.FiguresFile); !strings.Contains(third, "all,"+shop+",2,2,0,0,2,1,0.5,") {
		t.Errorf("figures of the third day:\n%s", third)
	}
}

func TestNothingOfARecordThatIsNotPublicIsPublished(t *testing.T) {
	b := newBench(t)
	b.public(t, shop)
	b.rows(t, "c-secret-number,"+shop+",2026-02-01,,refund", "1,"+other+",2026-01-01,,refund")
	b.publish(t, march(2, 5))
	src := b.Source()
	for _, file := range []string{opendata.ComplaintsFile, opendata.FiguresFile} {
		if s := content(t, src, "2026-03-01", file); strings.Contains(s, other) || strings.Contains(s, "secret") {
			t.Errorf("%s:\n%s", file, s)
		}
	}
}

// A figure, a line, a file, a manifest, the order and the signature: each
// change is found.
func TestWhatWasTamperedWithIsFound(t *testing.T) {
	b := newBench(t)
	b.public(t, shop)
	b.rows(t, "1,"+shop+",2026-02-01,2026-02-03,refund", "2,"+shop+",2026-02-20,,other")
	b.publish(t, march(2, 5))
	b.publish(t, march(3, 5))
	edit := func(t *testing.T, dir, name, old, new string) {
		t.Helper()
		name = filepath.Join(dir, name)
		s, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(s), old) {
			t.Fatalf("no %q in %s: %v", old, s, err)
		}
		if err := os.WriteFile(name, []byte(strings.Replace(string(s), old, new, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name   string
		tamper func(t *testing.T, dir string)
		code   string
	}{
		{"nothing", func(*testing.T, string) {}, ""},
		{"a complaint", func(t *testing.T, dir string) {
			edit(t, dir, "2026-03-01/complaints.csv", "2026-02-03T00:00:00Z", "2026-02-04T00:00:00Z")
		}, "open_data_broken"},
		{"a complaint left out", func(t *testing.T, dir string) { edit(t, dir, "2026-03-01/complaints.csv", "\n", "\n\n") }, "open_data_broken"},
		{"a figure", func(t *testing.T, dir string) { edit(t, dir, "2026-03-02/figures.csv", "0.5", "0.9") }, "open_data_broken"},
		{"a manifest", func(t *testing.T, dir string) {
			edit(t, dir, "2026-03-01/manifest.json", `"businesses": 1`, `"businesses": 2`)
		}, "open_data_broken"},
		{"an edition left out", func(t *testing.T, dir string) { os.RemoveAll(filepath.Join(dir, "2026-03-01")) }, "open_data_broken"},
		{"a signature", func(t *testing.T, dir string) {
			edit(t, dir, "2026-03-01/manifest.json", `"signed": "ey`, `"signed": "eY`)
		}, "any"},
		{"a signature of the other day", func(t *testing.T, dir string) {
			var first, second opendata.Edition
			read := func(day string, e *opendata.Edition) {
				s, err := os.ReadFile(filepath.Join(dir, day, "manifest.json"))
				if err != nil || json.Unmarshal(s, e) != nil {
					t.Fatal(err)
				}
			}
			read("2026-03-01", &first)
			read("2026-03-02", &second)
			second.Signed = first.Signed
			s, _ := json.Marshal(second)
			if err := os.WriteFile(filepath.Join(dir, "2026-03-02", "manifest.json"), s, 0o644); err != nil {
				t.Fatal(err)
			}
		}, "open_data_broken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if n, err := opendata.Download(t.Context(), b.Source(), dir); err != nil || n != 2 {
				t.Fatal(n, err)
			}
			tt.tamper(t, dir)
			r, err := opendata.Recompute(t.Context(), opendata.Directory(dir), opendata.Check{Signature: b.signature}, nil)
			switch code := fault.Code(err); {
			case tt.code == "" && (err != nil || len(r.Differences) > 0):
				t.Errorf("%+v, %v", r, err)
			case tt.code == "any" && err == nil, tt.code != "" && tt.code != "any" && code != tt.code:
				t.Errorf("got %v (%s), want %s", err, code, tt.code)
			}
		})
	}
}

// A service that publishes a figure its own data does not give, and binds and
// signs it, is found out all the same.
func TestAFigureThatTheDataDoesNotGiveIsNamed(t *testing.T) {
	b := newBench(t)
	b.public(t, shop)
	b.rows(t, "1,"+shop+",2026-02-01,2026-02-03,refund")
	// The lie is told before the edition is bound.
	err := b.Register.Store.Update(t.Context(), func(tx store.Tx) error {
		return store.Save(tx, "complaints_edition_chunks", "2026-03-01/figures.csv/"+shop, map[string]any{"lines": 1, "csv": "all," + shop + ",1,1,0,0,1,1,1,0.206549314,1,1,1,1,1,1,1,1\n"})
	})
	if err != nil {
		t.Fatal(err)
	}
	b.publish(t, march(2, 5))
	r := b.recompute(t, b.Source(), opendata.Check{Signature: b.signature})
	if len(r.Differences) == 0 || !strings.Contains(r.Differences[0], shop) {
		t.Errorf("%+v", r)
	}
}

func TestAnEditionGoesOnWhereItStopped(t *testing.T) {
	b := newBench(t)
	b.public(t, shop)
	b.public(t, other)
	b.rows(t, "1,"+shop+",2026-02-01,2026-02-03,refund", "1,"+other+",2026-01-01,,refund")
	b.clock.set(march(2, 5))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Publish(ctx); err == nil {
		t.Fatal("published without time")
	}
	b.publish(t, march(2, 6))
	if r := b.recompute(t, b.Source(), opendata.Check{Signature: b.signature}); len(r.Differences) != 0 || r.Complaints != 2 {
		t.Errorf("%+v", r)
	}
}

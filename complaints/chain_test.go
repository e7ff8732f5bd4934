package complaints_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/ca/receipt"
	"mohr/complaints"
	"mohr/complaints/opendata"
	"mohr/internal/store"
)

// rows are those of a business, made from nothing but its events and what was
// imported.
func (c *chain) rows(business ca.BusinessID) (rows []complaints.Row) {
	c.t.Helper()
	for key, r := range c.imported {
		if strings.HasPrefix(key, string(business)+"/") {
			rows = append(rows, r)
		}
	}
	events := map[string][]complaints.Event{}
	category := map[string]string{}
	err := c.ca.Store.View(c.t.Context(), func(tx store.Tx) error {
		clear(events)
		err := store.Each(tx, "complaints_events", "", "", func(key string, e complaints.Event) error {
			parts := strings.Split(key, "/")
			if parts[1] == string(business) {
				events[parts[0]] = append(events[parts[0]], e)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return store.Each(tx, "complaints_cases", "", "", func(id string, f struct{ Category string }) error {
			category[id] = f.Category
			return nil
		})
	})
	if err != nil {
		c.t.Fatal(err)
	}
	for id, list := range events {
		if r, served := complaints.RowOf(list); served {
			r.Category = category[id]
			rows = append(rows, r)
		}
	}
	return rows
}

// sorted brings rows into an order.
func sorted(t *testing.T, rows []complaints.Row) (list []string) {
	t.Helper()
	for _, r := range rows {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(b))
	}
	slices.Sort(list)
	return list
}

// check compares what was kept as things happened with the count from the
// events and the imported rows, now and at instants of the past.
func (c *chain) check() {
	t := c.t
	t.Helper()
	var all []complaints.Row
	for _, b := range []ca.BusinessID{shop, nobody} {
		want := c.rows(b)
		all = append(all, want...)
		got, err := c.Register().RowsOf(t.Context(), string(b))
		if d := cmp.Diff(sorted(t, want), sorted(t, got)); err != nil || d != "" {
			t.Fatalf("rows of %s: %v\n%s", b, err, d)
		}
		r, err := c.Public(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		c.compare(b, want, r.At, r.Scorecard, r.Lifetime)
		past := c.clock.Now().Add(-time.Duration(c.random.IntN(60*24)) * hour)
		s, err := c.Sheet(t.Context(), b, past)
		if err != nil {
			t.Fatal(err)
		}
		y := complaints.NewTally(string(b), complaints.Terms{At: past, Policies: c.Policies})
		for _, row := range want {
			y.Add(row)
		}
		if d := cmp.Diff(y.Figures().Shown(), s.Lifetime, windows); d != "" {
			t.Fatalf("%s as of %s:\n%s", b, past, d)
		}
	}
	counts, err := c.Register().Counts(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	day := complaints.DayStart(c.clock.Now().Add(-time.Duration(c.random.IntN(40*24)) * hour))
	if got, want := counts.At(day), batch(all, complaints.Terms{At: day, Policies: c.Policies}); got != want {
		t.Fatalf("national counts as of %s:\ngot  %v\nwant %v", day, got, want)
	}
}

func (c *chain) compare(b ca.BusinessID, rows []complaints.Row, at time.Time, year, lifetime complaints.Scorecard) {
	c.t.Helper()
	for rolling, got := range map[complaints.Rolling]complaints.Scorecard{complaints.Year: year, 0: lifetime} {
		want := complaints.Score(string(b), rows, complaints.Terms{At: at, Rolling: rolling, Policies: c.Policies})
		if d := cmp.Diff(want, got); d != "" {
			c.t.Fatalf("%s as of %s, rolling %v:\n%s", b, at, rolling, d)
		}
	}
}

func TestWhatIsKeptAsThingsHappenIsWhatTheEventsGive(t *testing.T) {
	did := map[string]int{}
	for seed := range uint64(6) {
		c := newChain(t, seed)
		for i := range 90 {
			look := i%15 == 14
			if look { // what is kept of this instant must not outlive the step
				c.check()
			}
			if c.step(); look {
				c.check()
			}
			c.clock.advance(oneOf(c.random, []time.Duration{0, time.Second, hour, 20 * hour, 48 * hour, -2 * hour}))
			if c.random.IntN(4) == 0 {
				_, err := c.Register().Fold(t.Context())
				c.may("fold", err)
			}
		}
		c.recomputed()
		for what, n := range c.did {
			did[what] += n
		}
	}
	for _, what := range []string{"file", "answer", "holding", "no_such_order", "withdrawn", "escalated", "inadmissible", "moved", "outage", "import", "fold"} {
		if did[what] == 0 {
			t.Errorf("%s never happened: %v", what, did)
		}
	}
}

// recomputed publishes the open data and counts it again from its files alone.
func (c *chain) recomputed() {
	c.t.Helper()
	audit := c.ca.SigningKey(c.t, "audit", ca.Service{Profile: ca.Audit, CommonName: "Mohr audit"})
	p := &opendata.Publisher{
		Register: c.Register(), Key: []byte("chain"), Now: c.clock.Now,
		Receipts: receipt.New(receipt.Config{Key: func() ca.SigningKey { return audit }, Issuer: "https://localhost", Now: c.clock.Now}),
	}
	if err := p.Publish(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	r, err := opendata.Recompute(c.t.Context(), p.Source(), opendata.Check{}, nil)
	if err != nil || len(r.Differences) != 0 || r.Complaints == 0 {
		c.t.Fatalf("%+v, %v", r, err)
	}
}

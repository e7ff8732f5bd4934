package complaints_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/complaints"
	"mohr/internal/fault"
)

// chain drives a whole desk by chance: complaints against two businesses and
// all that may happen to them, outages that are recorded late, imports in any
// order that correct what was imported, clocks that differ between nodes.
type chain struct {
	*bench
	t        *testing.T
	random   *rand.Rand
	filed    []complaints.Ticket
	imported map[string]complaints.Row // business/id, as the rule of imports has them
	did      map[string]int            // what went through
}

func newChain(t *testing.T, seed uint64) *chain {
	c := &chain{t: t, random: rand.New(rand.NewPCG(seed, 15)), imported: map[string]complaints.Row{}, did: map[string]int{}}
	c.bench = newBench(t, func(config *complaints.Config) {
		twoBusinesses(config)
		config.Policies = complaints.Policies{
			{Version: "a/1", Window: window(t, "single(96h)")},
			{Version: "b/1", From: time.Date(2026, 12, 10, 0, 0, 0, 0, time.UTC), Window: window(t, "staged(72h,48h,24h)")},
		}
	})
	c.clock.advance(48 * hour) // it goes back now and then, and not before there was an authority
	c.publish(t, shop)
	c.publish(t, nobody)
	return c
}

// may counts what went through; what the rules refuse is no failure, anything
// else is.
func (c *chain) may(what string, err error) {
	c.t.Helper()
	switch {
	case err == nil:
		c.did[what]++
	case fault.Code(err) == "":
		c.t.Fatalf("%s: %v", what, err)
	}
}

// oneOf returns one of them by chance.
func oneOf[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func (c *chain) step() {
	c.t.Helper()
	if len(c.filed) == 0 || c.random.IntN(8) == 0 {
		in := filing()
		in.Category = oneOf(c.random, complaints.Categories())
		in.Business = string(oneOf(c.random, []ca.BusinessID{shop, nobody}))
		if c.random.IntN(3) == 0 {
			in.Also = []string{string(shop)}
		}
		ticket, err := c.File(c.t.Context(), in)
		c.may("file", err)
		c.filed = append(c.filed, ticket)
		return
	}
	ticket := oneOf(c.random, c.filed[max(0, len(c.filed)-4):]) // the last ones: more happens to each
	switch c.random.IntN(8) {
	case 0, 1, 2:
		k := oneOf(c.random, complaints.BusinessKinds())
		_, err := c.Answer(c.t.Context(), ticket.ID, c.signed(c.t, c.key, c.says(ticket.ID, k, nil)))
		c.may(string(k), err)
	case 3, 4:
		c.reaction(ticket)
	case 5:
		c.ruling(ticket)
	case 6:
		c.outage()
	default:
		c.importSome()
	}
}

// reaction is one of those that the consumer may have now, or any.
func (c *chain) reaction(ticket complaints.Ticket) {
	c.t.Helper()
	at, err := c.FollowAt(c.t.Context(), ticket.ID, ticket.Token, ticket.Business)
	if err != nil {
		c.t.Fatal(err)
	}
	list := at.May
	if len(list) == 0 || c.random.IntN(4) == 0 {
		list = complaints.Reactions()
	}
	r := complaints.Reaction{Business: ticket.Business, Kind: oneOf(c.random, list)}
	if at.Allows(complaints.KindDisputed) && c.random.IntN(2) == 0 {
		r.Kind = complaints.KindDisputed
	}
	if r.Kind == complaints.KindWithdrawn && c.random.IntN(4) > 0 {
		return // nothing happens after it
	}
	if r.Kind == complaints.KindEscalated || r.Kind == complaints.KindAppealed {
		r.Text = "به این دلیل."
	}
	_, err = c.React(c.t.Context(), ticket.ID, ticket.Token, r)
	c.may(string(r.Kind), err)
}

// ruling is one by chance, of one of three officers.
func (c *chain) ruling(ticket complaints.Ticket) {
	c.t.Helper()
	at, err := c.Case(c.t.Context(), c.officer(c.t, "sara"), ticket.ID, ticket.Business)
	if err != nil {
		c.t.Fatal(err)
	}
	kinds := at.Kinds
	if len(kinds) == 0 || c.random.IntN(4) == 0 {
		kinds = complaints.RulingKinds()
	}
	k := oneOf(c.random, kinds)
	r := complaints.Ruling{Business: ticket.Business, Kind: k, Reason: oneOf(c.random, complaints.Reasons(k)), Text: "چنین است."}
	switch k {
	case complaints.KindDuplicate, complaints.KindMerged:
		r.Of = oneOf(c.random, c.filed).ID
	case complaints.KindMoved:
		r.To = map[ca.BusinessID]ca.BusinessID{shop: nobody, nobody: shop}[ticket.Business]
	case complaints.KindDecided:
		r.Outcome = oneOf(c.random, []complaints.Outcome{complaints.ForConsumer, complaints.ForBoth, complaints.ForBusiness})
	case complaints.KindAppealGranted:
		r.Outcome = oneOf(c.random, []complaints.Outcome{"", complaints.ForBoth})
	}
	_, err = c.Rule(c.t.Context(), c.officer(c.t, oneOf(c.random, []string{"sara", "omid", "reza"})), ticket.ID, r, false)
	c.may(string(k), err)
}

// outage records one that lies up to ten days back.
func (c *chain) outage() {
	c.t.Helper()
	to := c.clock.Now().Add(-time.Duration(c.random.IntN(240)) * hour)
	o, err := c.PlanOutage(c.t.Context(), c.officer(c.t, "sara"), to.Add(-time.Duration(1+c.random.IntN(30))*hour), to, "power")
	c.may("plan", err)
	if err == nil && o.Plan.Needs == 0 {
		_, err = c.RecordOutage(c.t.Context(), c.officer(c.t, "sara"), o.Plan.ID)
		c.may("outage", err)
	}
}

// importSome imports nine rows: new ones, doubles, and answers to open ones.
func (c *chain) importSome() {
	c.t.Helper()
	var b strings.Builder
	b.WriteString("id,business,served,answered,category\n")
	for range 9 {
		id, business := c.random.IntN(25), oneOf(c.random, []ca.BusinessID{shop, nobody})
		served := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(c.random.IntN(1000)) * hour)
		row, answered := complaints.Row{Served: served.Unix(), Category: oneOf(c.random, complaintCategories)}, ""
		if c.random.IntN(2) == 0 {
			at := served.Add(time.Duration(c.random.IntN(400)-20) * hour)
			row.Answered, answered = at.Unix(), at.Format(time.DateTime)
		}
		fmt.Fprintf(&b, "%d,%s,%s,%s,%s\n", id, business, served.Format(time.DateTime), answered, row.Category)
		if answered != "" && row.Answered < row.Served {
			continue // is rejected
		}
		key := fmt.Sprintf("%s/%d", business, id)
		switch had, ok := c.imported[key]; {
		case !ok:
			c.imported[key] = row
		case had.Answered == 0 && row.Answered >= had.Served:
			had.Answered = row.Answered
			c.imported[key] = had
		}
	}
	columns := map[string]string{"id": "id", "business": "business", "served": "served", "answered": "answered", "category": "category"}
	_, err := c.Register().Import(c.t.Context(), strings.NewReader(b.String()), complaints.ImportConfig{Columns: columns, DateLayout: time.DateTime}, nil)
	c.may("import", err)
}

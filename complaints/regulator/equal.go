package regulator

import (
	"context"
	"slices"
	"strings"

	"mohr/complaints"
	"mohr/complaints/score"
)

// Attributes say what kind of business one is: "size" -> "small".
type Attributes map[string]string

// Treatment is how complaints at one kind of business went, and what the
// service itself did with them.
type Treatment struct {
	Attribute  string `json:"attribute"` // size, sector, region
	Value      string `json:"value"`     // "" : not known
	Businesses int    `json:"businesses"`
	Complaints int    `json:"complaints"` // as filed, those set aside too

	Matured       int      `json:"matured"`
	MaturedOnTime int      `json:"matured_on_time"`
	ShareOnTime   *float64 `json:"share_on_time"`
	WilsonLow     *float64 `json:"wilson_low"`
	WilsonHigh    *float64 `json:"wilson_high"`
	Unanswered    int      `json:"unanswered"`

	SetAside      int      `json:"set_aside"` // inadmissible, duplicate or merged
	SetAsideShare *float64 `json:"set_aside_share"`
	SetAsideLow   *float64 `json:"set_aside_low"`
	SetAsideHigh  *float64 `json:"set_aside_high"`
	Restored      int      `json:"restored"` // set aside, and brought back on appeal
	Decided       int      `json:"decided"`
	HoursToServe  *float64 `json:"hours_to_serve"` // mean, from filing
	served        int
	seconds       int64
	// Apart: an interval of this kind does not meet that of all others, in the
	// share on time or in the share set aside.
	Apart bool `json:"apart"`
}

// Equal reports by each attribute how businesses of each kind were treated,
// as of t. attributes says of which kind a business is. Kinds are set beside
// all complaints of the other kinds.
func Equal(ctx context.Context, g *complaints.Register, t complaints.Terms, attributes map[string]Attributes) ([]Treatment, error) {
	names := map[string]bool{}
	for _, a := range attributes {
		for name := range a {
			names[name] = true
		}
	}
	kinds := map[[2]string]*Treatment{}
	err := g.Rows(ctx, func(business string, rows []complaints.Row) error {
		one := treat(business, rows, t)
		for name := range names {
			key := [2]string{name, attributes[business][name]}
			if kinds[key] == nil {
				kinds[key] = &Treatment{Attribute: key[0], Value: key[1]}
			}
			kinds[key].add(one, 1)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := map[string]*Treatment{}
	for key, k := range kinds {
		if all[key[0]] == nil {
			all[key[0]] = &Treatment{}
		}
		all[key[0]].add(*k, 1)
	}
	var list []Treatment
	for key, k := range kinds {
		others := *all[key[0]]
		others.add(*k, -1)
		others.finish()
		k.finish()
		k.Apart = apart(k.WilsonLow, k.WilsonHigh, others.WilsonLow, others.WilsonHigh) || apart(k.SetAsideLow, k.SetAsideHigh, others.SetAsideLow, others.SetAsideHigh)
		list = append(list, *k)
	}
	slices.SortFunc(list, func(a, b Treatment) int {
		return strings.Compare(a.Attribute+"\x00"+a.Value, b.Attribute+"\x00"+b.Value)
	})
	return list, nil
}

// treat counts one business.
func treat(business string, rows []complaints.Row, t complaints.Terms) Treatment {
	y := complaints.NewTally(business, t)
	one := Treatment{Businesses: 1}
	at := t.At.Unix()
	for _, r := range rows {
		if r.Served > at {
			continue
		}
		y.Add(r)
		one.Complaints++
		if r.Out != 0 && r.Out <= at {
			one.SetAside++
		}
		for _, gone := range r.Gone {
			if gone.To <= at {
				one.Restored++
			}
		}
		if r.Filed != 0 {
			one.served++
			one.seconds += r.Served - r.Filed
		}
	}
	f := y.Figures()
	one.Matured, one.MaturedOnTime, one.Unanswered = f.Scorecard.Matured, f.Scorecard.MaturedOnTime, f.Scorecard.Unanswered
	one.Decided = f.Settlement.Decided
	return one
}

func (k *Treatment) add(o Treatment, sign int) {
	k.Businesses += sign * o.Businesses
	k.Complaints += sign * o.Complaints
	k.Matured += sign * o.Matured
	k.MaturedOnTime += sign * o.MaturedOnTime
	k.Unanswered += sign * o.Unanswered
	k.SetAside += sign * o.SetAside
	k.Restored += sign * o.Restored
	k.Decided += sign * o.Decided
	k.served += sign * o.served
	k.seconds += int64(sign) * o.seconds
}

func (k *Treatment) finish() {
	k.ShareOnTime, k.WilsonLow, k.WilsonHigh = interval(k.MaturedOnTime, k.Matured)
	k.SetAsideShare, k.SetAsideLow, k.SetAsideHigh = interval(k.SetAside, k.Complaints)
	if k.served > 0 {
		k.HoursToServe = rounded(float64(k.seconds) / float64(k.served) / 3600)
	}
}

func interval(k, n int) (p, low, high *float64) {
	if n == 0 {
		return nil, nil, nil
	}
	l, h := score.Wilson(k, n)
	return rounded(float64(k) / float64(n)), rounded(l), rounded(h)
}

func apart(low, high, otherLow, otherHigh *float64) bool {
	return low != nil && otherLow != nil && (*low > *otherHigh || *high < *otherLow)
}

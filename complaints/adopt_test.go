package complaints_test

import (
	"strings"
	"testing"
	"time"

	"mohr/complaints"
	"mohr/internal/fault"
)

func TestAPublishedPolicyStaysAndANewOneBeginsAhead(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	one := complaints.Policy{Version: "one/1", Window: window(t, "single(96h)")}
	two := complaints.Policy{Version: "two/1", From: at.Add(10 * day), Window: window(t, "single(24h)")}
	change := func(p complaints.Policy, fn func(*complaints.Policy)) complaints.Policy { fn(&p); return p }
	tests := []struct {
		name     string
		policies complaints.Policies
		code     string
	}{
		{"the same again", complaints.Policies{one}, ""},
		{"a harsher one from a day ahead", complaints.Policies{one, two}, ""},
		{"one from this very second", complaints.Policies{one, change(two, func(p *complaints.Policy) { p.From = at })}, "complaint_policy_past"},
		{"one for the past", complaints.Policies{one, change(two, func(p *complaints.Policy) { p.From = at.Add(-day) })}, "complaint_policy_past"},
		{"another window under the same version", complaints.Policies{change(one, func(p *complaints.Policy) { p.Window = two.Window })}, "complaint_policy_changed"},
		{"another version", complaints.Policies{change(one, func(p *complaints.Policy) { p.Version = "other/1" }), two}, "complaint_policy_changed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			g := complaints.Register{Store: b.ca.Store, Now: func() time.Time { return at }, Policies: complaints.Policies{one}}
			if err := g.AdoptPolicies(t.Context()); err != nil {
				t.Fatal(err)
			}
			leaves := len(b.leaves(t))
			g.Policies = tt.policies
			if err := g.AdoptPolicies(t.Context()); fault.Code(err) != tt.code || (err == nil) != (tt.code == "") {
				t.Fatalf("got %v, want %q", err, tt.code)
			}
			if n := len(b.leaves(t)) - leaves; tt.code != "" && n != 0 || tt.code == "" && n != len(tt.policies)-1 {
				t.Errorf("%d new leaves", n)
			}
			if tt.code != "" || len(tt.policies) == 1 {
				return
			}
			g.Policies = complaints.Policies{one}
			if err := g.AdoptPolicies(t.Context()); fault.Code(err) != "complaint_policy_missing" {
				t.Errorf("without it: %v", err)
			}
			if all := strings.Join(b.leaves(t), "\n"); !strings.Contains(all, "two/1 single(24h) from 2026-12-03T10:00:00Z") {
				t.Errorf("the log does not say it:\n%s", all)
			}
		})
	}
}

package complaints_test

import (
	"strings"
	"testing"
	"time"

	"mohr/complaints"
	"mohr/internal/fault"
)

func TestPublishedWeightsStayAndNewOnesBeginAhead(t *testing.T) {
	shipped, err := complaints.DefaultWeights()
	if err != nil {
		t.Fatal(err)
	}
	even := map[complaints.Dimension]int{"track_record": 20, "capability": 20, "security": 20, "service_quality": 20, "consumer_satisfaction": 20}
	tests := []struct {
		name string
		next func(b *bench) complaints.WeightsList
		code string
	}{
		{"the same again", func(*bench) complaints.WeightsList { return shipped }, ""},
		{"others from a day ahead", func(b *bench) complaints.WeightsList {
			return append(shipped[:1:1], complaints.Weights{Version: "even/1", From: b.clock.Now().Add(day), Weights: even})
		}, ""},
		{"others from this very second", func(b *bench) complaints.WeightsList {
			return append(shipped[:1:1], complaints.Weights{Version: "even/1", From: b.clock.Now(), Weights: even})
		}, "rating_weights_past"},
		{"other ones under the same version", func(*bench) complaints.WeightsList {
			return complaints.WeightsList{{Version: shipped[0].Version, Weights: even}}
		}, "rating_weights_changed"},
		{"none", func(*bench) complaints.WeightsList { return nil }, "rating_weights_missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			g := b.Register()
			if err := g.AdoptWeights(t.Context(), shipped); err != nil {
				t.Fatal(err)
			}
			before := len(b.leaves(t))
			next := tt.next(b)
			if err := g.AdoptWeights(t.Context(), next); fault.Code(err) != tt.code || (err == nil) != (tt.code == "") {
				t.Fatalf("%v, want %q", err, tt.code)
			}
			want := 0
			if tt.code == "" {
				want = len(next) - 1
			}
			if n := len(b.leaves(t)) - before; n != want {
				t.Errorf("%d new leaves, want %d", n, want)
			}
			if want == 0 {
				return
			}
			if all := strings.Join(b.leaves(t), "\n"); !strings.Contains(all, "even/1 from 2026-11-24T10:00:00Z") {
				t.Errorf("the log does not say it:\n%s", all)
			}
			for after, version := range map[time.Duration]string{day - time.Second: "weights/1", day: "even/1"} {
				s, err := b.Sheet(t.Context(), shop, b.clock.Now().Add(after))
				if err != nil || s.Rating.Version != version {
					t.Errorf("after %s: %s, %v", after, s.Rating.Version, err)
				}
			}
		})
	}
}

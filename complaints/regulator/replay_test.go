package regulator_test

import (
	"fmt"
	"testing"
	"time"

	"mohr/complaints"
	"mohr/complaints/regulator"
)

// Three shops under single(96h), four complaints each served on 1 January 2026
// at 0 h; as of 1 March. quick answers within a day, middle after 80 hours,
// slow after 200. A window of 72 hours changes only middle: 4 of 4 on time
// become 0 of 4; the share falls from 1 to 0, below the interval of 4 of 4,
// which begins at 4/(4+3.8415) = 0.5101. All: 8 of 12 become 4 of 12.
func shops(t testing.TB) *complaints.Register {
	var rows [][4]string
	for range 4 {
		for shop, answered := range map[string]string{"quick": "2026-01-01 20:00:00", "middle": "2026-01-04 08:00:00", "slow": "2026-01-09 08:00:00"} {
			rows = append(rows, [4]string{shop, "2026-01-01 00:00:00", answered, "refund"})
		}
	}
	return register(t, nil, rows...)
}

func march() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) }

func TestReplayOfAnotherWindowSaysWhoChangesAndByHowMuch(t *testing.T) {
	g := shops(t)
	done := 0
	r, err := regulator.Replay(t.Context(), g, regulator.Proposal{Window: window(t, "single(72h)")}, regulator.Terms{At: march()}, func(n int) { done = n })
	if err != nil {
		t.Fatal(err)
	}
	if r.Businesses != 3 || r.Complaints != 12 || r.Changed != 1 || r.Worse != 1 || r.Better != 0 || r.Clearly != 1 || done != 3 {
		t.Errorf("%+v", r)
	}
	if show(r.Before.ShareOnTime) != "0.6667" || show(r.After.ShareOnTime) != "0.3333" || r.After.WilsonLow == nil {
		t.Errorf("all: %s -> %s", show(r.Before.ShareOnTime), show(r.After.ShareOnTime))
	}
	e := r.Effects[0]
	if e.Business != "middle" || !e.Clear || show(e.Share) != "-1.0000" || show(e.Before.WilsonLow) != "0.5101" || e.After.MaturedOnTime != 0 || e.After.EverUnanswered != 4 || e.Level != complaints.LevelCounts {
		t.Errorf("effect %+v", e)
	}
}

func TestReplayFromADayOnLeavesWhatWasFiledBefore(t *testing.T) {
	g := shops(t)
	for from, changed := range map[time.Time]int{march().Add(-59 * day): 1, march().Add(-59*day + time.Second): 0} {
		r, err := regulator.Replay(t.Context(), g, regulator.Proposal{Window: window(t, "single(72h)"), From: from}, regulator.Terms{At: march()}, nil)
		if err != nil || r.Changed != changed {
			t.Errorf("from %s: %d changed, %v; want %d", from, r.Changed, err, changed)
		}
	}
}

// Thirty complaints, 24 answered in time, 6 not at all: the track record is 24
// of 30 = 0.8 and so is the service quality; nothing else is measured. Whatever
// the weights of these two, the score is 0.8. With ten more answered late,
// track record 24/40 = 0.6 (those late went past the only window), service
// quality 24/40. Let the late ones be in the second window of
// staged(96h,96h): then the track record is 34/40 = 0.85 and the service
// quality 24/40 = 0.6. By 25 and 20 the score is (25*0.85+20*0.6)/45 =
// 0.7389, by 40 and 5 it is (40*0.85+5*0.6)/45 = 0.8222.
func TestReplayOfOtherWeights(t *testing.T) {
	var rows [][4]string
	add := func(n int, answered string) {
		for range n {
			rows = append(rows, [4]string{"shop", "2026-01-01 00:00:00", answered, "refund"})
		}
	}
	add(24, "2026-01-02 00:00:00")
	add(10, "2026-01-07 00:00:00")
	add(6, "")
	policies := complaints.Policies{{Version: "staged/1", Window: window(t, "staged(96h,96h)")}}
	now, err := complaints.DefaultWeights()
	if err != nil {
		t.Fatal(err)
	}
	other, err := complaints.ParseWeights([]byte("- {version: other/1, weights: {track_record: 40, capability: 30, security: 10, service_quality: 5, consumer_satisfaction: 15}}"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := regulator.Replay(t.Context(), register(t, policies, rows...), regulator.Proposal{Weights: other}, regulator.Terms{At: march(), Policies: policies, Weights: now}, nil)
	if err != nil || len(r.Effects) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	e := r.Effects[0]
	if show(e.Before.Score) != "0.7389" || show(e.After.Score) != "0.8222" || show(e.Score) != "0.0833" || show(e.Share) != "0.0000" || r.Worse+r.Better != 0 {
		t.Errorf("before %s, after %s, change %s", show(e.Before.Score), show(e.After.Score), show(e.Score))
	}
}

// Small shops: 40 complaints, all on time; large ones 40, 10 on time. Their
// intervals are far apart, and nothing is said of the region, which is one.
func TestEqualTreatmentSetsEachKindBesideTheOthers(t *testing.T) {
	var rows [][4]string
	for i := range 40 {
		late := "2026-01-20 00:00:00"
		if i < 10 {
			late = "2026-01-02 00:00:00"
		}
		rows = append(rows, [4]string{fmt.Sprint("small ", i%4), "2026-01-01 00:00:00", "2026-01-02 00:00:00", ""}, [4]string{"large", "2026-01-01 00:00:00", late, ""})
	}
	rows = append(rows, [4]string{"unknown", "2026-01-01 00:00:00", "2026-01-02 00:00:00", ""})
	kinds := map[string]regulator.Attributes{"large": {"size": "large", "region": "x"}, "unknown": {"region": "x"}}
	for i := range 4 {
		kinds[fmt.Sprint("small ", i)] = regulator.Attributes{"size": "small", "region": "x"}
	}
	list, err := regulator.Equal(t.Context(), register(t, nil, rows...), complaints.Terms{At: march()}, kinds)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, k := range list {
		got += fmt.Sprintf("%s=%s %d %d %d/%d %v\n", k.Attribute, k.Value, k.Businesses, k.Complaints, k.MaturedOnTime, k.Matured, k.Apart)
	}
	// Unknown: 1 of 1 has the interval 0.21 to 1, and the others 50 of 80.
	want := "region=x 6 81 51/81 false\nsize= 1 1 1/1 false\nsize=large 1 40 10/40 true\nsize=small 4 40 40/40 true\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

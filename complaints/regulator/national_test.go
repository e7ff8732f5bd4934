package regulator_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"mohr/complaints"
	"mohr/complaints/regulator"
)

// By single(96h), as of 1 Mehr 1404, 0 h in Iran, and as of 1 Mehr 1403:
//
//	A refund  10 Khordad 1403, answered 5 Aban 1403: then unanswered, answered late now
//	B refund  10 Khordad 1403, answered the day after: on time, then and now
//	C other   20 Tir 1404, open: unanswered
//	D refund  1 Khordad 1404, answered the day after: on time
//	E refund  30 Shahrivar 1404 (two days ago), open: pending
//	F refund  2 Mehr 1404: not yet
//	G other   23:00 on 31 Shahrivar 1403 UTC time, which is 1 Mehr 1403 in Iran: Mehr, and not seen at 1 Mehr 0 h
//
// Now: received A B C D E G = 6, unanswered C G = 2; then: received A B = 2, unanswered A = 1. The change of
// unanswered is (2-1)/1 = 1. Served in 1404: C D E = 3, beside A B of 1403: unanswered 1 and 1, change 0; on time D of
// C D matured, and B of A B. Year 1403: A B G = 3, 1 on time of 3.
func TestNationalFiguresByHand(t *testing.T) {
	at := func(y, m, d, h int) int64 { return iran(t, y, m, d, h).Unix() }
	rows := []complaints.Row{
		{Category: "refund", Served: at(1403, 3, 10, 9), Answered: at(1403, 8, 5, 9)},
		{Category: "refund", Served: at(1403, 3, 10, 9), Answered: at(1403, 3, 11, 9)},
		{Category: "other", Served: at(1404, 4, 20, 9)},
		{Category: "refund", Served: at(1404, 3, 1, 9), Answered: at(1404, 3, 2, 9)},
		{Category: "refund", Served: at(1404, 6, 30, 9)},
		{Category: "refund", Served: at(1404, 7, 2, 9)},
		{Category: "other", Served: at(1403, 7, 1, 2)},
	}
	counts := complaints.NewCounts(complaints.Policies{{Version: "x/1", Window: window(t, "single(96h)")}}, complaints.Window{})
	for _, r := range rows {
		counts.Add(r)
	}
	n := regulator.Country(counts, iran(t, 1404, 7, 1, 0).Add(5*time.Hour))
	if !n.At.Equal(iran(t, 1404, 7, 1, 0)) || !n.YearBefore.Equal(iran(t, 1403, 7, 1, 0)) || n.LeapDay {
		t.Errorf("as of %s and %s", n.At, n.YearBefore)
	}
	check := func(l regulator.Line, received, unanswered, handled int64, share, change string, partial bool) {
		t.Helper()
		if l.Received != received || l.Unanswered != unanswered || l.Handled != handled || show(l.ShareOnTime) != share || show(l.Change.Unanswered) != change || l.Partial != partial {
			t.Errorf("%s %s: received %d, unanswered %d, handled %d, share %s, change %s, partial %v", l.Period, l.Category, l.Received, l.Unanswered, l.Handled, show(l.ShareOnTime), show(l.Change.Unanswered), l.Partial)
		}
	}
	check(n.Total, 6, 2, 3, "0.4000", "1.0000", false)
	if len(n.Years) != 2 || len(n.Categories) != 2 {
		t.Fatalf("years %+v, categories %+v", n.Years, n.Categories)
	}
	check(n.Years[0], 3, 1, 2, "0.3333", "–", false)
	check(n.Years[1], 3, 1, 1, "0.5000", "0.0000", true)
	if b := n.Years[1].Before; b == nil || b.Received != 2 || b.MaturedOnTime != 1 {
		t.Errorf("before 1404: %+v", b)
	}
	check(n.Categories[0], 1, 1, 0, "0.0000", "–", true)
	check(n.Categories[1], 2, 0, 1, "1.0000", "-1.0000", true)
	months := map[string]regulator.Line{}
	for _, m := range n.Months {
		months[m.Period] = m
	}
	check(months["1403-03"], 2, 0, 2, "0.5000", "–", false)
	check(months["1403-07"], 1, 1, 0, "0.0000", "–", false)
	check(months["1404-06"], 1, 0, 0, "–", "–", false)
	if _, there := months["1404-07"]; there {
		t.Error("a month that has just begun has a line")
	}
}

// A complaint is counted in one line of each kind, so that each kind adds up.
func TestNationalLinesAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 9))
	counts := complaints.NewCounts(nil, complaints.Window{})
	start := iran(t, 1399, 1, 1, 0).Unix()
	categories := []string{"refund", "other", "late_delivery"}
	for range 4000 {
		r := complaints.Row{Served: start + random.Int64N(5*365*86400), Category: categories[random.IntN(3)]}
		if random.IntN(2) == 0 {
			r.Answered = r.Served + random.Int64N(20*86400)
		}
		counts.Add(r)
	}
	for range 50 {
		n := regulator.Country(counts, time.Unix(start+random.Int64N(6*365*86400), 0))
		for kind, lines := range map[string][]regulator.Line{"years": n.Years, "months": n.Months, "shelves": n.Shelves, "cells": n.Cells} {
			var received, unanswered, onTime int64
			for _, l := range lines {
				received, unanswered, onTime = received+l.Received, unanswered+l.Unanswered, onTime+l.MaturedOnTime
			}
			if received != n.Total.Received || unanswered != n.Total.Unanswered || onTime != n.Total.MaturedOnTime {
				t.Fatalf("%s as of %s: %d %d %d, total %d %d %d", kind, n.At, received, unanswered, onTime, n.Total.Received, n.Total.Unanswered, n.Total.MaturedOnTime)
			}
		}
	}
}

// BenchmarkNational makes the national figures of ten million complaints of
// ten years in ten categories from their counts.
func BenchmarkNational(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	counts := complaints.NewCounts(nil, complaints.Window{})
	start := iran(b, 1395, 1, 1, 0).Unix()
	began := time.Now()
	for range 10_000_000 {
		r := complaints.Row{Served: start + random.Int64N(3650*86400), Category: string(complaints.Categories()[random.IntN(10)])}
		if random.IntN(10) > 0 {
			r.Answered = r.Served + random.Int64N(40*86400)
		}
		counts.Add(r)
	}
	counting := time.Since(began)
	for b.Loop() {
		if n := regulator.Country(counts, iran(b, 1404, 7, 1, 0)); n.Total.Received < 9_000_000 {
			b.Fatal(n.Total)
		}
	}
	b.ReportMetric(counting.Seconds(), "s/counting")
}

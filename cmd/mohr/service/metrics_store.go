package service

import (
	"github.com/prometheus/client_golang/prometheus"

	"mohr/internal/store"
)

// What is measured of a database that several nodes share (docs/postgresql.md).
var (
	storeUpdates = describe("mohr_store_update_seconds", "How long updates took, with all their runs.")
	storeAgain   = describe("mohr_store_retries_total", "Runs of updates that did not fit between others and were made again.")
	storeGivenUp = describe("mohr_store_given_up_total", "Updates that were given up because they never fitted.")
	storeUnknown = describe("mohr_store_unknown_total", "Commits that broke and of which the database never said how they ended.")
	storeConns   = describe("mohr_store_connections", "Connections to the database.", "state")
	storeWaits   = describe("mohr_store_connection_waits_total", "Times that somebody waited for a connection.")
	storeWaited  = describe("mohr_store_connection_wait_seconds_total", "How long they waited, together.")
)

func collectStore(to chan<- prometheus.Metric, s store.Stats) {
	upTo := map[float64]uint64{}
	for i, bound := range store.Bounds {
		upTo[bound] = s.Updates.UpTo[i]
	}
	to <- prometheus.MustNewConstHistogram(storeUpdates, s.Updates.Count, s.Updates.Seconds, upTo)
	for _, c := range []struct {
		d *prometheus.Desc
		v float64
	}{
		{storeAgain, float64(s.Again)}, {storeGivenUp, float64(s.GivenUp)}, {storeUnknown, float64(s.Unknown)},
		{storeWaits, float64(s.Waits)}, {storeWaited, s.Waited.Seconds()},
	} {
		to <- prometheus.MustNewConstMetric(c.d, prometheus.CounterValue, c.v)
	}
	for state, n := range map[string]int{"open": s.Open, "busy": s.Busy, "most": s.Most} {
		to <- prometheus.MustNewConstMetric(storeConns, prometheus.GaugeValue, float64(n), state)
	}
}

package service

import (
	"context"
	"time"

	"mohr/internal/door"

	"github.com/prometheus/client_golang/prometheus"
)

// gauges are what an operator sets alarms on: ages and queues, read when they
// are asked for. Labels are from closed sets: authorities, key purposes.
type gauges struct {
	*rooms
	doors doors
}

// What is measured. An age is in seconds.
var (
	crlNextUpdate    = describe("mohr_crl_next_update_seconds", "Time until the CRL that ends first is overdue.", "issuer")
	crlShards        = describe("mohr_crl_shards", "CRL shards of the authority.", "issuer")
	statusSigning    = describe("mohr_status_signing", "1 if the last CRL and the last OCSP answer that were due could be signed here.", "issuer")
	responderLeft    = describe("mohr_ocsp_responder_seconds", "Time until the OCSP responder's certificate ends.", "issuer")
	logWaiting       = describe("mohr_log_waiting_seconds", "Age of the oldest deed that has no place in the log; 0 if none waits.")
	clockTrusted     = describe("mohr_clock_trusted", "1 while the time may go into signatures.")
	keySignatures    = describe("mohr_key_signatures_total", "Signatures since the start of this process.", "key")
	keyFailures      = describe("mohr_key_failures_total", "Tries to sign that failed since the start of this process.", "key")
	badgesOpen       = describe("mohr_badge_open", "Badge requests that are not decided.")
	badgesLate       = describe("mohr_badge_late", "Badge requests that wait for a registry or for us for more than 45 minutes.")
	badgesOldest     = describe("mohr_badge_waiting_seconds", "How long the longest of the open badge requests has waited for a registry or for us.")
	doorConnections  = describe("mohr_door_connections", "Connections that are open.", "door")
	doorRequests     = describe("mohr_door_requests", "Requests that are worked on.", "door")
	doorWaiting      = describe("mohr_door_waiting", "Requests that wait for their turn.", "door")
	doorRefused      = describe("mohr_door_refused_total", "Requests and connections that were not let in since the start of this process.", "door", "reason")
	collectionFailed = describe("mohr_metrics_failed", "1 if some of these figures could not be read.")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe sends nothing: the metrics are not checked beforehand.
func (g *gauges) Describe(chan<- *prometheus.Desc) {}

// Collect reads every figure now.
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	failed := g.answering(ctx, gauge)
	since, err := g.Ledger.WaitingSince(ctx)
	failed = failed || err != nil
	waiting := 0.0
	if !since.IsZero() {
		waiting = max(0, time.Since(since).Seconds())
	}
	gauge(logWaiting, waiting)
	badges, err := g.badge.ServiceLevel(ctx)
	failed = failed || err != nil
	gauge(badgesOpen, float64(badges.Open))
	gauge(badgesLate, float64(badges.Late))
	gauge(badgesOldest, float64(badges.Oldest))
	gauge(clockTrusted, one(g.Clock.Check() == nil))
	for _, k := range g.Ring.Keys() {
		to <- prometheus.MustNewConstMetric(keySignatures, prometheus.CounterValue, float64(k.Uses.Signatures), k.URI)
		to <- prometheus.MustNewConstMetric(keyFailures, prometheus.CounterValue, float64(k.Uses.Failures), k.URI)
	}
	g.doors.collect(gauge, to)
	gauge(collectionFailed, one(failed))
}

// collect sends what each door has let in and refused.
func (d doors) collect(gauge func(*prometheus.Desc, float64, ...string), to chan<- prometheus.Metric) {
	for name, one := range map[string]*door.Door{"https": d.HTTPS, "mtls": d.MTLS, "http": d.HTTP, "ops": d.Ops} {
		s := one.Stats()
		gauge(doorConnections, float64(s.Connections), name)
		gauge(doorRequests, float64(s.InFlight), name)
		gauge(doorWaiting, float64(s.Waiting), name)
		for reason, n := range map[string]uint64{"full": s.Full, "late": s.Late, "network": s.Many, "connections": s.Turned, "idle": s.Ended} {
			to <- prometheus.MustNewConstMetric(doorRefused, prometheus.CounterValue, float64(n), name, reason)
		}
	}
}

// answering sends what concerns CRLs and OCSP, and reports whether it failed.
func (g *gauges) answering(ctx context.Context, gauge func(*prometheus.Desc, float64, ...string)) (failed bool) {
	list, err := g.status.Health(ctx)
	now := time.Now()
	for _, h := range list {
		issuer := string(h.Issuer)
		gauge(crlShards, float64(len(h.Shards)), issuer)
		if len(h.Shards) > 0 && !h.Oldest().NextUpdate.IsZero() {
			gauge(crlNextUpdate, h.Oldest().NextUpdate.Sub(now).Seconds(), issuer)
		}
		if !h.Root {
			gauge(statusSigning, one(h.Signing && h.Answering), issuer)
			gauge(responderLeft, h.ResponderNotAfter.Sub(now).Seconds(), issuer)
		}
	}
	return err != nil
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

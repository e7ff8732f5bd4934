package service

import (
	"context"
	"errors"
	"net/http"
	"time"

	"mohr/ca/status"
	"mohr/hsm"
	"mohr/internal/clock"
	"mohr/internal/door"
	"mohr/internal/jobs"
	"mohr/internal/store"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// gauges are what an operator sets alarms on: ages and queues, read when they
// are asked for. Labels are from closed sets: authorities, key purposes.
type gauges struct {
	node
	*rooms // nil on a node that has none
}

// node is what every node has to say.
type node struct {
	version string
	ready   func(context.Context) error
	store   store.Store
	clock   *clock.Guard
	ring    *hsm.Keyring
	status  *status.Responder
	doors   doors
	runner  *jobs.Runner
}

// figure sends one.
type figure func(d *prometheus.Desc, v float64, labels ...string)

// What is measured. An age is in seconds.
var (
	buildInfo        = describe("mohr_build_info", "1, with the version of the program.", "version")
	readiness        = describe("mohr_ready", "1 if /readyz says ready.")
	crlNextUpdate    = describe("mohr_crl_next_update_seconds", "Time until the CRL that ends first is overdue.", "issuer")
	crlShards        = describe("mohr_crl_shards", "CRL shards of the authority.", "issuer")
	statusSigning    = describe("mohr_status_signing", "1 if the last CRL and the last OCSP answer that were due could be signed here.", "issuer")
	responderLeft    = describe("mohr_ocsp_responder_seconds", "Time until the OCSP responder's certificate ends.", "issuer")
	tlsLeft          = describe("mohr_tls_certificate_seconds", "Time until the certificate of the listeners ends.")
	logWaiting       = describe("mohr_log_waiting_seconds", "Age of the oldest deed that has no place in the log; 0 if none waits.")
	issuingWaiting   = describe("mohr_issuing_waiting_seconds", "Age of the oldest certificate that was begun and is not signed; 0 if none waits.")
	clockTrusted     = describe("mohr_clock_trusted", "1 while the time may go into signatures.")
	keySignatures    = describe("mohr_key_signatures_total", "Signatures since the start of this process.", "key")
	keyFailures      = describe("mohr_key_failures_total", "Tries to sign that failed since the start of this process.", "key")
	issuingNodeWell  = describe("mohr_issuing_node_well", "1 if the node with the issuing keys answers, 0 while it is spared; of a node without them.", "node")
	registerWell     = describe("mohr_register_well", "1 if the register or gateway answers, 0 while it is spared.", "register")
	jobInterval      = describe("mohr_job_interval_seconds", "Time from the end of one run of the job to the next.", "job")
	jobDone          = describe("mohr_job_done_timestamp_seconds", "When the job last ended well on this node; not there if it never did.", "job")
	jobFailures      = describe("mohr_job_failures_total", "Runs of the job that failed on this node since the start of this process.", "job")
	badgesOpen       = describe("mohr_badge_open", "Badge requests that are not decided.")
	badgesLate       = describe("mohr_badge_late", "Badge requests that wait for a registry or for us for more than 45 minutes.")
	badgesOldest     = describe("mohr_badge_waiting_seconds", "How long the longest of the open badge requests has waited for a registry or for us.")
	doorConnections  = describe("mohr_door_connections", "Connections that are open.", "door")
	doorRequests     = describe("mohr_door_requests", "Requests that are worked on.", "door")
	doorWaiting      = describe("mohr_door_waiting", "Requests that wait for their turn.", "door")
	doorRefused      = describe("mohr_door_refused_total", "Requests and connections that were not let in since the start of this process.", "door", "reason")
	remoteSignatures = describe("mohr_remote_signatures_total", "Signatures by held keys for other software since the start of this process: authorised by their holders, given to who asked.", "state")
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
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	failed := g.answering(ctx, gauge)
	g.node.collect(ctx, gauge, count)
	g.doors.collect(gauge, count)
	if s, ok := g.store.(store.Measured); ok {
		collectStore(to, s.Stats())
	}
	if g.rooms != nil {
		gauge(tlsLeft, time.Until(g.tls.Load().Leaf.NotAfter).Seconds())
		failed = errors.Join(failed, g.waiting(ctx, gauge))
		g.registers(gauge)
		if g.csc != nil {
			made := g.csc.Counts()
			count(remoteSignatures, float64(made.Authorised), "authorised")
			count(remoteSignatures, float64(made.Given), "given")
		}
		if asks := g.asks.Load(); asks != nil {
			for node, well := range asks.Well() {
				gauge(issuingNodeWell, one(well), node)
			}
		}
	}
	gauge(collectionFailed, one(failed != nil))
}

// collect sends how the node itself is.
func (n node) collect(ctx context.Context, gauge, count figure) {
	gauge(buildInfo, 1, n.version)
	gauge(readiness, one(n.ready(ctx) == nil))
	gauge(clockTrusted, one(n.clock.Check() == nil))
	for _, k := range n.ring.Keys() {
		count(keySignatures, float64(k.Uses.Signatures), k.URI)
		count(keyFailures, float64(k.Uses.Failures), k.URI)
	}
	for name, runs := range n.runner.Runs() {
		gauge(jobInterval, runs.Every.Seconds(), name)
		if !runs.Done.IsZero() {
			gauge(jobDone, float64(runs.Done.Unix()), name)
		}
		count(jobFailures, float64(runs.Failures), name)
	}
}

// registers sends which of them answer.
func (g *gauges) registers(gauge figure) {
	well := map[string]bool{} // a connector may answer for several kinds
	for _, h := range g.registry.health() {
		before, known := well[h.Name]
		well[h.Name] = h.Well() && (before || !known)
	}
	for name, answers := range well {
		gauge(registerWell, one(answers), name)
	}
}

// waiting sends what concerns queues.
func (g *gauges) waiting(ctx context.Context, gauge figure) error {
	deed, err := g.Ledger.WaitingSince(ctx)
	gauge(logWaiting, age(deed))
	begun, failed := g.CA.WaitingSince(ctx)
	gauge(issuingWaiting, age(begun))
	badges, late := g.badge.ServiceLevel(ctx)
	gauge(badgesOpen, float64(badges.Open))
	gauge(badgesLate, float64(badges.Late))
	gauge(badgesOldest, float64(badges.Oldest))
	return errors.Join(err, failed, late)
}

// age is the seconds since then, 0 for the zero time.
func age(then time.Time) float64 {
	if then.IsZero() {
		return 0
	}
	return max(0, time.Since(then).Seconds())
}

// collect sends what each door has let in and refused.
func (d doors) collect(gauge, count figure) {
	for name, one := range map[string]*door.Door{"https": d.HTTPS, "mtls": d.MTLS, "http": d.HTTP, "issuing": d.Issuing, "ops": d.Ops} {
		s := one.Stats()
		gauge(doorConnections, float64(s.Connections), name)
		gauge(doorRequests, float64(s.InFlight), name)
		gauge(doorWaiting, float64(s.Waiting), name)
		for reason, n := range map[string]uint64{"full": s.Full, "late": s.Late, "network": s.Many, "connections": s.Turned, "idle": s.Ended} {
			count(doorRefused, float64(n), name, reason)
		}
	}
}

// answering sends what concerns CRLs and OCSP.
func (n node) answering(ctx context.Context, gauge figure) error {
	list, err := n.status.Health(ctx)
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
	return err
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// requests times what each listener answers, refusals too.
func requests() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "mohr_request_seconds", Help: "Time from a request's header to the end of its handler.",
		Buckets: []float64{.002, .01, .05, .2, 1, 5, 20},
	}, []string{"door", "code"})
}

// timed is h with its answers counted.
func timed(v *prometheus.HistogramVec, door string, h http.Handler) http.Handler {
	return promhttp.InstrumentHandlerDuration(v.MustCurryWith(prometheus.Labels{"door": door}), h)
}

package figures

import (
	"fmt"

	"mohr/cmd/mohr/bench"
)

// target is a row of the targets, and where it is read.
type target struct {
	what        string
	least, goal float64
	unit        string
	less        bool   // less is better
	of          string // the result it is read from, "" for none
	value       func(*Book) float64
	bound       string // what bounds it, where that is known
}

func result(name string, figure func(bench.Result) float64) func(*Book) float64 {
	return func(b *Book) float64 {
		r, ok := b.Results[name]
		if !ok {
			return 0
		}
		return figure(r)
	}
}

func rate(r bench.Result) float64  { return r.Median.Rate }
func p50(r bench.Result) float64   { return r.Median.P50 }
func p99(r bench.Result) float64   { return r.Median.P99 }
func cpu(r bench.Result) float64   { return r.Median.CPU }
func ratio(r bench.Result) float64 { return r.Ratio }

// targets are the figures that the service is to reach.
var targets = []target{
	{what: "issuances a second, 64 clients, P-256, HTTPS", least: 2000, goal: 3500, unit: "/s", of: "issue", value: result("issue", rate),
		bound: "two processors carry the service and its clients; the service's own share is in the table below"},
	{what: "latency of an issuance, one client, p50", least: 2, goal: 1, unit: "ms", less: true, of: "issue-1", value: result("issue-1", p50),
		bound: "two commits one after the other, each with its fsync, around the lint and the signature; bundles and notices of earlier issuances share the store"},
	{what: "latency of an issuance, 64 clients, p99", least: 60, goal: 40, unit: "ms", less: true, of: "issue", value: result("issue", p99),
		bound: "64 clients wait for two processors: 64 divided by the rate is the mean"},
	{what: "processor time of an issuance", least: 0.75, goal: 0.45, unit: "ms", less: true, of: "issue", value: result("issue", cpu),
		bound: "the parts are in the table below; what the background does meanwhile is charged too"},
	{what: "renewals by signed statement a second, 64 clients", least: 1500, goal: 2500, unit: "/s", of: "renew", value: result("renew", rate),
		bound: "an issuance, and beside it the old certificate's chain and signature, the register's answer over HTTP, and the papers sealed"},
	{what: "OCSP from the cache, beside the bare handler", least: 0.8, goal: 0.95, of: "ocsp-usual", value: result("ocsp-usual", ratio),
		bound: "the router, the headers of every answer and the look at the shard's revision"},
	{what: "OCSP signed on demand a second", least: 7000, goal: 8500, unit: "/s", of: "ocsp-signed", value: result("ocsp-signed", rate)},
	{what: "applications decided a second", least: 300, goal: 500, unit: "/s", of: "apply", value: result("apply", rate),
		bound: "four requests, three questions to the registry over HTTP and the commits between them"},
	{what: "ACME orders a second, 16 clients", least: 300, goal: 500, unit: "/s", of: "acme", value: result("acme", rate),
		bound: "four signed requests and two commits an order; the clients' own signatures are made on the same two processors"},
	{what: "badge picture, beside the bare handler", least: 0.7, goal: 0.9, of: "badge-usual", value: result("badge-usual", ratio)},
	{what: "record page, beside the bare handler", least: 0.3, goal: 0.6, of: "record-usual", value: result("record-usual", ratio)},
	{what: "memory of an idle service", least: 80, unit: "MiB", less: true, value: func(b *Book) float64 { return b.Idle }},
	{what: "tour", least: 30, goal: 10, unit: "s", less: true, value: func(b *Book) float64 { return b.Tour }},
}

// reaches reports whether v is as good as bound; a bound of zero is none.
func (t target) reaches(v, bound float64) bool {
	return bound == 0 || t.less && v <= bound || !t.less && v >= bound
}

// number writes a figure with as many digits as it deserves.
func number(v float64, unit string) string {
	s := fmt.Sprintf("%.2f", v)
	switch {
	case v == 0:
		return ""
	case v >= 100:
		s = fmt.Sprintf("%.0f", v)
	case v >= 10:
		s = fmt.Sprintf("%.1f", v)
	case v < 0.1:
		s = fmt.Sprintf("%.3f", v)
	}
	if unit == "" {
		return s
	}
	if unit == "/s" {
		return s + unit
	}
	return s + " " + unit
}

package figures

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Write writes the book as a page in Markdown.
func (b *Book) Write(out io.Writer) error {
	w := &sheet{}
	w.line("# Performance\n")
	w.line("Made by `mohr bench all`; whoever runs it again gets this page for their machine. Do not edit it by hand.\n")
	m := b.Machine
	w.line("%s, commit %s, %s. %d processors (%s), %s of memory, %s; the disk makes 64 KiB durable %.0f times a second; load %s when it began.\n",
		b.Begun.Format(time.DateOnly), b.Commit, m.Go, m.Cores, m.Processor, m.Memory, m.System, m.Syncs, m.Load)
	w.line("Client, service, registry and bare handler share this machine. Each figure is the median of %d runs.", b.Runs)
	w.line("The bare handler is net/http in a process of its own that answers with the same bytes over the same transport; its runs alternate with the service's, so that the ratio holds where absolute figures drift.")
	w.line("Processor time is user and system time of the service's process, its background work included, divided by the operations.\n")
	b.writeTargets(w)
	b.writeLoads(w)
	b.writeAreas(w)
	b.writeSizes(w)
	_, err := io.WriteString(out, w.String())
	return err
}

// sheet is Markdown on its way.
type sheet struct{ strings.Builder }

func (p *sheet) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (b *Book) writeTargets(w *sheet) {
	w.line("## Targets\n")
	w.line("| what | at least | goal | reached | |")
	w.line("| --- | --- | --- | --- | --- |")
	var notes []string
	for _, t := range targets {
		v := t.value(b)
		if v == 0 {
			continue
		}
		verdict := "goal"
		switch {
		case !t.reaches(v, t.least):
			verdict = "**below**"
		case !t.reaches(v, t.goal):
			verdict = "reached"
		}
		w.line("| %s | %s | %s | %s | %s |", t.what, number(t.least, t.unit), number(t.goal, t.unit), number(v, t.unit), verdict)
		if verdict != "goal" && t.bound != "" {
			notes = append(notes, fmt.Sprintf("- %s: %s.", t.what, t.bound))
		}
	}
	w.line("")
	if len(notes) > 0 {
		w.line("What bounds those that are short of their goal:\n\n%s\n", strings.Join(notes, "\n"))
	}
}

func (b *Book) writeLoads(w *sheet) {
	w.line("## Loads\n")
	w.line("The lean client writes prepared requests; \"usual\" is the HTTP client of the Go library, which costs several times as much and so makes every ratio milder: figures of other services are mostly taken with such a one.\n")
	w.line("| load | clients | rate | p50 | p99 | processor | memory | bare handler | ratio |")
	w.line("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, name := range slices.Sorted(maps.Keys(b.Results)) {
		r := b.Results[name]
		m := r.Median
		w.line("| %s | %d | %s | %s | %s | %s | %.0f MiB | %s | %s |", name, r.Concurrency, number(m.Rate, "/s"), number(m.P50, "ms"), number(m.P99, "ms"),
			number(m.CPU, "ms"), m.Memory, number(r.Bare.Rate, "/s"), number(r.Ratio, ""))
	}
	w.line("\nOne operation is:\n")
	for _, name := range slices.Sorted(maps.Keys(b.Results)) {
		w.line("- %s: %s.", name, b.Results[name].Counted)
	}
	w.line("")
}

// leastShare is the least that an area has which is shown.
const leastShare = 0.02

func (b *Book) writeAreas(w *sheet) {
	var names []string
	for _, name := range []string{"issue", "renew", "revoke", "ocsp", "ocsp-signed"} {
		if len(b.Areas[name]) > 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	w.line("## Where the processor time goes\n")
	w.line("By a profile of the service during the last run. Of a stack, the innermost part counts.\n")
	shares := map[string]map[string]float64{}
	for _, name := range names {
		for _, a := range b.Areas[name] {
			if shares[a.Name] == nil {
				shares[a.Name] = map[string]float64{}
			}
			shares[a.Name][name] = a.Share
		}
	}
	w.line("| part | %s |", strings.Join(names, " | "))
	w.line("| --- |%s", strings.Repeat(" --- |", len(names)))
	for _, a := range append(slices.Clone(areas), area{name: otherArea}) {
		var cells []string
		shown := false
		for _, name := range names {
			share := shares[a.name][name]
			shown = shown || share >= leastShare
			cells = append(cells, fmt.Sprintf("%.0f %%", 100*share))
		}
		if shown {
			w.line("| %s | %s |", a.name, strings.Join(cells, " | "))
		}
	}
	w.line("")
}

func (b *Book) writeSizes(w *sheet) {
	if len(b.Sizes) == 0 {
		return
	}
	w.line("## Cost by the number of records\n")
	w.line("The store holds so many certificates, each issued by the authority itself: checked, linted, signed, recorded, in the log; without applications of their own.")
	w.line("The service is then measured over HTTPS as above, the runs alternating between the sizes. In brackets: times the smallest size; the target is 1.5 at most.")
	w.line("OCSP answers are signed on demand, for certificates spread over the whole store. The CRL is the first one after a revocation, made for the one client that waits for it.")
	w.line("As many complaints were imported. The record is that of a shop with one in a hundred of them; a look-up is the page that says what a serial is. The backup is of the running service.\n")
	w.line("| records | store | start | backup | issue, processor | OCSP, processor | revoke, processor | fresh CRL, p50 | look-up, processor | record, processor | issue, rate | memory |")
	w.line("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	first := b.Sizes[0]
	times := func(v, of float64, unit string) string { return fmt.Sprintf("%s (%.2f)", number(v, unit), v/of) }
	for _, s := range b.Sizes {
		w.line("| %d | %.0f MiB | %s | %s | %s | %s | %s | %s | %s | %s | %s | %.0f MiB |", s.Records, s.Store, number(s.Start, "s"), number(s.Backup, "s"),
			times(s.Issue.CPU, first.Issue.CPU, "ms"), times(s.OCSP.CPU, first.OCSP.CPU, "ms"), times(s.Revoke.CPU, first.Revoke.CPU, "ms"),
			times(s.CRL.P50, first.CRL.P50, "ms"), times(s.Lookup.CPU, first.Lookup.CPU, "ms"), times(s.Record.CPU, first.Record.CPU, "ms"), number(s.Issue.Rate, "/s"), s.OCSP.Memory)
	}
	w.line("\nMemory is resident: pages of the store that the kernel keeps mapped are in it, and it may take them back at any time.\n")
}

package main

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"gopkg.in/yaml.v3"

	dto "github.com/prometheus/client_model/go"

	"mohr/internal/pkitest"
)

// docsDir is docs/, seen from this package.
const docsDir = "../../docs"

// TestThePageOfMetricsSaysWhatThereIs holds docs/metrics.md against a service:
// each metric of ours with its type, its labels and its help, and no other.
func TestThePageOfMetricsSaysWhatThereIs(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	s.anyone.done(t, get("/", ""), http.StatusOK, nil) // one that is timed
	want := map[string]bool{}
	for range 600 { // until every job has run once
		want = s.metricRows(t)
		if strings.Contains(strings.Join(slices.Collect(maps.Keys(want)), "\n"), "mohr_job_done_timestamp_seconds") {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	page, err := os.ReadFile(filepath.Join(docsDir, "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "| `mohr_") {
			if strings.HasPrefix(line, portalsRow) { // see TestAPortalWithoutKeysHasCertificatesSigned
				continue
			}
			if !want[line] {
				t.Errorf("metrics.md has a row that the service does not: %s", line)
			}
			delete(want, line)
		}
	}
	for row := range want {
		t.Errorf("metrics.md lacks this row: %s", row)
	}
}

// portalsRow is what only a portal without issuing keys has.
const portalsRow = "| `mohr_issuing_node_well` |"

// metricRows are the rows that the page should have.
func (s *running) metricRows(t *testing.T) map[string]bool {
	t.Helper()
	res, err := http.Get("http://" + s.Ops.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for name, f := range families {
		if strings.HasPrefix(name, "mohr_") {
			rows[fmt.Sprintf("| `%s` | %s | %s | %s |", name, strings.ToLower(f.GetType().String()), labelsOf(f), f.GetHelp())] = true
		}
	}
	return rows
}

func labelsOf(f *dto.MetricFamily) string {
	var names []string
	for _, l := range f.GetMetric()[0].GetLabel() {
		names = append(names, l.GetName())
	}
	return strings.Join(names, ", ")
}

// alertRules is a file of rules of Prometheus.
type alertRules struct {
	Groups []struct {
		Name  string
		Rules []alertRule
	}
}

type alertRule struct {
	Alert, Expr, For string
	Labels           map[string]string
	Annotations      map[string]string
}

var metricName = regexp.MustCompile(`\bmohr_[a-z_]+`)

// TestEveryAlertHasItsRunbook: rules use metrics that are documented, name a
// runbook that is there and says what to do, and each runbook of an alert has
// its rule.
func TestEveryAlertHasItsRunbook(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(docsDir, "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{"disaster-recovery.md": true, "registrar.md": true} // of no alert
	for _, rule := range readAlerts(t) {
		if rule.Expr == "" || rule.Annotations["summary"] == "" || !slices.Contains([]string{"page", "ticket"}, rule.Labels["severity"]) {
			t.Errorf("%s needs an expression, a summary and a severity of page or ticket", rule.Alert)
		}
		for _, name := range metricName.FindAllString(rule.Expr, -1) {
			if name = strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count"); !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("%s asks for %s, which docs/metrics.md does not have", rule.Alert, name)
			}
		}
		file := filepath.Base(rule.Annotations["runbook"])
		used[file] = true
		b, err := os.ReadFile(filepath.Join(docsDir, "runbooks", file))
		if err != nil || rule.Annotations["runbook"] != "docs/runbooks/"+file {
			t.Errorf("%s: its runbook: %v", rule.Alert, err)
			continue
		}
		for _, part := range []string{"`" + rule.Alert + "`", "## What it means", "## What to do", "## When it is over"} {
			if !strings.Contains(string(b), part) {
				t.Errorf("%s does not say %q", file, part)
			}
		}
	}
	books, err := filepath.Glob(filepath.Join(docsDir, "runbooks", "*.md"))
	if err != nil || len(books) < 10 {
		t.Fatalf("%d runbooks, %v", len(books), err)
	}
	for _, b := range books {
		if !used[filepath.Base(b)] {
			t.Errorf("no alert leads to %s", b)
		}
	}
}

func readAlerts(t *testing.T) (rules []alertRule) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(docsDir, "alerts", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no rules: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var f alertRules
		d := yaml.NewDecoder(strings.NewReader(string(b)))
		d.KnownFields(true)
		if err := d.Decode(&f); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, g := range f.Groups {
			rules = append(rules, g.Rules...)
		}
	}
	return rules
}

func TestPromtoolTakesTheAlerts(t *testing.T) {
	t.Parallel()
	promtool := pkitest.Need(t, "promtool", "prometheus")
	for _, args := range [][]string{{"check", "rules"}, {"test", "rules"}} {
		files, err := filepath.Glob(filepath.Join(docsDir, "alerts", map[string]string{"check": "*.yaml", "test": "tests/*.yaml"}[args[0]]))
		if err != nil || len(files) == 0 {
			t.Fatal(args, err)
		}
		if out, err := exec.Command(promtool, append(args, files...)...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}

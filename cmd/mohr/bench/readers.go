package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"mohr/cmd/mohr/bench/load"
	"mohr/cmd/mohr/service"
	"mohr/complaints"
)

const (
	shop       = "14003456780" // the tour's, in the reference registry
	shopsShare = 100           // one complaint in so many is about it
	perShop    = 200           // complaints about each of the others
)

// fillComplaints brings the store in dir up to n complaints, by the import.
// They are of the last ten years; most have an answer.
func (c *Config) fillComplaints(ctx context.Context, dir string, n int) error {
	s, err := readStock(dir)
	if err != nil || s.Complaints >= n {
		return err
	}
	records, err := service.OpenStore(ctx, filepath.Join(dir, "data"), "", false)
	if err != nil {
		return err
	}
	defer records.Close()
	policies, err := complaints.LoadPolicies(complaints.DefaultPolicies)
	if err != nil {
		return err
	}
	begun := time.Now()
	register := &complaints.Register{Store: records, Policies: policies}
	columns := map[string]string{complaints.ColumnID: "id", complaints.ColumnBusiness: "business", complaints.ColumnServed: "served", complaints.ColumnAnswered: "answered"}
	rows, end := io.Pipe()
	go func() { end.CloseWithError(writeComplaints(end, s.Complaints, n, begun)) }()
	report, err := register.Import(ctx, rows, complaints.ImportConfig{Columns: columns, DateLayout: time.DateTime, Batch: 25_000}, func(done int) {
		if done%250_000 == 0 {
			c.say("  %d of %d complaints", s.Complaints+done, n)
		}
	})
	rows.CloseWithError(errors.New("no more is read"))
	if err == nil && report.RejectedRows > 0 {
		err = fmt.Errorf("%d complaints were rejected, the first: %s", report.RejectedRows, report.Rejected[0].Reason)
	}
	if err != nil {
		return fmt.Errorf("fill the store with complaints: %w", err)
	}
	c.say("  %d of %d complaints in %s", n, n, time.Since(begun).Round(time.Second))
	s.Complaints = n
	return writeJSON(filepath.Join(dir, stockFile), s)
}

// writeComplaints writes rows first to n-1 as CSV.
func writeComplaints(w io.Writer, first, n int, now time.Time) error {
	if _, err := fmt.Fprintln(w, "id,business,served,answered"); err != nil {
		return err
	}
	for i := first; i < n; i++ {
		served := now.Add(-time.Duration(rand.Int64N(int64(10 * 365 * 24 * time.Hour))))
		business, answered := shop, served.Add(time.Hour).UTC().Format(time.DateTime) // soon: it is to keep its badge
		switch {
		case i%shopsShare == 0:
		case i%20 == 1:
			business, answered = fmt.Sprintf("shop %d", i/perShop), ""
		default:
			business = fmt.Sprintf("shop %d", i/perShop)
			answered = served.Add(time.Duration(rand.Int64N(int64(15 * 24 * time.Hour)))).UTC().Format(time.DateTime)
		}
		if _, err := fmt.Fprintf(w, "%d,%s,%s,%s\n", i, business, served.UTC().Format(time.DateTime), answered); err != nil {
			return err
		}
	}
	return nil
}

// readers is one run of what people look at, on a service that a tour went
// through once, and a backup while it serves.
func (s *Size) readers(ctx context.Context, c Config, dir string) error {
	t, err := openToured(ctx, c, dir)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.Settle(ctx); err != nil {
		return err
	}
	known, err := readStock(dir)
	if err != nil {
		return err
	}
	var looks [][]byte
	for _, i := range rand.Perm(len(known.Serials)) {
		looks = append(looks, load.Get("/certificates?serial="+known.Serials[i]))
	}
	m := s.runs[len(s.runs)-1]
	for name, requests := range map[string][][]byte{"lookup": looks, "record": {load.Get("/badge/" + t.badge)}} {
		m[name], err = load.Load{Door: t.portal, Next: load.Round(requests)}.Charged(ctx, t.ops, t.Clients, min(t.Duration, bareTime))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	took, err := t.backup(ctx)
	if s.Backup == 0 || took < s.Backup {
		s.Backup = took
	}
	t.say("  look up %.3f ms, record %.3f ms of processor; a backup in %.1f s", m["lookup"].CPU, m["record"].CPU, took)
	return err
}

// openToured serves the store in dir, after a tour the first time.
func openToured(ctx context.Context, c Config, dir string) (*Toured, error) {
	out, data := filepath.Join(dir, artifactsDir), filepath.Join(dir, "data")
	if _, err := os.Stat(filepath.Join(out, "tour.json")); errors.Is(err, fs.ErrNotExist) {
		text, err := exec.CommandContext(ctx, c.Program, "tour", "--data", data, "--out", out).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("tour on the filled store: %w\n%s", err, text)
		}
	}
	service, err := load.Start(ctx, c.Program, dir, "toured", nil, "serve", "--log", "error", "--dev", "--data", data,
		"--https", "127.0.0.1:0", "--mtls", "127.0.0.1:0", "--http", "127.0.0.1:0", "--ops", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &Toured{World: &World{Config: c, dir: dir, children: []*load.Process{service}}}
	if err := t.read(out, service); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// backup takes one of the running service, and the time for it in seconds.
func (t *Toured) backup(ctx context.Context) (float64, error) {
	file := t.file("backup.tar")
	defer os.Remove(file)
	begun := time.Now()
	text, err := exec.CommandContext(ctx, t.Program, "backup", "--data", t.file("data"), "--out", file).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("backup: %w\n%s", err, text)
	}
	return time.Since(begun).Seconds(), nil
}

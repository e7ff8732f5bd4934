package bench

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/cmd/mohr/service"
)

// stock is what is known of a filled store.
type stock struct {
	Certificates int      `json:"certificates"`
	Complaints   int      `json:"complaints"`
	Serials      []string `json:"serials"` // some of them, spread over all
}

const (
	stockFile   = "stock.json"
	fillers     = 512    // callers at once: they share commits
	fillStep    = 10_000 // certificates between two looks at the clock
	sampleEvery = 5      // of so many new certificates one is remembered
	sampleMost  = 20_000
)

// fill brings the store in dir up to n certificates, through the authority
// itself: each is checked, linted, signed, recorded and in the log, as by the
// service, but without an application. Called again it goes on where it was.
func (c *Config) fill(ctx context.Context, dir string, n int) (stock, error) {
	s, err := readStock(dir)
	if err != nil || s.Certificates >= n {
		return s, err
	}
	conf := service.Config{Data: filepath.Join(dir, "data"), Publish: "http://127.0.0.1:8080", Portal: "https://localhost:8443"}
	conf.Keys, conf.Secret = "file:"+filepath.Join(conf.Data, "keys"), "file:"+filepath.Join(conf.Data, "keys", "secret")
	conf.Defaults()
	g, err := service.Open(ctx, conf, slog.New(slog.DiscardHandler))
	if err != nil {
		return s, fmt.Errorf("open the store to be filled: %w", err)
	}
	defer g.Close()
	rules, err := evidence.ParsePolicy([]byte(policy))
	if err != nil {
		return s, err
	}
	f := &filler{ground: g, policy: rules, people: makePeople(somewhere(), max(1000, n/20)), kept: s.Serials}
	stop := f.sequence(ctx)
	defer stop()
	for begun, first := time.Now(), s.Certificates; s.Certificates < n; {
		step := min(fillStep, n-s.Certificates)
		if err := f.issue(ctx, s.Certificates, step); err != nil {
			return s, fmt.Errorf("fill the store: %w", err)
		}
		s.Certificates += step
		s.Serials = f.kept[max(0, len(f.kept)-sampleMost):]
		if err := writeJSON(filepath.Join(dir, stockFile), s); err != nil {
			return s, err
		}
		rate := float64(s.Certificates-first) / time.Since(begun).Seconds()
		c.say("  %d of %d certificates, %.0f/s, %s to go", s.Certificates, n, rate, time.Duration(float64(n-s.Certificates)/rate*float64(time.Second)).Round(time.Second))
	}
	return s, nil
}

func readStock(dir string) (s stock, err error) {
	b, err := os.ReadFile(filepath.Join(dir, stockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	return s, err
}

func writeJSON(file string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o600)
}

// filler issues certificates to people who never applied.
type filler struct {
	ground *service.Ground
	policy *evidence.Policy
	people []person
	mu     sync.Mutex // guards kept
	kept   []string   // serials
}

// sequence lets the log take its leaves in while the store fills, and what is
// left at the end; the returned function waits for that.
func (f *filler) sequence(ctx context.Context) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			// What cannot be sequenced now is by the service, at its start.
			f.ground.Ledger.Sequence(ctx)
			select {
			case <-done:
				f.ground.Ledger.Sequence(ctx)
				return
			case <-time.After(250 * time.Millisecond):
			}
		}
	}()
	return func() { close(done); <-ended }
}

// issue issues n certificates; first is how many there were before.
func (f *filler) issue(ctx context.Context, first, n int) error {
	var next atomic.Int64
	next.Store(int64(first))
	return inParallel(fillers, make([]struct{}, n), func(struct{}) error {
		i := int(next.Add(1))
		serial, err := f.one(ctx, f.people[i%len(f.people)])
		if err == nil && i%sampleEvery == 0 {
			f.mu.Lock()
			f.kept = append(f.kept, serial)
			f.mu.Unlock()
		}
		return err
	})
}

func (f *filler) one(ctx context.Context, p person) (serial string, err error) {
	now := time.Now().UTC().Truncate(time.Second)
	decision := f.policy.Evaluate(evidence.Case{Profile: ca.NaturalSign, Home: evidence.Software, Records: p.evidence(now)}, now)
	var a applicant
	if err := a.makeKey(); err != nil {
		return "", err
	}
	csr, err := ca.ParseCSR(a.csr)
	if err != nil {
		return "", err
	}
	request := make([]byte, 16)
	rand.Read(request) // never fails (crypto/rand)
	c, err := f.ground.CA.Issue(ctx, ca.Order{Request: "fill-" + hex.EncodeToString(request), CSR: csr, Decision: decision})
	return c.Serial, err
}

// evidence is what the reference registry would say of p.
func (p person) evidence(now time.Time) []evidence.Record {
	quiet := p.SIMChanged
	record := func(t evidence.Type, c evidence.Claims) evidence.Record {
		return evidence.Record{
			ID: evidence.NewID(), Type: t, Source: "bench@1", Environment: evidence.Simulated, Result: evidence.Match,
			Claims: c, RawSHA256: "00", CheckedAt: now,
		}
	}
	return []evidence.Record{
		record(evidence.CivilRegistry, evidence.Claims{NationalCode: p.NationalCode, FirstName: p.FirstName, LastName: p.LastName, BirthDate: p.BirthDate, Alive: &p.Alive}),
		record(evidence.MobileOwnership, evidence.Claims{NationalCode: p.NationalCode, Mobile: p.Mobile, SIMChangedDays: &quiet}),
		record(evidence.OTPSMS, evidence.Claims{Mobile: p.Mobile}),
		record(evidence.FaceMatch, evidence.Claims{NationalCode: p.NationalCode, ScorePercent: 95}),
	}
}

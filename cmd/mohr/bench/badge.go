package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mohr/cmd/mohr/bench/load"
)

// artifactsDir is where a tour leaves what it made.
const artifactsDir = "artifacts"

// Toured is a service that a tour went through and left running: there is a
// badge, and a complaint in its record.
type Toured struct {
	*World
	badge string
	// Took is what the tour's steps took, the start of the service among them.
	Took time.Duration
}

// OpenTour takes a tour and keeps its service.
func OpenTour(ctx context.Context, c Config, dir string) (*Toured, error) {
	out := filepath.Join(dir, artifactsDir)
	if err := os.MkdirAll(out, 0o700); err != nil {
		return nil, err
	}
	t := &Toured{World: &World{Config: c, dir: dir}}
	service, err := load.Start(ctx, c.Program, dir, "tour", nil, "tour", "--out", out, "--keep")
	if err != nil {
		return nil, err
	}
	t.children = []*load.Process{service}
	if err := t.read(out, service); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// read takes what the tour left.
func (t *Toured) read(out string, service *load.Process) error {
	trust, err := readPool(filepath.Join(out, "root.pem"))
	if err != nil {
		return err
	}
	t.portal = load.Door{Address: service.Addresses["https"], Trust: trust, Usual: t.Usual}
	t.plain = load.Door{Address: service.Addresses["http"], Usual: t.Usual}
	t.ops = service.Addresses["ops"]
	var record struct{ ID string }
	var took struct{ Seconds float64 }
	for name, v := range map[string]any{"record.json": &record, "tour.json": &took} {
		b, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, v); err != nil {
			return fmt.Errorf("%s of the tour: %w", name, err)
		}
	}
	t.badge, t.Took = record.ID, time.Duration(took.Seconds*float64(time.Second))
	return nil
}

// By is World.By.
func (t *Toured) By(usual bool) *Toured {
	return &Toured{World: t.World.By(usual), badge: t.badge, Took: t.Took}
}

// Badge measures the picture of a badge.
func (t *Toured) Badge(ctx context.Context) (Result, error) {
	return t.page(ctx, "badge", "GET of a badge's SVG, over HTTPS", "/badge/"+t.badge+".svg")
}

// Record measures the public page of a badge.
func (t *Toured) Record(ctx context.Context) (Result, error) {
	return t.page(ctx, "record", "GET of a badge's record page with its scorecard, over HTTPS", "/badge/"+t.badge)
}

func (t *Toured) page(ctx context.Context, name, counted, path string) (Result, error) {
	return t.compare(ctx, trial{name: name, counted: counted, clients: t.Clients, runs: endless(t.portal, t.Runs, load.Round([][]byte{load.Get(path)}))})
}

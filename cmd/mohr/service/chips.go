package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"mohr/enroll/chip"
	"mohr/enroll/chip/chipsim"
)

// ChipConfig says whose passports and cards are believed (docs/chips.md).
type ChipConfig struct {
	CSCA        string   `yaml:"csca"`        // directory of authorities' certificates and master lists; "": no chip is read
	CRLs        string   `yaml:"crls"`        // directory of their CRLs
	WithoutCRL  []string `yaml:"without_crl"` // countries, two letters, that publish no CRL
	Environment string   `yaml:"environment"` // "simulated" or "production"
}

// Validate returns what is wrong.
func (c ChipConfig) Validate(production bool) error {
	switch {
	case c.CSCA == "" && (c.CRLs != "" || len(c.WithoutCRL) > 0 || c.Environment != ""):
		return errors.New("chip.csca is missing; without it no chip is read")
	case c.CSCA == "":
		return nil
	case c.Environment != "simulated" && c.Environment != "production":
		return errors.New("chip.environment is neither simulated nor production")
	case production && c.Environment != "production":
		return errors.New("production is set, but chip.environment is simulated")
	}
	return nil
}

// OpenChips reads whose documents are believed at now.
func OpenChips(c ChipConfig, now time.Time) (*chip.Trust, error) {
	s := chip.Sources{CSCA: os.DirFS(c.CSCA), Silent: c.WithoutCRL, Environment: c.Environment}
	if c.CRLs != "" {
		s.CRLs = os.DirFS(c.CRLs)
	}
	return chip.Open(s, now)
}

// chipEntries is what the doctor looks at; nil where no chip is read.
func chipEntries(c ChipConfig) func() ([]chip.Entry, error) {
	if c.CSCA == "" {
		return nil
	}
	return func() ([]chip.Entry, error) {
		t, err := OpenChips(c, time.Now())
		if t == nil {
			return nil, err
		}
		return t.Entries(), err
	}
}

// chips are the documents that are believed, as the directories were last read.
type chips struct {
	trust atomic.Pointer[chip.Trust]
	seen  atomic.Value // string: what the directories looked like then
}

// reloadChips is a job: it reads the directories again when they look
// otherwise. What cannot be read leaves what was believed before; its CRLs
// end by themselves.
func (r *rooms) reloadChips(context.Context) error {
	c := r.Config.Chip
	if c.CSCA == "" {
		return nil
	}
	look, err := look(c.CSCA, c.CRLs)
	if err != nil {
		return fmt.Errorf("chip: %w", err)
	}
	if r.chips.seen.Load() == look {
		return nil
	}
	t, err := OpenChips(c, r.Clock.Time())
	if err != nil {
		return err
	}
	r.chips.trust.Store(t)
	r.chips.seen.Store(look)
	r.Log.Info("chip trust read", "entries", len(t.Entries()))
	return nil
}

// look describes the files of directories: names, sizes, times.
func look(dirs ...string) (string, error) {
	var b strings.Builder
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			fmt.Fprintln(&b, name, info.Size(), info.ModTime().UnixNano())
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// SimulatedChips is where a development service keeps its simulated country.
func SimulatedChips(data string) string { return filepath.Join(data, "chips") }

// simulateChips makes a country for a development service, unless the
// configuration names others.
func simulateChips(c *Config, now time.Time) error {
	if c.Chip.CSCA != "" {
		return nil
	}
	dir := SimulatedChips(c.Data)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if _, err := chipsim.Keep(dir, now); err != nil {
		return fmt.Errorf("simulated passports: %w", err)
	}
	c.Chip = ChipConfig{CSCA: filepath.Join(dir, chipsim.CSCADir), CRLs: filepath.Join(dir, chipsim.CRLDir), Environment: "simulated"}
	return nil
}

package service

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/enroll/chip"
	"mohr/enroll/chip/chipsim"
	"mohr/internal/fault"
	"mohr/internal/store"
)

func TestChipTrustIsReadAgainWhenItsDirectoriesChange(t *testing.T) {
	now := time.Now()
	c := Config{Data: t.TempDir()}
	if err := simulateChips(&c, now); err != nil {
		t.Fatal(err)
	}
	country, err := chipsim.Open(SimulatedChips(c.Data))
	if err != nil {
		t.Fatal(err)
	}
	passport, err := chipsim.Issue(chipsim.Holder{NationalCode: "0012345679", LatinFirst: "SARA", LatinLast: "AHMADI", BirthDate: "1990-05-14", Number: "U12345678", Expires: now.AddDate(5, 0, 0).Format(time.DateOnly)}, chipsim.NoKey, country.Signer, now)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := &rooms{Ground: &Ground{Config: c, Store: s, Log: slog.New(slog.DiscardHandler)}}
	if err := r.openClock(t.Context()); err != nil {
		t.Fatal(err)
	}
	reload := func() *chip.Trust {
		t.Helper()
		if err := r.reloadChips(t.Context()); err != nil {
			t.Fatal(err)
		}
		return r.chips.trust.Load()
	}
	first := reload()
	if _, err := first.Read(passport.Files, now); err != nil {
		t.Fatal(err)
	}
	if reload() != first {
		t.Error("read again though nothing changed")
	}
	crl := filepath.Join(c.Chip.CRLs, "csca.crl")
	if err := os.Remove(crl); err != nil {
		t.Fatal(err)
	}
	if _, err := reload().Read(passport.Files, now); fault.Code(err) != "chip_status_unknown" {
		t.Errorf("without its CRL: %v", err)
	}
	// What cannot be read leaves what was believed.
	before := r.chips.trust.Load()
	if err := os.Remove(filepath.Join(c.Chip.CSCA, "csca.cer")); err != nil {
		t.Fatal(err)
	}
	if err := r.reloadChips(t.Context()); err == nil || r.chips.trust.Load() != before {
		t.Errorf("an empty directory was taken: %v", err)
	}
	// The country is made once: what it issued stays believed.
	c.Chip = ChipConfig{}
	if err := os.WriteFile(filepath.Join(SimulatedChips(c.Data), chipsim.CSCADir, "csca.cer"), country.Authority.Certificate.Raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := simulateChips(&c, now); err != nil {
		t.Fatal(err)
	}
	if _, err := reload().Read(passport.Files, now); err != nil {
		t.Errorf("after a start: %v", err)
	}
}

func TestChipConfigurationsThatAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		c          ChipConfig
		production bool
		why        string
	}{
		"CRLs of nobody":                    {ChipConfig{CRLs: "crls"}, false, "chip.csca is missing"},
		"no environment":                    {ChipConfig{CSCA: "csca"}, false, "chip.environment"},
		"a strange environment":             {ChipConfig{CSCA: "csca", Environment: "staging"}, false, "chip.environment"},
		"simulated passports in production": {ChipConfig{CSCA: "csca", Environment: "simulated"}, true, "production is set"},
		"none":                              {ChipConfig{}, true, ""},
		"real ones":                         {ChipConfig{CSCA: "csca", Environment: "production"}, true, ""},
	} {
		err := tc.c.Validate(tc.production)
		if (err == nil) != (tc.why == "") || err != nil && !strings.Contains(err.Error(), tc.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

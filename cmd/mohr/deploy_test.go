package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mohr/cmd/mohr/service"
	"mohr/internal/pkitest"
)

// deployDir holds the package, units and container files.
const deployDir = "deploy"

// TestThePackageIsBuiltTwiceAlikeAndHasItsParts packs this test's own binary.
func TestThePackageIsBuiltTwiceAlikeAndHasItsParts(t *testing.T) {
	t.Parallel()
	pkitest.Need(t, "dpkg-deb", "dpkg")
	pkitest.Need(t, "jq", "jq")
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	small := filepath.Join(t.TempDir(), "mohr") // packs in no time; what Go wrote into it is read from the real one
	if err := os.WriteFile(small, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	first, second := filepath.Join(t.TempDir(), "a.deb"), filepath.Join(t.TempDir(), "b.deb")
	for _, out := range []string{first, second} {
		cmd := exec.Command(filepath.Join(deployDir, "package"), small, "1.2.3", out)
		cmd.Env = append(os.Environ(), "SBOM_OF="+binary)
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("package: %v\n%s", err, said)
		}
	}
	a, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(second)
	if err != nil || string(a) != string(b) {
		t.Error("two packages of one binary differ", err)
	}
	list, err := exec.Command("dpkg-deb", "-c", first).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"/usr/bin/mohr", "/usr/lib/systemd/system/mohr.service", "/usr/lib/systemd/system/mohr-status.service", "/usr/lib/systemd/system/mohr-ca.service", "/usr/lib/systemd/system/mohr-portal@.service", "/etc/mohr/mohr.yaml", "/usr/share/doc/mohr/copyright", "/usr/share/doc/mohr/sbom.cdx.json", "/usr/share/doc/mohr/docs/runbooks/disaster-recovery.md"} {
		if !strings.Contains(string(list), " ."+file+"\n") {
			t.Errorf("the package lacks %s", file)
		}
	}
}

func TestTheListOfPartsNamesEveryModule(t *testing.T) {
	t.Parallel()
	pkitest.Need(t, "jq", "jq")
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(filepath.Join(deployDir, "sbom"), binary).Output()
	if err != nil {
		t.Fatal(err)
	}
	list := field[struct {
		BomFormat  string `json:"bomFormat"`
		Components []struct{ Name, Version, Purl string }
	}](t, out)
	for _, name := range []string{"stdlib", "go.etcd.io/bbolt", "github.com/jackc/pgx/v5", "github.com/smallstep/certificates"} {
		if !slices.ContainsFunc(list.Components, func(c struct{ Name, Version, Purl string }) bool {
			return c.Name == name && c.Version != "" && strings.HasPrefix(c.Purl, "pkg:golang/"+name+"@")
		}) {
			t.Errorf("%s is not in the list of %d parts", name, len(list.Components))
		}
	}
	if list.BomFormat != "CycloneDX" || !json.Valid(out) {
		t.Errorf("format %q", list.BomFormat)
	}
}

// TestTheConfigurationOfThePackageIsRead holds the package's file, and those of
// a trial in containers, against what serve takes.
func TestTheConfigurationOfThePackageIsRead(t *testing.T) {
	for _, file := range []string{"mohr.yaml", "try/mohr.yaml", "try/ca.yaml", "try/portal.yaml"} {
		if _, err := service.LoadConfig(filepath.Join(deployDir, file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

var exposure = regexp.MustCompile(`exposure level for \S+: ([0-9.]+)`)

// TestUnitsHaveTheLeastPrivilege asks systemd itself, where it is installed.
func TestUnitsHaveTheLeastPrivilege(t *testing.T) {
	t.Parallel()
	units, err := filepath.Glob(filepath.Join(deployDir, "systemd", "*.service"))
	if err != nil || len(units) < 2 {
		t.Fatal(units, err)
	}
	for _, unit := range units {
		b, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "MemoryDenyWriteExecute=yes", "SystemCallFilter=@system-service", "UMask=0077"} {
			if !strings.Contains(string(b), "\n"+line+"\n") {
				t.Errorf("%s lacks %s", unit, line)
			}
		}
		if _, err := exec.LookPath("systemd-analyze"); err != nil {
			continue
		}
		out, err := exec.Command("systemd-analyze", "security", "--offline=yes", "--no-pager", unit).CombinedOutput()
		m := exposure.FindSubmatch(out)
		if m == nil {
			t.Logf("systemd-analyze cannot judge here: %v %s", err, out)
			continue
		}
		if level, _ := strconv.ParseFloat(string(m[1]), 64); level > 2 {
			t.Errorf("%s: exposure %s", unit, m[1])
		}
	}
}

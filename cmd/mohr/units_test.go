package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheUnitsAreWhatSystemdReads asks systemd where it is installed, and
// otherwise reads the form itself; either way the command in them is one of ours.
func TestTheUnitsAreWhatSystemdReads(t *testing.T) {
	units, err := filepath.Glob(filepath.Join("..", "..", "docs", "units", "*.*"))
	if err != nil || len(units) != 2 {
		t.Fatalf("%v, %v", units, err)
	}
	dir := t.TempDir()
	for _, unit := range units {
		b, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		section := ""
		for line := range strings.Lines(string(b)) {
			line = strings.TrimSpace(line)
			key, value, pair := strings.Cut(line, "=")
			switch {
			case line == "" || line[0] == '#':
			case line[0] == '[' && strings.HasSuffix(line, "]"):
				section = line
			case !pair || section == "" || strings.ContainsAny(key, " \t"):
				t.Errorf("%s: %q is no line of a unit", unit, line)
			case key == "ExecStart":
				args := strings.Fields(strings.ReplaceAll(value, "${MOHR_SERVER}", "https://mohr.example"))
				c, rest, err := newRoot().Find(args[1:])
				if err != nil || c.Name() != "renew" || c.ParseFlags(rest) != nil {
					t.Errorf("%s: %s is no command: %v", unit, value, err)
				}
			}
		}
		here := bytes.ReplaceAll(b, []byte("/usr/local/bin/mohr"), []byte("/bin/true")) // verify wants it to be there
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(unit)), here, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	systemd, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not installed: only the form was looked at")
		return
	}
	out, err := exec.CommandContext(t.Context(), systemd, "verify", "--man=no", filepath.Join(dir, "mohr-renew.service"), filepath.Join(dir, "mohr-renew.timer")).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("mohr-renew")) {
		t.Errorf("systemd-analyze: %v, %s", err, out)
	}
}

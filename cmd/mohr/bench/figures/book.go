package figures

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"mohr/cmd/mohr/bench"
)

// Book is what was measured so far. It is kept in a file: what is in it is
// not measured again.
type Book struct {
	Build   string                  `json:"build"` // SHA-256 of the program
	Commit  string                  `json:"commit"`
	Begun   time.Time               `json:"begun"`
	Machine Machine                 `json:"machine"`
	Runs    int                     `json:"runs"`
	Results map[string]bench.Result `json:"results"`
	Areas   map[string][]Area       `json:"areas"`
	Idle    float64                 `json:"idle_mib"`
	Tour    float64                 `json:"tour_seconds"`
	Sizes   []bench.Size            `json:"sizes,omitempty"`

	file string
}

// Machine is where it was measured.
type Machine struct {
	Processor string  `json:"processor"`
	Cores     int     `json:"cores"`
	Memory    string  `json:"memory"`
	System    string  `json:"system"`
	Go        string  `json:"go"`
	Syncs     float64 `json:"syncs"` // of 64 KiB a second, by one writer
	Load      string  `json:"load"`  // of the machine when it began
}

// openBook takes up the book in dir, or begins one. A book of another build
// is an error: its figures would stand beside those of this one.
func openBook(c bench.Config, dir string) (*Book, error) {
	build, err := buildOf(c.Program)
	if err != nil {
		return nil, err
	}
	b := &Book{file: filepath.Join(dir, "book.json")}
	kept, err := os.ReadFile(b.file)
	switch {
	case err == nil:
		if err := json.Unmarshal(kept, b); err != nil {
			return nil, fmt.Errorf("%s: %w", b.file, err)
		}
		if b.Build != build || b.Runs != c.Runs {
			return nil, fmt.Errorf("%s was begun with another build or another number of runs; give another --work, or remove that file", b.file)
		}
		return b, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	*b = Book{file: b.file, Build: build, Commit: commit(), Begun: time.Now().UTC().Truncate(time.Second), Runs: c.Runs, Results: map[string]bench.Result{}, Areas: map[string][]Area{}}
	b.Machine, err = machine(dir)
	return b, err
}

func (b *Book) save() error { return writeJSON(b.file, b) }

func buildOf(program string) (string, error) {
	p, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:]), nil
}

// commit is the revision this program was built from.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	found := map[string]string{}
	for _, s := range info.Settings {
		found[s.Key] = s.Value
	}
	switch {
	case found["vcs.revision"] == "":
		return "unknown"
	case found["vcs.modified"] == "true":
		return found["vcs.revision"] + " with changes"
	}
	return found["vcs.revision"]
}

// machine describes this one, as far as it lets itself be described.
func machine(dir string) (Machine, error) {
	m := Machine{Cores: runtime.NumCPU(), System: runtime.GOOS + " " + runtime.GOARCH, Go: runtime.Version()}
	m.Processor = field("/proc/cpuinfo", "model name")
	m.Memory = field("/proc/meminfo", "MemTotal")
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.System += " " + strings.TrimSpace(string(b))
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(b))[:1], "")
	}
	var err error
	m.Syncs, err = syncsASecond(dir)
	return m, err
}

// field is the value of the first line "name : value" of a file; "" if there
// is none.
func field(file, name string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// syncsASecond is how often the disk makes 64 KiB durable, one after the other.
func syncsASecond(dir string) (float64, error) {
	f, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block, n, begun := bytes.Repeat([]byte{1}, 64<<10), 0, time.Now()
	for ; time.Since(begun) < time.Second; n++ {
		if _, err := f.WriteAt(block, int64(n%256)*int64(len(block))); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(begun).Seconds(), nil
}

func writeJSON(file string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o600)
}

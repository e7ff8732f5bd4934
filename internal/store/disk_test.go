package store_test

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"mohr/internal/pkitest"
	"mohr/internal/store"
)

var (
	crashes  = flag.Int("crashes", 24, "rounds of faults of the disk")
	diskSeed = flag.Uint64("diskseed", 0, "with -crashes: of the dice; 0 is a random one")
)

// What the process that writes is told: the file, and the number of its first deed.
const diskFile, diskFirst = "MOHR_TEST_DISK_FILE", "MOHR_TEST_DISK_FIRST"

// deedsPerLife is how many deeds the process tries before it ends by itself.
const deedsPerLife = 60

// diskDeed is what the i-th deed writes under its key: some are longer than a page.
func diskDeed(i int) string { return strings.Repeat(strconv.Itoa(i)+" ", 1+i*i%3000) }

// TestDiskChild is the process whose disk fails; it does nothing unless told to.
// Each deed writes a record and counts it in another, in one transaction. Who
// was refused looks: what can be seen may be told to others.
func TestDiskChild(t *testing.T) {
	path := os.Getenv(diskFile)
	if path == "" {
		return
	}
	first, err := strconv.Atoi(os.Getenv(diskFirst))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenBolt(path)
	if err != nil {
		fmt.Println("closed", err)
		return
	}
	for i := first; i < first+deedsPerLife; i++ {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			n, err := store.Load[int](tx, "count", "deeds")
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			return errors.Join(store.Save(tx, "count", "deeds", n+1), store.Save(tx, "deeds", strconv.Itoa(i), diskDeed(i)))
		})
		if err != nil {
			fmt.Println("refused", i, err)
			err = s.View(t.Context(), func(tx store.Tx) error { _, err := tx.Get("deeds", strconv.Itoa(i)); return err })
		}
		if err == nil {
			fmt.Println("did", i)
		}
	}
}

// A diskFault is what strace does to system calls of the process, from the
// n-th that a thread makes on.
type diskFault struct {
	kind   string
	inject []string // each a format for a number of its own
	torn   bool     // of what was not made durable, any sector may be anything afterwards
}

var diskFaults = []diskFault{
	{"the disk is full for a while", []string{"pwrite64,ftruncate,fallocate:error=ENOSPC:when=%d..%[1]d+9"}, false},
	{"the disk is full from then on", []string{"pwrite64,ftruncate,fallocate:error=ENOSPC:when=%d+"}, false},
	{"a write fails", []string{"pwrite64:error=EIO:when=%d"}, false},
	{"fsync fails once", []string{"fdatasync,fsync:error=EIO:when=%d"}, false},
	{"fsync fails from then on", []string{"fdatasync,fsync:error=EIO:when=%d+"}, false},
	{"every third fsync fails", []string{"fdatasync,fsync:error=EIO:when=%d+3"}, false},
	{"killed at a write", []string{"pwrite64:signal=SIGKILL:when=%d"}, false},
	{"killed at fsync", []string{"fdatasync,fsync:signal=SIGKILL:when=%d"}, false},
	{"fsync fails from then on, and the power is cut", []string{"fdatasync,fsync:error=EIO:when=%d+"}, true},
	{"every third fsync fails, then the power is cut", []string{"fdatasync,fsync:error=EIO:when=%d+3", "pwrite64:signal=SIGKILL:when=%d"}, true},
	{"the power is cut at a write", []string{"pwrite64:signal=SIGKILL:when=%d"}, true},
	{"the power is cut at fsync", []string{"fdatasync,fsync:signal=SIGKILL:when=%d"}, true},
}

// TestADiskThatFailsLosesNothingThatWasRecorded breaks the disk under a process
// that writes, by the answers of the kernel to its system calls, and opens the
// file again after each life. Many rounds:
// go test ./internal/store -run ADiskThatFails -v -timeout 0 -args -crashes 500 -diskseed 7
func TestADiskThatFailsLosesNothingThatWasRecorded(t *testing.T) {
	t.Parallel() // it waits for other processes
	strace := pkitest.Need(t, "strace", "strace")
	seed := *diskSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	d := &disk{t: t, path: filepath.Join(t.TempDir(), "mohr.db"), did: map[int]bool{}, refused: map[int]bool{}}
	s, err := store.OpenBolt(d.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	struck := map[string]int{}
	for round := range *crashes {
		f := diskFaults[dice.IntN(len(diskFaults))]
		args := []string{"-f", "-qq", "-s", "0", "-o", d.calls(), "-e", "trace=pwrite64,ftruncate,fdatasync,fsync"}
		for _, inject := range f.inject {
			args = append(args, "-e", "inject="+fmt.Sprintf(inject, 1+dice.IntN(12)))
		}
		if d.live(strace, args, round*deedsPerLife) {
			struck[f.kind]++
		}
		if f.torn {
			d.tear(dice)
		}
		if d.check(); t.Failed() {
			t.Fatalf("round %d: %s", round+1, f.kind)
		}
	}
	t.Logf("%d recorded, %d refused, of which %d are there and nobody saw them; struck: %v", len(d.did), len(d.refused), d.kept, struck)
	if len(d.did) == 0 || len(struck) == 0 {
		t.Error("nothing was recorded, or no fault struck")
	}
}

// disk is a store's file and what those who wrote to it were told.
type disk struct {
	t            *testing.T
	path         string
	did, refused map[int]bool
	kept         int // of those refused, as of the last check
}

func (d *disk) calls() string { return d.path + ".calls" }

// live lets the process write until it ends or is killed, and reports whether
// the fault struck.
func (d *disk) live(strace string, args []string, first int) bool {
	d.t.Helper()
	cmd := exec.Command(strace, append(args, os.Args[0], "-test.run=^TestDiskChild$", "-test.timeout=0")...)
	cmd.Env = append(os.Environ(), diskFile+"="+d.path, fmt.Sprintf("%s=%d", diskFirst, first), "GOMAXPROCS=1")
	out, err := cmd.Output() // an error: it was killed
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		var i int
		if _, err := fmt.Sscanf(lines.Text(), "did %d", &i); err == nil {
			d.did[i] = true
		} else if _, err := fmt.Sscanf(lines.Text(), "refused %d", &i); err == nil {
			d.refused[i] = true
		}
	}
	log, readErr := os.ReadFile(d.calls())
	if readErr != nil {
		d.t.Fatalf("strace: %v, %v: %s", err, readErr, out)
	}
	return bytes.Contains(log, []byte("INJECTED")) || bytes.Contains(log, []byte("killed by SIGKILL"))
}

var (
	writeCall = regexp.MustCompile(`pwrite64\(\d+, [^,]*, (\d+), (\d+)`)
	syncDone  = regexp.MustCompile(`(fdatasync|fsync)(\(| resumed).*= 0$`)
)

// tear puts chance into sectors that were written and not made durable before
// the process died: after a power cut they may be old, new or half of each.
func (d *disk) tear(dice *rand.Rand) {
	d.t.Helper()
	log, err := os.ReadFile(d.calls())
	if err != nil {
		d.t.Fatal(err)
	}
	var open [][2]int64 // offset and length
	for line := range strings.SplitSeq(string(log), "\n") {
		if m := writeCall.FindStringSubmatch(line); m != nil {
			n, _ := strconv.ParseInt(m[1], 10, 64)
			at, _ := strconv.ParseInt(m[2], 10, 64)
			open = append(open, [2]int64{at, n})
		} else if syncDone.MatchString(line) {
			open = nil
		}
	}
	f, err := os.OpenFile(d.path, os.O_RDWR, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	const sector, head = 512, 16 // octets; the head of a page
	metas := int64(2 * os.Getpagesize())
	for _, w := range open {
		for at := w[0]; at < w[0]+w[1]; at += sector {
			if dice.IntN(2) == 0 {
				continue
			}
			chance := make([]byte, sector)
			for i := range chance {
				chance[i] = byte(dice.Uint32())
			}
			from := int64(0)
			if at < metas && at%int64(os.Getpagesize()) == 0 {
				from = head // of the two first pages it is the same before and after
			}
			if _, err := f.WriteAt(chance[from:], at+from); err != nil {
				d.t.Fatal(err)
			}
		}
	}
}

// check asserts that the file is sound and has what was recorded, whole and
// once; of what was refused all or nothing.
func (d *disk) check() {
	d.t.Helper()
	db, err := bolt.Open(d.path, 0o600, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			d.t.Error(err)
		}
		return nil
	})
	if err := db.Close(); err != nil {
		d.t.Fatal(err)
	}
	s, err := store.OpenBolt(d.path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer s.Close()
	found := map[int]string{}
	counted := 0
	err = s.View(d.t.Context(), func(tx store.Tx) error {
		if counted, err = store.Load[int](tx, "count", "deeds"); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return store.Each(tx, "deeds", "", "", func(key string, text string) error {
			i, err := strconv.Atoi(key)
			found[i] = text
			return err
		})
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.kept = 0
	for i, text := range found {
		if text != diskDeed(i) {
			d.t.Errorf("deed %d is not whole", i)
		}
		if d.refused[i] && !d.did[i] {
			d.kept++
		}
	}
	for i := range d.did {
		if _, ok := found[i]; !ok {
			d.t.Errorf("deed %d was recorded and is not there", i)
		}
	}
	if counted != len(found) {
		d.t.Errorf("%d deeds are there, %d counted", len(found), counted)
	}
}

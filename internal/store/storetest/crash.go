package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"mohr/internal/store"
)

// childVar names the directory of the store that a child process writes to.
const childVar = "MOHR_STORETEST_CHILD"

// ackPrefix is before each acknowledged number in the child's output.
const ackPrefix = "acknowledged "

func reopens(t *testing.T, open Open) {
	dir := t.TempDir()
	for round := range 3 {
		s, err := open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for before := range round {
			if !has(t, s, "b", number(before)) {
				t.Errorf("round %d: what round %d wrote is not there", round, before)
			}
		}
		put(t, s, "b", number(round))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// runAsChild writes until it is killed, if this process is a child.
func runAsChild(t *testing.T, open Open) bool {
	dir := os.Getenv(childVar)
	if dir == "" {
		return false
	}
	s, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	base, _ := strconv.Atoi(os.Getenv(childVar + "_BASE"))
	var mu sync.Mutex // guards standard output and next
	next := base
	for range 8 {
		go func() {
			for {
				mu.Lock()
				n := next
				next++
				mu.Unlock()
				if err := s.Update(context.Background(), pair(n)); err != nil {
					panic(err)
				}
				mu.Lock()
				fmt.Println(ackPrefix + strconv.Itoa(n))
				mu.Unlock()
			}
		}()
	}
	select {} // the parent kills us
}

// pair writes two records that belong together.
func pair(n int) func(store.Tx) error {
	return func(tx store.Tx) error {
		return errors.Join(store.Save(tx, "left", number(n), n), store.Save(tx, "right", number(n), strings.Repeat("r", n%5000)))
	}
}

func outlivesKill(t *testing.T, open Open) {
	dir, acked := t.TempDir(), map[int]bool{}
	for round := range 3 {
		writeUntilKilled(t, dir, 100_000*round, acked)
		s, err := open(dir)
		if err != nil {
			t.Fatalf("after the kill: %v", err)
		}
		checkPairs(t, s, acked)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// writeUntilKilled starts a child and kills it, with a real SIGKILL, in the
// middle of its writing; acked gets what it was told is durable.
func writeUntilKilled(t *testing.T, dir string, base int, acked map[int]bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(t.Name(), "/what was ack") // the caller of Run
	name, _, _ = strings.Cut(name, "/what_was_ack")
	child := exec.Command(self, "-test.run=^"+strings.ReplaceAll(name, "/", "$/^")+"$", "-test.count=1")
	child.Env = append(os.Environ(), childVar+"="+dir, childVar+"_BASE="+strconv.Itoa(base))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines, seen := bufio.NewScanner(out), 0
	for lines.Scan() {
		n, err := strconv.Atoi(strings.TrimPrefix(lines.Text(), ackPrefix))
		if err != nil {
			continue // half a line, or a word of the testing package
		}
		acked[n] = true
		if seen++; seen == 300 {
			if err := child.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	child.Wait() // an error: it was killed
	if seen < 300 {
		t.Fatalf("the child ended by itself after %d writes", seen)
	}
}

func checkPairs(t *testing.T, s store.Store, acked map[int]bool) {
	t.Helper()
	err := s.View(t.Context(), func(tx store.Tx) error {
		left, err1 := keys(tx, "left", "", "")
		right, err2 := keys(tx, "right", "", "")
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if strings.Join(left, " ") != strings.Join(right, " ") {
			return errors.New("half a transaction is there")
		}
		for n := range acked {
			if got, err := store.Load[int](tx, "left", number(n)); err != nil || got != n {
				return fmt.Errorf("acknowledged %d reads %d: %w", n, got, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

package store_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"mohr/internal/store"
	"mohr/internal/store/pgtest"
)

var copied = flag.Int("copied", 8_000, "records of the store that is copied both ways")

// What the process that copies is told: where from and where to, a file or the
// URL of a database.
const copyFrom, copyTo = "MOHR_TEST_COPY_FROM", "MOHR_TEST_COPY_TO"

func openEither(t *testing.T, place string) store.Store {
	t.Helper()
	s, err := store.OpenBolt(place)
	if strings.Contains(place, "://") {
		s, err = store.OpenPostgres(t.Context(), place)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCopyChild is the process that copies; it does nothing unless told to.
func TestCopyChild(t *testing.T) {
	from, to := os.Getenv(copyFrom), os.Getenv(copyTo)
	if from == "" {
		return
	}
	a, b := openEither(t, from), openEither(t, to)
	content, err := store.Copy(t.Context(), a, b, func(n int64) { fmt.Println("at", n) })
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("done", content.Records, content.SHA256)
}

// copyProcess copies in a process of its own, and kills that by SIGKILL once it
// has come to so many records; 0: it goes on to the end. It returns the hash.
func copyProcess(t *testing.T, from, to string, kill int64) (sum string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCopyChild$", "-test.timeout=0")
	cmd.Env = append(os.Environ(), copyFrom+"="+from, copyTo+"="+to)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var n int64
		if _, err := fmt.Sscanf(lines.Text(), "at %d", &n); err == nil && kill > 0 && n >= kill {
			cmd.Process.Kill()
		}
		fmt.Sscanf(lines.Text(), "done %d %s", &n, &sum)
	}
	if err := cmd.Wait(); (err != nil) != (kill > 0) {
		t.Fatalf("the process that copies from %s to %s ended with %v", from, to, err)
	}
	return sum
}

// fillLikeARegister writes records of the size of certificates' under keys
// without order.
func fillLikeARegister(t *testing.T, s store.Store, n int) {
	t.Helper()
	for first := 0; first < n; first += 10_000 {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			for i := first; i < min(n, first+10_000); i++ {
				key := sha256.Sum256(fmt.Append(nil, i))
				value := fmt.Sprintf(`{"serial":%q,"number":%d,"der":%q}`, hex.EncodeToString(key[:]), i, base64.StdEncoding.EncodeToString(bytes.Repeat(key[:], 20)))
				if err := tx.Put("certificates", hex.EncodeToString(key[:9]), []byte(value)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestACopyThatIsKilledGoesOnBothWays copies a store to PostgreSQL and back, and
// kills each copy once, in its middle. With a million records:
// go test ./internal/store -run IsKilled -v -timeout 0 -args -copied 1000000
func TestACopyThatIsKilledGoesOnBothWays(t *testing.T) {
	t.Parallel() // it waits for the database more than it works
	dir := t.TempDir()
	first, url, back := dir+"/first.db", pgtest.Start(t).Database("copied"), dir+"/back.db"
	s := openEither(t, first)
	fillLikeARegister(t, s, *copied)
	before, err := store.Inspect(t.Context(), s, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, way := range [][2]string{{first, url}, {url, back}} {
		begun := time.Now()
		copyProcess(t, way[0], way[1], int64(*copied/2))
		killed := time.Now()
		if sum := copyProcess(t, way[0], way[1], 0); sum != before.SHA256 {
			t.Errorf("%s to %s: SHA-256 %s, want %s", way[0], way[1], sum, before.SHA256)
		}
		t.Logf("%d records, killed after %s, then copied to the end and compared in %s", *copied, killed.Sub(begun).Round(time.Millisecond), time.Since(killed).Round(time.Millisecond))
	}
	s = openEither(t, back)
	defer s.Close()
	after, err := store.Inspect(t.Context(), s, quiet)
	if err != nil || after.SHA256 != before.SHA256 || after.Records != int64(*copied) {
		t.Errorf("back: %d records, SHA-256 %s, %v; want %d, %s", after.Records, after.SHA256, err, *copied, before.SHA256)
	}
	t.Logf("SHA-256 %s before and after", after.SHA256)
}

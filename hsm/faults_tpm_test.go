package hsm_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/pkitest"
)

func TestATPMThatWasGoneComesBackWithItsKeys(t *testing.T) {
	p := pkitest.SWTPM(t)
	f := newFaulty(t, p.Base, 10*time.Second)
	p.Kill()
	f.away()
	time.Sleep(time.Second)
	f.away()
	p.Start()
	f.recovers()
}

func TestATPMKilledWhileManySignLosesNothing(t *testing.T) {
	p := pkitest.SWTPM(t)
	f := newFaulty(t, p.Base, 10*time.Second)
	f.whileManySign(func(met func()) {
		p.Kill()
		met()
		p.Start()
	})
	f.recovers()
}

func TestATPMThatHangsHoldsNobody(t *testing.T) {
	p := pkitest.SWTPM(t)
	f := newFaulty(t, p.Base, 4*time.Second)
	p.Freeze()
	f.away()
	p.Thaw()
	f.recovers()
}

// TestATPMThatLosesPowerAgainAndAgainDoesNotLockItsKeys: each loss counts as a
// wrong guess against keys that are not exempt, and three lock swtpm.
func TestATPMThatLosesPowerAgainAndAgainDoesNotLockItsKeys(t *testing.T) {
	p := pkitest.SWTPM(t)
	f := newFaulty(t, p.Base, 10*time.Second)
	for range 5 {
		p.Kill()
		p.Start()
		f.eventually("")
	}
	if _, err := open(t).Secret(t.Context(), hsm.KeyURI(p.Base, "secret")); err != nil {
		t.Error(err)
	}
}

func TestAnotherTPMIsRefusedAndGetsNoKeys(t *testing.T) {
	p := pkitest.SWTPM(t)
	f := newFaulty(t, p.Base, 10*time.Second)
	before := contents(t, p.Base)
	p.Replace()
	t.Logf("refused after %s", f.eventually("key_of_another_tpm").Round(time.Millisecond))
	f.refused(fault.Denied, "key_of_another_tpm")
	_, err := open(t).Signer(t.Context(), f.uri)
	wantFault(t, err, fault.Denied, "key_of_another_tpm")
	_, err = open(t).Create(t.Context(), f.uri, hsm.P256)
	wantFault(t, err, fault.Conflict, "key_exists")
	if after := contents(t, p.Base); after != before {
		t.Errorf("the keys' files changed:\n%s\n%s", before, after)
	}
	p.Restore()
	f.recovers()
}

// contents is all that is in the directory of keys.
func contents(t *testing.T, base string) (all string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory(t, base), "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all += fmt.Sprintf("%s %s\n", file, b)
	}
	return all
}

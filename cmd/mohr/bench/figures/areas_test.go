package figures_test

import (
	"bytes"
	"math"
	"runtime/pprof"
	"syscall"
	"testing"
	"time"

	"encoding/json"

	"mohr/cmd/mohr/bench/figures"
)

func TestAProfileIsSharedAmongTheAreas(t *testing.T) {
	var b bytes.Buffer
	if err := pprof.StartCPUProfile(&b); err != nil {
		t.Skipf("somebody else profiles this process: %v", err)
	}
	for end := used(t) + 300*time.Millisecond; used(t) < end; { // a busy machine gives little of its time
		var v any
		if err := json.Unmarshal([]byte(`{"a":[1,2,3],"b":"some text that is looked at letter by letter"}`), &v); err != nil {
			t.Fatal(err)
		}
	}
	pprof.StopCPUProfile()
	list, err := figures.Areas(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	sum, found := 0.0, false
	for i, a := range list {
		sum += a.Share
		found = found || a.Name == "JSON"
		if i > 0 && a.Share > list[i-1].Share {
			t.Errorf("%s comes before the larger %s", list[i-1].Name, a.Name)
		}
	}
	if !found || math.Abs(sum-1) > 1e-9 {
		t.Errorf("shares add up to %v in %v", sum, list)
	}
}

// used is the processor's time that the process has had.
func used(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func FuzzAreas(f *testing.F) {
	var b bytes.Buffer
	if err := pprof.StartCPUProfile(&b); err == nil {
		pprof.StopCPUProfile()
	}
	f.Add(b.Bytes())
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(_ *testing.T, b []byte) { figures.Areas(b) })
}

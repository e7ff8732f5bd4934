package hsm_test

import (
	"crypto"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mohr/hsm"
	"mohr/internal/fault"
)

// A failing home is allowed to take so long.
const (
	// quick is what half of the calls may take at most once it is known that
	// the home is away: any single one may wait for a processor.
	quick = 800 * time.Millisecond
	// back is what the recovery may take after the home has come back, on a
	// machine with much else to do.
	back = 3 * time.Minute
)

// faulty is a home of keys under test with two keys in it.
type faulty struct {
	*testing.T
	ring     *hsm.Keyring
	uri      string // of the first
	one, two crypto.Signer
}

// newFaulty makes the keys with patience, for a busy machine takes its time,
// and opens them on a ring of the timeout.
func newFaulty(t *testing.T, base string, timeout time.Duration) *faulty {
	t.Helper()
	maker := hsm.Open(hsm.Config{Timeout: time.Minute})
	for name, algorithm := range map[string]hsm.Algorithm{"one": hsm.P256, "two": hsm.P384} {
		if _, err := maker.Create(t.Context(), hsm.KeyURI(base, name), algorithm); err != nil {
			t.Fatal(err)
		}
	}
	if err := maker.Close(); err != nil {
		t.Fatal(err)
	}
	k := hsm.Open(hsm.Config{Timeout: timeout, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	f := &faulty{T: t, ring: k, uri: hsm.KeyURI(base, "one")}
	f.until("the keys are there", func() bool {
		var err1, err2 error
		f.one, err1 = k.Signer(t.Context(), f.uri)
		f.two, err2 = k.Signer(t.Context(), hsm.KeyURI(base, "two"))
		err := errors.Join(err1, err2)
		if err != nil && !errors.Is(err, fault.Unavailable) {
			t.Fatal(err)
		}
		return err == nil && k.Check(t.Context()) == nil
	})
	return f
}

// until waits until it is so.
func (f *faulty) until(what string, is func() bool) {
	f.Helper()
	for end := time.Now().Add(back); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			f.Fatalf("not so after %s: %s", back, what)
		}
	}
}

// away asserts that the home counts as gone: not ready, and operations fail
// with Unavailable, most of them at once.
func (f *faulty) away() {
	f.Helper()
	var took []time.Duration
	for range 20 {
		for _, ask := range []func() error{
			func() error { return signOnce(f.one) },
			func() error { return signOnce(f.two) },
			func() error { return f.ring.Check(f.Context()) },
		} {
			at := time.Now()
			if err := ask(); !errors.Is(err, fault.Unavailable) {
				f.Fatalf("after %s: %v", time.Since(at), err)
			}
			took = append(took, time.Since(at))
		}
	}
	slices.Sort(took)
	if median := took[len(took)/2]; median > quick {
		f.Fatalf("the home is known to be away, and half of the calls take %s and more", median)
	}
}

// refused asserts that the home is there and refuses the keys for good.
func (f *faulty) refused(kind fault.Kind, code string) {
	f.Helper()
	for _, s := range []crypto.Signer{f.one, f.two} {
		err := signOnce(s)
		if !errors.Is(err, kind) || fault.Code(err) != code {
			f.Fatalf("error %v, code %q; want %s", err, fault.Code(err), code)
		}
	}
	if err := f.ring.Check(f.Context()); err == nil {
		f.Error("ready without keys")
	}
}

// eventually waits until the outcome is as wanted: code "" is ready and signing.
func (f *faulty) eventually(code string) (took time.Duration) {
	f.Helper()
	began := time.Now()
	for {
		err := errors.Join(f.ring.Check(f.Context()), signOnce(f.one), signOnce(f.two))
		switch {
		case errors.Is(err, errWrong):
			f.Fatal(err)
		case err == nil && code == "", err != nil && fault.Code(err) == code:
			return time.Since(began)
		case time.Since(began) > back:
			f.Fatalf("not as wanted after %s: %v, code %q", back, err, fault.Code(err))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// recovers asserts that the same keys sign again by themselves.
func (f *faulty) recovers() {
	f.Helper()
	f.Logf("recovery took %s", f.eventually("").Round(time.Millisecond))
	signMany(f.T, f.one, f.two)
	k := open(f.T)
	s, err := k.Signer(f.Context(), f.uri)
	if err != nil {
		f.Fatal(err)
	}
	samePublic(f.T, f.one, s)
}

// whileManySign runs do with sixteen goroutines signing all the while. Every
// signature made must hold, every failure must be Unavailable. do is given what
// waits until one of them has met the fault.
func (f *faulty) whileManySign(do func(met func())) {
	f.Helper()
	var made, missed atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for i := range 16 {
		s := f.one
		if i%2 == 1 {
			s = f.two
		}
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				switch err := signOnce(s); {
				case err == nil:
					made.Add(1)
				case errors.Is(err, fault.Unavailable):
					missed.Add(1)
					time.Sleep(time.Millisecond)
				default:
					f.Errorf("neither signed nor unavailable: %v", err)
					return
				}
			}
		})
	}
	more := func(n *atomic.Int64) func() bool {
		before := n.Load()
		return func() bool { return n.Load() > before }
	}
	stopped := sync.OnceFunc(func() { close(stop); wg.Wait() })
	defer stopped()
	f.until("many sign", more(&made))
	before := missed.Load()
	do(func() { f.until("the fault is met", func() bool { return missed.Load() > before }) })
	f.Logf("recovery took %s under load", f.eventually("").Round(time.Millisecond))
	f.until("many sign again", more(&made))
	stopped()
	var counted uint64
	for _, k := range f.ring.Keys() {
		counted += k.Uses.Signatures
	}
	if counted < uint64(made.Load()) {
		f.Errorf("%d signatures were made, %d are counted", made.Load(), counted)
	}
	f.Logf("%d signatures made, all hold; %d calls were told to come again", made.Load(), missed.Load())
}

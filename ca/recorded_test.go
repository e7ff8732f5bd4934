package ca_test

import (
	"errors"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// noting returns o with a Recorded that writes the serial and counts its runs.
func noting(o ca.Order, runs *int) ca.Order {
	o.Recorded = func(tx store.Tx, c ca.Certificate) error {
		*runs++
		if c.State != ca.Issued || len(c.DER) == 0 {
			return errors.New("not the recorded certificate")
		}
		return store.Save(tx, "recorded_test", o.Request, c.Serial)
	}
	return o
}

// noted is the serial that noting wrote, "" if it wrote none.
func noted(t *testing.T, f *catest.Fixture, request string) (serial string) {
	t.Helper()
	err := f.Store.View(t.Context(), func(tx store.Tx) (err error) {
		serial, err = store.Load[string](tx, "recorded_test", request)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return serial
}

func TestRecordedRunsWithTheRecordOfTheCertificateAndOnlyOnce(t *testing.T) {
	f := catest.New(t, nil)
	_, csr := catest.NewKey(t)
	runs := 0
	var first ca.Certificate
	for i := range 3 {
		c := issue(t, f.Authority, noting(tlsOrder("one", csr), &runs))
		if i == 0 {
			first = c
		}
	}
	if runs != 1 || noted(t, f, "one") != first.Serial {
		t.Errorf("ran %d times, noted %q", runs, noted(t, f, "one"))
	}
}

func TestAnErrorOfRecordedLeavesTheIntent(t *testing.T) {
	f := catest.New(t, nil)
	_, csr := catest.NewKey(t)
	broken, runs := errors.New("of the room"), 0
	o := tlsOrder("one", csr)
	o.Recorded = func(store.Tx, ca.Certificate) error { return broken }
	if _, err := f.Issue(t.Context(), o); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	left, err := f.ByRequest(t.Context(), "one")
	if err != nil || left.State != ca.Pending {
		t.Fatalf("record %s, %v", left.State, err)
	}
	c := issue(t, f.Authority, noting(tlsOrder("one", csr), &runs))
	if runs != 1 || c.Serial != left.Serial || noted(t, f, "one") != c.Serial {
		t.Errorf("taken up as %s and not %s, ran %d times", c.Serial, left.Serial, runs)
	}
}

func TestRecordedDoesNotRunForWhatTheSweepRecords(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	_, csr := catest.NewKey(t)
	runs := 0
	if _, err := failing(t, f, c.now).Issue(t.Context(), noting(tlsOrder("one", csr), &runs)); !errors.Is(err, fault.Unavailable) {
		t.Fatal(err)
	}
	c.move(2 * time.Minute)
	if s, err := f.Sweep(t.Context()); err != nil || len(s.Finished) != 1 {
		t.Fatalf("sweep: %+v, %v", s, err)
	}
	issue(t, f.Authority, noting(tlsOrder("one", csr), &runs))
	if runs != 0 || noted(t, f, "one") != "" {
		t.Errorf("ran %d times", runs)
	}
}

package complaints_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/complaints"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// counting is a store that counts how often rows are read.
type counting struct {
	store.Store
	rows *int
}

type countingTx struct {
	store.Tx
	rows *int
}

func (c counting) View(ctx context.Context, fn func(store.Tx) error) error {
	return c.Store.View(ctx, func(tx store.Tx) error { return fn(countingTx{tx, c.rows}) })
}

func (tx countingTx) Scan(bucket, prefix, after string, fn func(string, []byte) error) error {
	if bucket == "complaints_rows" {
		*tx.rows++
	}
	return tx.Tx.Scan(bucket, prefix, after, fn)
}

func TestAPublicRecordIsCountedOnceAMinuteOrWhenItChanges(t *testing.T) {
	rows := 0
	b := newBench(t, nil)
	ticket := b.file(t)
	b.publish(t, shop)
	b.Store = counting{b.Store, &rows}
	look := func() complaints.Record {
		t.Helper()
		r, err := b.Visible(t.Context(), shop, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := look()
	b.clock.advance(59 * time.Second)
	if d := cmp.Diff(first, look(), windows); rows != 1 || d != "" {
		t.Errorf("within a minute: counted %d times\n%s", rows, d)
	}
	b.clock.advance(time.Second)
	if r := look(); rows != 2 || !r.At.Equal(b.clock.Now()) {
		t.Errorf("after a minute: counted %d times, as of %v", rows, r.At)
	}
	b.answer(t, ticket.ID, complaints.KindAnswer)
	if r := look(); rows != 3 || r.Scorecard.Answered != 1 {
		t.Errorf("after an answer: counted %d times, %d answered", rows, r.Scorecard.Answered)
	}
	csv := "id,business,served,answered\n1," + string(shop) + ",2026-10-01,2026-10-02\n"
	columns := map[string]string{"id": "id", "business": "business", "served": "served", "answered": "answered"}
	if _, err := b.Register().Import(t.Context(), strings.NewReader(csv), complaints.ImportConfig{Columns: columns, DateLayout: time.DateOnly}, nil); err != nil {
		t.Fatal(err)
	}
	if r := look(); rows != 4 || r.Scorecard.Received != 2 {
		t.Errorf("after an import: counted %d times, %d received", rows, r.Scorecard.Received)
	}
	exact, err := b.Record(t.Context(), shop)
	if d := cmp.Diff(exact, look(), windows); err != nil || d != "" {
		t.Errorf("it is not what the count gives: %v\n%s", err, d)
	}
}

func TestWhatIsNotPublicIsNotCounted(t *testing.T) {
	rows := 0
	b := newBench(t, nil)
	b.file(t)
	b.Store = counting{b.Store, &rows}
	for _, id := range []ca.BusinessID{shop, nobody} {
		_, err := b.Visible(t.Context(), id, nil)
		wantFault(t, err, fault.NotFound, "record_not_public")
		_, err = b.Public(t.Context(), id)
		wantFault(t, err, fault.NotFound, "record_not_public")
	}
	if rows != 0 {
		t.Errorf("rows were read %d times", rows)
	}
}

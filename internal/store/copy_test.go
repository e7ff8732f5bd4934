package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/internal/fault"
	"mohr/internal/store"
	"mohr/internal/store/storetest"
)

func quiet(int64) {}

// fillForms writes records of many forms, n of each.
func fillForms(t *testing.T, s store.Store, n int) {
	t.Helper()
	err := s.Update(t.Context(), func(tx store.Tx) error {
		for i := range n {
			key := fmt.Sprintf("%05d\xff\x00م", i)
			for bucket, value := range map[string]string{
				"numbers": fmt.Sprintf(`{"b":1e3,"a":%d,"deep":[0.1,1E-7,-0,9007199254740993]}`, i),
				"texts":   fmt.Sprintf(`"%s مُهر <&> é \\u0000"`, strings.Repeat("x", i%3000)),
				"words":   `{"z":null,"a":{"y":[],"x":true}}`,
			} {
				if err := tx.Put(bucket, key, []byte(value)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// engines are both engines, each to copy from and to.
func engines(t *testing.T) map[string]storetest.Open {
	return map[string]storetest.Open{"bolt": openBolt, "postgres": postgres(t)}
}

func TestACopyIsTheSameInBothDirections(t *testing.T) {
	all := engines(t)
	var sums []string
	for from, openFrom := range all {
		for to, openTo := range all {
			a, b := opened(t, openFrom), opened(t, openTo)
			fillForms(t, a, 2000)
			content, err := store.Copy(t.Context(), a, b, quiet)
			if err != nil {
				t.Fatalf("%s to %s: %v", from, to, err)
			}
			if content.Records != 6000 || len(content.Buckets) != 3 {
				t.Errorf("%s to %s: %+v", from, to, content)
			}
			again, err := store.Inspect(t.Context(), b, quiet)
			if diff := cmp.Diff(content, again); diff != "" || err != nil {
				t.Errorf("%s to %s: %v %s", from, to, err, diff)
			}
			sums = append(sums, content.SHA256)
		}
	}
	for _, sum := range sums {
		if sum != sums[0] {
			t.Errorf("engines hash the same records otherwise: %v", sums)
		}
	}
}

func opened(t *testing.T, open storetest.Open) store.Store {
	t.Helper()
	s, err := open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// cut is a store whose context ends after so many updates, as if the copying
// process were killed between two.
type cut struct {
	store.Store
	store.Lister
	left *int
}

var errCut = errors.New("cut off")

func (c cut) Update(ctx context.Context, fn func(store.Tx) error) error {
	if *c.left--; *c.left < 0 {
		return errCut
	}
	return c.Store.Update(ctx, fn)
}

func TestACopyThatWasCutOffGoesOn(t *testing.T) {
	for name, open := range engines(t) {
		t.Run(name, func(t *testing.T) {
			from, to := opened(t, openBolt), opened(t, open)
			fillForms(t, from, 3000)
			whole := func(tx store.Tx) error { return store.Whole(tx) }
			for updates := range 8 {
				left := updates
				_, err := store.Copy(t.Context(), from, cut{to, to.(store.Lister), &left}, quiet)
				if err == nil {
					t.Fatal("the copy was not cut off")
				}
				if err := to.View(t.Context(), whole); updates > 0 && fault.Code(err) != "store_copy_unfinished" {
					t.Errorf("half a copy counts as whole: %v", err)
				}
				if updates > 3 {
					break
				}
			}
			content, err := store.Copy(t.Context(), from, to, quiet)
			if err != nil || content.Records != 9000 {
				t.Errorf("%d records, %v", content.Records, err)
			}
			if err := to.View(t.Context(), whole); err != nil {
				t.Error(err)
			}
			if _, err := store.Copy(t.Context(), from, to, quiet); fault.Code(err) != "store_not_empty" {
				t.Errorf("a second copy over the first: %v", err)
			}
		})
	}
}

func TestACopyOfWhatChangedMeanwhileIsRefused(t *testing.T) {
	from, to := open(t), open(t)
	fillForms(t, from, 100)
	left := 2 // the state, the first bucket
	if _, err := store.Copy(t.Context(), from, cut{to, to.(store.Lister), &left}, quiet); err == nil {
		t.Fatal("the copy was not cut off")
	}
	err := from.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, "numbers", "00000", "later") })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Copy(t.Context(), from, to, quiet); fault.Code(err) != "store_copy_differs" {
		t.Errorf("error %v", err)
	}
}

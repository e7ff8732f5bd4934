package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/internal/store"
)

// keys returns what a scan gives.
func keys(tx store.Tx, bucket, prefix, after string) (got []string, err error) {
	err = tx.Scan(bucket, prefix, after, func(key string, _ []byte) error {
		got = append(got, key)
		return nil
	})
	return got, err
}

var scanTests = []struct {
	name, prefix, after string
	want                []string
}{
	{"everything", "", "", []string{"A", "a", "a-1", "a-2", "a-20", "a-3", "b-1", "é", "م"}},
	{"a prefix", "a-", "", []string{"a-1", "a-2", "a-20", "a-3"}},
	{"a prefix that is a key", "a-2", "", []string{"a-2", "a-20"}},
	{"after a key", "", "a-20", []string{"a-3", "b-1", "é", "م"}},
	{"after a key that is not there", "", "a-200", []string{"a-3", "b-1", "é", "م"}},
	{"a prefix after one of its keys", "a-", "a-2", []string{"a-20", "a-3"}},
	{"a prefix after something before it", "a-", "A", []string{"a-1", "a-2", "a-20", "a-3"}},
	{"a prefix after its last key", "a-", "a-3", nil},
	{"a prefix after something behind it", "a-", "b", nil},
	{"a prefix that nobody has", "zz", "", nil},
	{"after the last key", "", "م", nil},
}

func scans(t *testing.T, s store.Store) {
	all := slices.Clone(scanTests[0].want)
	slices.Reverse(all)
	put(t, s, "b", all...)
	put(t, s, "a", "a-9")
	put(t, s, "c", "a-9")
	for _, tc := range scanTests {
		t.Run(tc.name, func(t *testing.T) {
			check := func(tx store.Tx) error {
				got, err := keys(tx, "b", tc.prefix, tc.after)
				if diff := cmp.Diff(tc.want, got); diff != "" {
					return errors.New(diff)
				}
				return err
			}
			if err := errors.Join(s.View(t.Context(), check), s.Update(t.Context(), check)); err != nil {
				t.Error(err)
			}
		})
	}
}

// scansOwnWrites runs the same table over keys of which some are stored, some
// written, some overwritten and some deleted in the transaction itself.
func scansOwnWrites(t *testing.T, s store.Store) {
	put(t, s, "b", "0", "A", "a-1", "a-10", "a-20", "b-1", "é", "z")
	refusal := errors.New("refused")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		for _, k := range []string{"a", "a-2", "a-20", "a-3", "م", "a-15"} {
			if err := store.Save(tx, "b", k, "own"); err != nil {
				return err
			}
		}
		for _, k := range []string{"0", "a-10", "z", "a-15", "never"} {
			if err := tx.Delete("b", k); err != nil {
				return err
			}
		}
		for _, tc := range scanTests {
			got, err := keys(tx, "b", tc.prefix, tc.after)
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				return fmt.Errorf("%s: %w %s", tc.name, err, diff)
			}
		}
		v, err := store.Load[string](tx, "b", "a-20")
		return errors.Join(err, equal("own", v), refusal)
	})
	if !errors.Is(err, refusal) || has(t, s, "b", "a") || !has(t, s, "b", "0") {
		t.Error(err)
	}
}

func scanStops(t *testing.T, s store.Store) {
	put(t, s, "b", "1", "2", "3", "4")
	refusal := errors.New("refused")
	tests := []struct {
		name string
		end  error
		want error
	}{
		{"stop ends it without error", store.Stop, nil},
		{"a wrapped stop does too", fmt.Errorf("enough: %w", store.Stop), nil},
		{"an error comes back", refusal, refusal},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var seen []string
			err := s.View(t.Context(), func(tx store.Tx) error {
				return tx.Scan("b", "", "", func(key string, _ []byte) error {
					if seen = append(seen, key); key == "2" {
						return tc.end
					}
					return nil
				})
			})
			if err != tc.want || !slices.Equal(seen, []string{"1", "2"}) {
				t.Errorf("seen %v, error %v", seen, err)
			}
		})
	}
}

func viewsAreSnapshots(t *testing.T, s store.Store) {
	put(t, s, "b", "1", "2")
	err := s.View(t.Context(), func(tx store.Tx) error {
		before, err := keys(tx, "b", "", "")
		if err != nil {
			return err
		}
		done := make(chan error)
		go func() {
			done <- s.Update(context.Background(), func(tx store.Tx) error {
				return errors.Join(tx.Delete("b", "1"), store.Save(tx, "b", "2", "new"), store.Save(tx, "b", "3", "new"))
			})
		}()
		if err := <-done; err != nil {
			return err
		}
		after, err := keys(tx, "b", "", "")
		if diff := cmp.Diff(before, after); diff != "" {
			return errors.New(diff)
		}
		v, load := store.Load[string](tx, "b", "2")
		return errors.Join(err, load, equal("2", v))
	})
	if err != nil {
		t.Error(err)
	}
	if has(t, s, "b", "1") || !has(t, s, "b", "3") {
		t.Error("the update is not seen after the view")
	}
}

func cancelledScan(t *testing.T, s store.Store) {
	var all []string
	for i := range 3000 {
		all = append(all, number(i))
	}
	put(t, s, "b", all...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	err := s.View(ctx, func(tx store.Tx) error {
		return tx.Scan("b", "", "", func(string, []byte) error { n++; cancel(); return nil })
	})
	if !errors.Is(err, context.Canceled) || n == len(all) {
		t.Errorf("%d rows, error %v", n, err)
	}
}

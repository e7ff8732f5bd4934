package complaints

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"mohr/internal/store"
)

// Buckets of kept counts. They hold the counts of all rows as those stood
// before the changes in changeBucket, which a job folds in: events of all
// businesses would otherwise meet at one record.
const (
	countBucket  = "complaints_counts"       // 1404-08/category -> packed
	changeBucket = "complaints_changes"      // key of a live row -> changed
	keptBucket   = "complaints_counts_state" // "state" -> kept
)

// changed is a live row whose change is not in the kept counts yet.
type changed struct {
	Old *Row `json:"old,omitempty"` // as it is in the kept counts; nil: not at all
	New Row  `json:"new"`
}

// kept says what the kept counts are worth.
type kept struct {
	Fresh      bool   `json:"fresh"`      // they hold all rows but for the changes
	Policies   string `json:"policies"`   // by which they were judged: fingerprint
	Generation int    `json:"generation"` // raised by whatever changes the kept counts
	Imports    int    `json:"imports"`    // batches of imported rows
}

// fingerprint tells policies from others.
func (p Policies) fingerprint() string {
	h := sha256.New()
	for _, q := range p {
		fmt.Fprintf(h, "%d %s\n", q.From.Unix(), q.Window)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func loadKept(tx store.Tx) (kept, error) {
	k, err := store.Load[kept](tx, keptBucket, "state")
	if errors.Is(err, store.ErrNotFound) {
		return kept{}, nil
	}
	return k, err
}

// putLive stores the row of a live complaint and notes the change.
func putLive(tx store.Tx, key string, r Row) error {
	c, err := store.Load[changed](tx, changeBucket, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		old, err := store.Load[Row](tx, rowBucket, key)
		if err == nil {
			c.Old = &old
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	case err != nil:
		return err
	}
	c.New = r
	if err := store.Save(tx, changeBucket, key, c); err != nil {
		return err
	}
	if err := touch(tx, businessOf(key)); err != nil {
		return err
	}
	return store.Save(tx, rowBucket, key, r)
}

// apply counts the change.
func (c *Counts) apply(ch changed) {
	if ch.Old != nil {
		c.Remove(*ch.Old)
	}
	c.Add(ch.New)
}

// opening returns what the kept counts are worth before rows are imported:
// those of an empty register hold all there is, which is nothing.
func (g *Register) opening(tx store.Tx) (kept, error) {
	k, err := loadKept(tx)
	if err != nil || k.Generation > 0 {
		return k, err
	}
	k = kept{Fresh: true, Policies: g.Policies.fingerprint()}
	err = tx.Scan(businessBucket, "", "", func(string, []byte) error {
		k.Fresh = false
		return store.Stop
	})
	return k, err
}

// keep brings the counts of an import's batch into the kept ones, in its
// transaction. Counts kept by other policies lose their worth and are made
// anew when they are asked for.
func (g *Register) keep(tx store.Tx, k kept, batch *Counts) error {
	k.Generation++
	k.Imports++
	k.Fresh = k.Fresh && k.Policies == g.Policies.fingerprint()
	if err := store.Save(tx, keptBucket, "state", k); err != nil || !k.Fresh {
		return err
	}
	return batch.save(tx)
}

// save adds the counts to the kept ones.
func (c *Counts) save(tx store.Tx) error {
	for _, key := range slices.SortedFunc(maps.Keys(c.shelves), compareShelves) {
		days, err := loadShelf(tx, key.key())
		if err != nil {
			return err
		}
		for day, change := range c.shelves[key] {
			s := days[day]
			if s.add(change, 1); s == (Sums{}) {
				delete(days, day)
				continue
			}
			days[day] = s
		}
		if len(days) == 0 {
			err = tx.Delete(countBucket, key.key())
		} else {
			err = store.Save(tx, countBucket, key.key(), packed{pack(days)})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s shelf) key() string { return s.period().String() + "/" + url.PathEscape(s.Category) }

func compareShelves(a, b shelf) int { return strings.Compare(a.key(), b.key()) }

// parseShelf reads what key wrote.
func parseShelf(key string) (shelf, error) {
	month, category, ok := strings.Cut(key, "/")
	year, in, ok2 := strings.Cut(month, "-")
	y, err1 := strconv.Atoi(year)
	m, err2 := strconv.Atoi(in)
	name, err3 := url.PathUnescape(category)
	if err := errors.Join(err1, err2, err3); err != nil || !ok || !ok2 {
		return shelf{}, fmt.Errorf("kept counts: bad key %q", key)
	}
	return shelf{monthOf(Period{y, m}), name}, nil
}

// packed is a shelf as it is stored: varints, since a country's counts are
// read whole.
type packed struct {
	Days []byte `json:"days"`
}

// pack writes for each day, in order, its distance from the one before and its
// sums.
func pack(days map[int32]Sums) []byte {
	var b []byte
	last := int32(0)
	for _, day := range slices.Sorted(maps.Keys(days)) {
		b = binary.AppendVarint(b, int64(day-last))
		last = day
		for _, n := range days[day] {
			b = binary.AppendVarint(b, n)
		}
	}
	return b
}

func unpack(b []byte) (map[int32]Sums, error) {
	days := map[int32]Sums{}
	last := int32(0)
	next := func() (int64, bool) {
		n, used := binary.Varint(b)
		if used <= 0 {
			return 0, false
		}
		b = b[used:]
		return n, true
	}
	for len(b) > 0 {
		d, ok := next()
		last += int32(d)
		var s Sums
		for i := range s {
			if !ok {
				return nil, errors.New("kept counts: cut off")
			}
			s[i], ok = next()
		}
		if !ok {
			return nil, errors.New("kept counts: cut off")
		}
		days[last] = s
	}
	return days, nil
}

func loadShelf(tx store.Tx, key string) (map[int32]Sums, error) {
	p, err := store.Load[packed](tx, countBucket, key)
	if errors.Is(err, store.ErrNotFound) {
		return map[int32]Sums{}, nil
	}
	if err != nil {
		return nil, err
	}
	return unpack(p.Days)
}

// Counts returns the counts of all complaints as they stand, each judged by
// the policy it was filed under. Where they are kept they are read, and
// otherwise made from all rows and kept; progress, which may be nil, is then
// called with the number of rows now and again.
func (g *Register) Counts(ctx context.Context, progress func(rows int)) (*Counts, error) {
	var counts *Counts
	err := g.Store.View(ctx, func(tx store.Tx) (err error) {
		counts = nil
		k, err := loadKept(tx)
		if err != nil || !k.Fresh || k.Policies != g.Policies.fingerprint() {
			return err
		}
		counts, err = g.loadCounts(tx)
		return err
	})
	if err != nil || counts != nil {
		return counts, err
	}
	return g.recount(ctx, progress)
}

func (g *Register) loadCounts(tx store.Tx) (*Counts, error) {
	counts := NewCounts(g.Policies, Window{})
	err := store.Each(tx, countBucket, "", "", func(key string, p packed) error {
		s, err := parseShelf(key)
		if err != nil {
			return err
		}
		counts.shelves[s], err = unpack(p.Days)
		return err
	})
	if err != nil {
		return nil, err
	}
	return counts, counts.addChanges(tx, 1)
}

func (c *Counts) addChanges(tx store.Tx, sign int64) error {
	return store.Each(tx, changeBucket, "", "", func(_ string, ch changed) error {
		if ch.Old != nil {
			c.put(*ch.Old, -sign)
		}
		c.put(ch.New, sign)
		return nil
	})
}

package badge

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// Bounds of an answer, and of what is looked at for it.
const (
	maxFound = 20
	maxLook  = 300
)

// Find returns granted badges by a part of the name of their business, of
// their domain, or by its id: all words of the question must be beginnings of
// theirs. Live ones come first, at most maxFound. A question without a word of
// two letters is Invalid.
func (d *Desk) Find(ctx context.Context, question string) ([]Record, error) {
	asked := wordsOf(question)
	if len(asked) == 0 {
		return nil, fault.New(fault.Invalid, "badge_question", "write at least two letters of the name, the domain or the id of the business")
	}
	longest := slices.MaxFunc(asked, func(a, b string) int { return cmp.Compare(len(a), len(b)) })
	var live, rest []Record
	err := d.Store.View(ctx, func(tx store.Tx) error {
		live, rest = nil, nil
		ids, err := beginning(tx, longest)
		if err != nil {
			return err
		}
		for _, id := range ids {
			b, err := LoadBadge(tx, id)
			if err != nil {
				return err
			}
			if !allBegin(b.words(), asked) {
				continue
			}
			if b, _, err = b.stands(tx, d.now()); err != nil {
				return err
			}
			if r := d.public(b); r.Live() {
				live = append(live, r)
			} else {
				rest = append(rest, r)
			}
		}
		return nil
	})
	all := append(live, rest...)
	return all[:min(len(all), maxFound)], err
}

// beginning returns the badges with a word that begins so, each once.
func beginning(tx store.Tx, word string) (ids []ID, err error) {
	seen := 0
	err = store.Each(tx, wordBucket, word, "", func(_ string, id ID) error {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		if seen++; seen == maxLook {
			return store.Stop
		}
		return nil
	})
	return ids, err
}

// allBegin reports whether each asked word begins one of the words.
func allBegin(words, asked []string) bool {
	return !slices.ContainsFunc(asked, func(a string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, a) })
	})
}

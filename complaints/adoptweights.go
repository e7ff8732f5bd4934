package complaints

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"time"

	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// weightBucket keeps every published entry of the weights: number -> adoptedWeights.
const weightBucket = "complaints_weights"

// adoptedWeights are weights as they were published by this service.
type adoptedWeights struct {
	Weights
	At time.Time `json:"at"` // when they were published
}

// LoadWeights returns the weights of a file, "" being those that come with the
// program.
func LoadWeights(file string) (WeightsList, error) {
	if file == "" {
		return DefaultWeights()
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	return ParseWeights(b)
}

// AdoptWeights publishes the entries of the weights that are new, each with a
// leaf in the public log that says its version and the day from which it
// holds. Like AdoptPolicies it is a Conflict, with nothing published, where
// the past would be weighed by another entry.
func (g *Register) AdoptWeights(ctx context.Context, list WeightsList) error {
	now := g.now()
	return g.Store.Update(ctx, func(tx store.Tx) error {
		had, err := publishedWeights(tx)
		if err != nil {
			return err
		}
		if len(list) < len(had) {
			return fault.New(fault.Conflict, "rating_weights_missing", "the weights %[1]s were published and are not in the file any more; put them back", had[len(list)].Version)
		}
		for i, w := range list {
			switch {
			case i < len(had):
				if h := had[i]; h.Version != w.Version || !h.From.Equal(w.From) || !reflect.DeepEqual(h.Weights, w.Weights) {
					return fault.New(fault.Conflict, "rating_weights_changed", "the weights %[1]s were published and are other ones now; what they weighed is weighed by them for ever: add an entry of a new version instead", h.Version)
				}
			case len(had) > 0 && !w.From.After(now):
				return fault.New(fault.Conflict, "rating_weights_past", "the new weights %[1]s would hold from %[2]v, which is over; give them a day that is ahead", w.Version, w.From)
			default:
				if err := w.publish(tx, i, now); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (w Weights) publish(tx store.Tx, number int, now time.Time) error {
	a := adoptedWeights{w, now}
	if err := store.Save(tx, weightBucket, fmt.Sprintf("%04d", number), a); err != nil {
		return err
	}
	hash, err := commitment(a)
	if err != nil {
		return err
	}
	from := "the beginning"
	if !w.From.IsZero() {
		from = w.From.Format(time.RFC3339)
	}
	return ledger.Append(tx, ledger.Event{Kind: "complaint.weights", Subject: w.Version + " from " + from, At: now, Hash: hash})
}

func publishedWeights(tx store.Tx) (list WeightsList, err error) {
	err = store.Each(tx, weightBucket, "", "", func(_ string, a adoptedWeights) error {
		list = append(list, a.Weights)
		return nil
	})
	return list, err
}

// Weights returns the weights that were published; those that come with the
// program where none were.
func (g *Register) Weights(ctx context.Context) (list WeightsList, err error) {
	err = g.Store.View(ctx, func(tx store.Tx) (err error) {
		list, err = publishedWeights(tx)
		return err
	})
	if err != nil || len(list) > 0 {
		return list, err
	}
	return DefaultWeights()
}

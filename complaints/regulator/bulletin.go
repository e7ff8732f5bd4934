package regulator

import (
	"context"
	"errors"
	"reflect"
	"time"

	"mohr/complaints"
	"mohr/internal/store"
)

// Bulletin is what is published of the country: the figures as of the last
// beginning of a day in Iran.
type Bulletin struct {
	National
	Publication Publication `json:"publication"`
	Visits      Visits      `json:"visits_avoided"`
}

// bulletinBucket holds the newest bulletin, under newest.
const (
	bulletinBucket = "complaints_bulletin"
	newest         = "newest"
)

// Office makes the bulletin and shows it. It is safe for concurrent use.
type Office struct {
	Register *complaints.Register
	Now      func() time.Time // nil: time.Now
}

func (o *Office) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// Bulletin returns the newest bulletin, and whether there is one.
func (o *Office) Bulletin(ctx context.Context) (b Bulletin, there bool, err error) {
	err = o.Register.Store.View(ctx, func(tx store.Tx) (err error) {
		b, err = store.Load[Bulletin](tx, bulletinBucket, newest)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return Bulletin{}, false, nil
	}
	return b, err == nil, err
}

// Count is a job: it makes the bulletin of the day that ended last in Iran,
// and makes it again while complaints of before are still brought in. What
// reads whole registers, of public records and of certificates, is counted
// once for each day.
func (o *Office) Count(ctx context.Context) error {
	had, _, err := o.Bulletin(ctx)
	if err != nil {
		return err
	}
	counts, err := o.Register.Counts(ctx, func(int) {})
	if err != nil {
		return err
	}
	b := Bulletin{National: Country(counts, o.now().UTC()), Publication: had.Publication, Visits: had.Visits}
	if !had.At.Equal(b.At) || had.Total.Received != b.Total.Received {
		terms := complaints.Terms{At: b.At, Policies: o.Register.Policies}
		if b.Publication, err = AroundPublication(ctx, o.Register, terms); err != nil {
			return err
		}
		if b.Visits, err = VisitsAvoided(ctx, o.Register.Store, b.At); err != nil {
			return err
		}
	}
	if reflect.DeepEqual(b, had) {
		return nil
	}
	return o.Register.Store.Update(ctx, func(tx store.Tx) error { return store.Save(tx, bulletinBucket, newest, b) })
}

package complaints

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

const (
	// newsBucket keeps what the consumer is to be told: complaint/business ->
	// news. What happens before that is told in one message.
	newsBucket = "complaints_news"
	// overBucket keeps when the time to answer may be over, for the consumer to
	// be told: time/complaint/business -> true.
	overBucket = "complaints_over"
	// newsAtOnce bounds what one run of the job looks at.
	newsAtOnce = 1000
)

// timeOver stands in news for the one change that is nobody's deed.
const timeOver Kind = "time_over"

// NewsKinds are what a consumer is told of; "complaints.news." and each is a
// text.
func NewsKinds() []Kind {
	return []Kind{
		KindServed, KindHolding, KindAnswer, KindNoSuchOrder, timeOver, KindInadmissible, KindDuplicate, KindMerged, KindJoined, KindMoved, KindWithdrawn,
		KindRested, KindOrderFound, KindOrderNotFound, KindDecided, KindAppealed, KindAppealGranted, KindAppealRefused,
	}
}

// news is a message to the consumer that waits to be sent.
type news struct {
	Complaint string        `json:"complaint"`
	Business  ca.BusinessID `json:"business"`
	What      Kind          `json:"what"` // the last of what happened
	Seq       int           `json:"seq"`  // of its event
	Tries     int           `json:"tries,omitempty"`
	Next      time.Time     `json:"next,omitzero"`
}

// isNews reports whether the event concerns a consumer who did not make it.
// That a complaint was served at once he knows from the filing.
func (e Event) isNews() bool {
	own := []Kind{KindFiled, KindFlagged, KindAdmitted}
	return e.Actor != "consumer" && !slices.Contains(own, e.Kind) && (e.Kind != KindServed || e.Seq > 2)
}

// announce sees to it that the consumer is told of e, and later that the time
// to answer is over.
func (m matter) announce(tx store.Tx, e Event, before, after Status) error {
	if e.isNews() {
		n := news{Complaint: m.ID, Business: m.Business, What: e.Kind, Seq: e.Seq}
		if err := store.Save(tx, newsBucket, m.key(), n); err != nil {
			return err
		}
	}
	if !after.Owed || before.Owed && before.Deadline().Equal(after.Deadline()) {
		return nil
	}
	return store.Save(tx, overBucket, overKey(after.Deadline(), m.key()), true)
}

// overKey is where the first second after the deadline is.
func overKey(deadline time.Time, key string) string {
	return fmt.Sprintf("%016x/%s", deadline.Unix()+1, key)
}

// TellConsumers tells consumers what happened to their complaints. It is a
// job: safe to repeat, and one that fails does not hold up the others.
func (d *Desk) TellConsumers(ctx context.Context) error {
	if d.Notifier == nil {
		return nil
	}
	if err := d.findOver(ctx); err != nil {
		return fmt.Errorf("find complaints whose time is over: %w", err)
	}
	now := d.now()
	var due []news
	err := d.Store.View(ctx, func(tx store.Tx) error {
		due = nil
		return store.Each(tx, newsBucket, "", "", func(_ string, n news) error {
			if !now.Before(n.Next) {
				due = append(due, n)
			}
			if len(due) == newsAtOnce {
				return store.Stop
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, n := range due {
		errs = append(errs, d.tellConsumer(ctx, n, now))
	}
	return errors.Join(errs...)
}

// findOver makes news of the complaints whose time to answer ran out.
func (d *Desk) findOver(ctx context.Context) error {
	now := d.now()
	return d.Store.Update(ctx, func(tx store.Tx) error {
		var keys []string
		err := tx.Scan(overBucket, "", "", func(key string, _ []byte) error {
			if key >= fmt.Sprintf("%016x/", now.Unix()+1) || len(keys) == newsAtOnce {
				return store.Stop
			}
			keys = append(keys, key)
			return nil
		})
		for _, key := range keys {
			if err == nil {
				err = tx.Delete(overBucket, key)
			}
			if err == nil {
				_, of, _ := strings.Cut(key, "/")
				err = overNow(tx, of, now)
			}
		}
		return err
	})
}

// overNow makes news of the complaint with the matter's key, if it is
// unanswered at now. One that rested since is looked at again by the entry
// that this made.
func overNow(tx store.Tx, key string, now time.Time) error {
	id, business, _ := strings.Cut(key, "/")
	m, events, err := loadMatter(tx, id, ca.BusinessID(businessOf(business)))
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if Derive(events, notBefore(events, now)).State != StateUnanswered {
		return nil
	}
	return store.Save(tx, newsBucket, key, news{Complaint: m.ID, Business: m.Business, What: timeOver, Seq: len(events)})
}

// tellConsumer sends one message. A consumer who cannot be reached any more,
// because all words of the complaint were removed, is told nothing.
func (d *Desk) tellConsumer(ctx context.Context, n news, now time.Time) error {
	to, lang, err := d.consumer(ctx, n.Complaint)
	if err == nil && to.Mobile != "" {
		err = d.Notifier.News(ctx, to.Mobile, lang, n.Complaint, n.What)
	}
	failed := err != nil
	return errors.Join(err, d.Store.Update(ctx, func(tx store.Tx) error {
		key := (matter{file{ID: n.Complaint}, n.Business}).key()
		last, err := store.Load[news](tx, newsBucket, key)
		switch {
		case errors.Is(err, store.ErrNotFound), err == nil && (last.Seq != n.Seq || last.What != n.What):
			return nil // told by another node, or something else happened meanwhile
		case err != nil:
			return err
		case !failed:
			return tx.Delete(newsBucket, key)
		}
		last.Tries++
		last.Next = now.Add(wait(last.Tries))
		return store.Save(tx, newsBucket, key, last)
	}))
}

// consumer returns how the complaint's consumer is reached, and the language.
func (d *Desk) consumer(ctx context.Context, id string) (c Contact, lang string, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		f, err := loadFile(tx, id)
		if err != nil {
			return err
		}
		p, err := d.unseal(f)
		c, lang = p.Contact, f.Lang
		return err
	})
	return c, lang, err
}

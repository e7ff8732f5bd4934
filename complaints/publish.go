package complaints

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Publication says who may see the record of a business.
type Publication string

// The stages of publication. A business begins in private.
const (
	Private Publication = "private" // the business alone
	Invited Publication = "invited" // still the business alone; it was asked to publish
	Public  Publication = "public"  // everyone
)

// next returns the stages that may follow: forward one step at a time, and
// back from an invitation that was declined. What is public stays so.
func (p Publication) next() []Publication {
	switch p {
	case Private:
		return []Publication{Invited}
	case Invited:
		return []Publication{Public, Private}
	}
	return nil
}

// Published is one change of publication.
type Published struct {
	Seq   int         `json:"seq"` // from 1
	State Publication `json:"state"`
	At    time.Time   `json:"at"`
	Actor string      `json:"actor"`           // "operator:NAME"
	Basis Basis       `json:"basis,omitempty"` // invited: why this business
	Salt  []byte      `json:"salt"`
}

// publicationBucket keeps every change: business/seq -> Published.
const publicationBucket = "complaints_publication"

// publications returns the business's changes, oldest first.
func publications(tx store.Tx, b ca.BusinessID) ([]Published, error) {
	var list []Published
	err := store.Each(tx, publicationBucket, businessKey(string(b))+"/", "", func(_ string, p Published) error {
		list = append(list, p)
		return nil
	})
	return list, err
}

// publicationAt returns the stage at an instant and since when; private from
// the beginning.
func publicationAt(list []Published, at time.Time) Published {
	now := Published{State: Private}
	for _, p := range list {
		if !p.At.After(at) {
			now = p
		}
	}
	return now
}

// Publish moves a business to the next stage of publication, for the officer
// whose certificate leaf is, who must not act for it. The stage it has already
// is no change and no error; a stage that may not follow is a Conflict.
func (d *Desk) Publish(ctx context.Context, leaf *x509.Certificate, b ca.BusinessID, to Publication) (Published, error) {
	if !slices.Contains([]Publication{Private, Invited, Public}, to) {
		return Published{}, fault.New(fault.Invalid, "publication_unknown", "a record is private, invited or public; choose one of these")
	}
	e := Published{State: to, At: d.now(), Salt: newSalt()}
	var done Published
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		o, err := d.acting(tx, leaf, e.At, b)
		if err != nil {
			return err
		}
		e.Actor = o.Actor()
		done, err = d.publish(tx, b, e)
		return err
	})
	return done, err
}

// publish adds e to the business's changes, if it may follow them.
func (d *Desk) publish(tx store.Tx, b ca.BusinessID, e Published) (Published, error) {
	list, err := publications(tx, b)
	if err != nil {
		return e, err
	}
	last := Published{State: Private}
	if n := len(list); n > 0 {
		last = list[n-1]
	}
	switch {
	case last.State == e.State:
		return last, nil
	case !slices.Contains(last.State.next(), e.State):
		return e, fault.New(fault.Conflict, "publication_order", "the record of this business is %[1]s and cannot become %[2]s; it goes from private to invited to public", string(last.State), string(e.State))
	}
	e.Seq = len(list) + 1
	if e.At.Before(last.At) {
		e.At = last.At
	}
	switch e.State {
	case Invited:
		if err := d.freeze(tx, b, e); err != nil {
			return e, err
		}
	case Public:
		if err := d.mayGoPublic(tx, b, last, e.At); err != nil {
			return e, err
		}
	}
	if err := store.Save(tx, publicationBucket, fmt.Sprintf("%s/%04d", businessKey(string(b)), e.Seq), e); err != nil {
		return e, err
	}
	leaf, err := e.leaf(b)
	if err != nil {
		return e, err
	}
	return e, ledger.Append(tx, leaf)
}

// leaf names the business only once its record is public: that it was invited
// is its own affair.
func (e Published) leaf(b ca.BusinessID) (ledger.Event, error) {
	hash, err := commitment(struct {
		Business ca.BusinessID `json:"business"`
		Event    Published     `json:"event"`
	}{b, e})
	leaf := ledger.Event{Kind: "publication." + string(e.State), At: e.At, Hash: hash}
	if e.State == Public {
		leaf.Subject = string(b)
	}
	return leaf, err
}

// Record is the complaint record of one business at one instant.
type Record struct {
	Business    ca.BusinessID `json:"business"`
	Published   bool          `json:"published"`
	Publication Publication   `json:"publication"`
	Since       time.Time     `json:"since,omitzero" doc:"when publication came to this stage"`
	At          time.Time     `json:"at"`
	Policy      string        `json:"policy" doc:"window policy for complaints filed now; each is judged by the one it was filed under"`
	Window      Window        `json:"window"`
	Scorecard   Scorecard     `json:"year" doc:"served in the last 365 days; unanswered counts all, however old"`
	Lifetime    Scorecard     `json:"lifetime"`
	Aside       Aside         `json:"aside" doc:"over all time"`
}

// Record returns the record of a business as of now, published or not: it is
// the caller who must not show an unpublished one to others. A business that
// nobody ever complained about has a record of nothing.
func (d *Desk) Record(ctx context.Context, b ca.BusinessID) (Record, error) {
	at := d.now()
	var r Record
	err := d.Store.View(ctx, func(tx store.Tx) (err error) {
		r, err = d.recordIn(tx, b, at)
		return err
	})
	return r, err
}

func (d *Desk) recordIn(tx store.Tx, b ca.BusinessID, at time.Time) (Record, error) {
	policy := d.Policies.At(at)
	r := Record{Business: b, At: at, Policy: policy.Version, Window: policy.Window}
	list, err := publications(tx, b)
	if err != nil {
		return r, err
	}
	p := publicationAt(list, at)
	r.Publication, r.Since, r.Published = p.State, p.At, p.State == Public
	year := NewTally(string(b), d.register.terms(Terms{At: at, Rolling: Year}))
	all := NewTally(string(b), d.register.terms(Terms{At: at}))
	err = eachRow(tx, string(b), func(row Row) error {
		year.Add(row)
		all.Add(row)
		return nil
	})
	r.Scorecard, _ = year.Result()
	r.Lifetime, r.Aside = all.Result()
	return r, err
}

// errNotPublic is for a record that the one who asks may not see. Whether the
// business is known here is not told.
func errNotPublic() error {
	return fault.New(fault.NotFound, "record_not_public", "there is no public complaint record of this business")
}

// PublicSince returns since when the records are public that are.
func (g *Register) PublicSince(ctx context.Context) (since map[string]time.Time, err error) {
	err = g.Store.View(ctx, func(tx store.Tx) error {
		since = map[string]time.Time{}
		return store.Each(tx, publicationBucket, "", "", func(key string, p Published) error {
			if p.State == Public {
				since[businessOf(key)] = p.At
			}
			return nil
		})
	})
	return since, err
}

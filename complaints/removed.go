package complaints

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// removedBucket keeps whose text was removed by law: complaint -> Tombstone.
const removedBucket = "complaints_removed"

// Tombstone stands where the words of a complaint stood that were removed by
// law. The complaint itself stays, and counts as before.
type Tombstone struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"` // of RemovalReasons
	Actor  string    `json:"actor"`
	Salt   []byte    `json:"salt"`
}

// RemovalReasons returns the reasons for which a text is removed, a closed set.
func RemovalReasons() []string {
	return []string{"court_order", "consumer_erasure", "personal_data_of_others", "unlawful_content"}
}

// RemoveText destroys all words of a complaint, for the officer whose
// certificate leaf is: what the consumer filed and how to reach him, what was
// written beside events, and the answers with the signed bytes that hold them.
// Their hashes and commitments stay. It puts up a tombstone with the reason,
// which the open data shows. Doing it again destroys what was written since,
// with an entry of the log, and leaves the first tombstone.
func (d *Desk) RemoveText(ctx context.Context, leaf *x509.Certificate, id, reason string) (Tombstone, error) {
	if !slices.Contains(RemovalReasons(), reason) {
		return Tombstone{}, fault.New(fault.Invalid, "complaint_removal_reason", "a text is removed for one of these reasons: court_order, consumer_erasure, personal_data_of_others, unlawful_content; name one")
	}
	now, salt := d.now(), newSalt()
	var stone Tombstone
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		f, err := loadFile(tx, id)
		if err != nil {
			return err
		}
		o, err := d.acting(tx, leaf, now, f.businesses()...)
		if err != nil {
			return err
		}
		made := Tombstone{At: now, Reason: reason, Actor: o.Actor(), Salt: salt}
		stone, err = store.Load[Tombstone](tx, removedBucket, id)
		first := errors.Is(err, store.ErrNotFound)
		if first {
			stone, err = made, store.Save(tx, removedBucket, id, made)
		}
		if err != nil {
			return err
		}
		pictures, err := erasePictures(tx, id)
		if err != nil {
			return err
		}
		if words, err := d.eraseWords(tx, f); err != nil || !words && !pictures {
			return err
		}
		entry, err := made.leaf(f)
		if err != nil {
			return err
		}
		return ledger.Append(tx, entry)
	})
	return stone, err
}

// eraseWords destroys all words of a complaint and reports whether there were any.
func (d *Desk) eraseWords(tx store.Tx, f file) (any bool, err error) {
	if !f.Private.Erased() {
		p, err := d.unseal(f)
		if err != nil {
			return false, err
		}
		for _, b := range f.businesses() { // nor is the purchase found by them
			for _, k := range d.sameKeys(p, b) {
				if err := tx.Delete(sameBucket, k+"/"+f.ID); err != nil {
					return false, err
				}
			}
		}
		f.Private.Erase()
		if any, err = true, store.Save(tx, caseBucket, f.ID, f); err != nil {
			return any, err
		}
	}
	for _, b := range f.businesses() {
		events, err := matter{f, b}.load(tx)
		if err != nil {
			return any, err
		}
		for _, e := range events {
			erased, err := e.eraseWords(tx)
			if err != nil {
				return any, err
			}
			any = any || erased
		}
	}
	return any, nil
}

// eraseWords destroys what was written beside the event or answered by it.
func (e Event) eraseWords(tx store.Tx) (any bool, err error) {
	if e.Words != "" {
		w, err := store.Load[seal.Sealed](tx, wordsBucket, e.Words)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
		if any = !w.Erased(); any {
			w.Erase()
			if err := store.Save(tx, wordsBucket, e.Words, w); err != nil {
				return any, err
			}
		}
	}
	if e.Statement == "" {
		return any, nil
	}
	s, err := store.Load[statement](tx, statementBucket, e.Statement)
	if err != nil || s.Text.Erased() && s.Raw.Erased() {
		return any, err
	}
	s.Text.Erase()
	s.Raw.Erase()
	return true, store.Save(tx, statementBucket, e.Statement, s)
}

// removedFor returns the reason for which the complaint's words were removed;
// "" if they were not.
func removedFor(tx store.Tx, id string) (string, error) {
	s, err := store.Load[Tombstone](tx, removedBucket, id)
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return s.Reason, err
}

// Removed returns why texts were removed by then, by the complaint's id.
func Removed(tx store.Tx, at time.Time) (map[string]string, error) {
	reasons := map[string]string{}
	err := store.Each(tx, removedBucket, "", "", func(id string, s Tombstone) error {
		if !s.At.After(at) {
			reasons[id] = s.Reason
		}
		return nil
	})
	return reasons, err
}

// leaf is what the public log says of it: that a text was removed, and why.
func (s Tombstone) leaf(f file) (ledger.Event, error) {
	hash, err := commitment(struct {
		Complaint string    `json:"complaint"`
		Removed   Tombstone `json:"removed"`
	}{f.ID, s})
	return ledger.Event{Kind: "complaint.text_removed." + s.Reason, Subject: f.ID, At: s.At, Hash: hash}, err
}

package complaints

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// removedBucket keeps whose text was removed by law: complaint -> Tombstone.
const removedBucket = "complaints_removed"

// Tombstone stands where the text of a complaint stood that was removed by
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

// RemoveText destroys what the consumer wrote and showed, and how to reach him, for an
// officer, and puts up a tombstone with the reason, which the open data shows.
// actor is what ca.Authority.Operator returned. Doing it again changes nothing.
func (d *Desk) RemoveText(ctx context.Context, actor, id, reason string) (Tombstone, error) {
	if actor == "" {
		return Tombstone{}, errors.New("complaints: text removed by nobody")
	}
	if !slices.Contains(RemovalReasons(), reason) {
		return Tombstone{}, fault.New(fault.Invalid, "complaint_removal_reason", "a text is removed for one of these reasons: court_order, consumer_erasure, personal_data_of_others, unlawful_content; name one")
	}
	sign := Tombstone{At: d.now(), Reason: reason, Actor: actor, Salt: newSalt()}
	blank, err := json.Marshal(private{})
	if err != nil {
		return sign, err
	}
	empty, err := d.Seal.Seal(caseBucket, id, "private", blank)
	if err != nil {
		return sign, err
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		f, err := loadFile(tx, id)
		if err != nil {
			return err
		}
		had, err := store.Load[Tombstone](tx, removedBucket, id)
		if !errors.Is(err, store.ErrNotFound) {
			sign = had
			return err
		}
		leaf, err := sign.leaf(f)
		if err != nil {
			return err
		}
		f.Private = empty
		if err := store.Save(tx, caseBucket, id, f); err != nil {
			return err
		}
		if err := erasePictures(tx, id); err != nil {
			return err
		}
		if err := store.Save(tx, removedBucket, id, sign); err != nil {
			return err
		}
		return ledger.Append(tx, leaf)
	})
	return sign, err
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

package held

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"mohr/ca"
	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Buckets of this room.
const (
	keyBucket       = "held_keys"       // id -> Key
	holderBucket    = "held_holders"    // holder/id -> id
	signatureBucket = "held_signatures" // key/time/id -> Signature
	statedBucket    = "held_stated"     // key/hash of a statement -> when it was signed
)

// State is what becomes of a key.
type State string

// The states. Nothing leads back to Live.
const (
	Live      State = "live"
	Revoked   State = "revoked"   // signs no more, and its certificates have ended
	Destroyed State = "destroyed" // nobody can ever open it again
)

// Key is the record of a key that is held here.
type Key struct {
	ID       string        `json:"id"` // hex SHA-256 of the SubjectPublicKeyInfo
	Holder   ca.HolderID   `json:"holder"`
	Business ca.BusinessID `json:"business,omitempty"` // for whom the holder acts with it
	Passkey  string        `json:"passkey"`            // id of the one that authorises its use, base64url
	Public   []byte        `json:"public"`             // SubjectPublicKeyInfo, DER
	Private  seal.Sealed   `json:"private"`            // the envelope; erased when it is destroyed
	Salt     []byte        `json:"salt,omitempty"`     // for the passkey's secret; none: the authenticator has none
	State    State         `json:"state"`
	Made     time.Time     `json:"made"`
	Ended    time.Time     `json:"ended,omitzero"`
	Signed   int           `json:"signed"` // hashes, in all
	Hour     window        `json:"hour"`
	Day      window        `json:"day"`
}

// Bound reports whether the key opens only with the passkey's secret.
func (k Key) Bound() bool { return k.Salt != nil }

// window counts what was signed since it began.
type window struct {
	Began time.Time `json:"began"`
	Count int       `json:"count"`
}

// take counts n more at now; Limited if that is more than most within long.
func (w *window) take(n, most int, long time.Duration, now time.Time) error {
	if now.Sub(w.Began) >= long {
		*w = window{Began: now}
	}
	if w.Count+n > most {
		return fault.New(fault.Limited, "held_too_many", "with one key at most %[1]d signatures are made in %[2]d hours; wait, or sign with another key", most, int(long/time.Hour))
	}
	w.Count += n
	return nil
}

// Signature is the record of one use: written before the key is opened. It
// holds all that shows the holder's will to anyone.
type Signature struct {
	ID      string        `json:"id"` // hex SHA-256 of the challenge
	Key     string        `json:"key"`
	Purpose Purpose       `json:"purpose"`
	For     string        `json:"for,omitempty"` // id of the software that asked
	Hashes  []string      `json:"hashes"`        // hex SHA-256 of what was signed
	Nonce   string        `json:"nonce"`
	At      time.Time     `json:"at"`
	Passkey string        `json:"passkey"`
	Answer  signin.Answer `json:"answer"`
}

// leaf stands for the use in the public log: the record has a nonce in it, so
// that its hash tells nothing.
func (s Signature) leaf() (ledger.Event, error) {
	b, err := json.Marshal(s)
	return ledger.Event{Kind: "held.signed", At: s.At, Hash: sum(b)}, err
}

func (s Signature) place() string { return s.Key + "/" + s.At.Format(time.RFC3339) + "/" + s.ID }

// leaf stands for what becomes of a key in the public log. Its public half
// comes to be known; whose it is and that it is held here does not.
func (k Key) leaf(kind string, at time.Time) ledger.Event {
	return ledger.Event{Kind: kind, At: at, Hash: sum([]byte("mohr held key\x00" + k.ID + "\x00" + k.Passkey))}
}

// sum is the hex SHA-256 of b.
func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func save(tx store.Tx, k Key) error {
	return errors.Join(store.Save(tx, keyBucket, k.ID, k), store.Save(tx, holderBucket, string(k.Holder)+"/"+k.ID, k.ID))
}

// load returns a key of who; NotFound for one that is not theirs, as for one
// that is not there.
func load(tx store.Tx, who signin.Who, id string) (Key, error) {
	k, err := store.Load[Key](tx, keyBucket, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && (who.Holder == "" || k.Holder != who.Holder || k.Business != who.Business) {
		return Key{}, fault.New(fault.NotFound, "held_unknown", "you have no such key here; look at the list of yours")
	}
	return k, err
}

// Key returns a key of who is signed in.
func (d *Desk) Key(ctx context.Context, who signin.Who, id string) (k Key, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		k, err = load(tx, who, id)
		return err
	})
	return k, err
}

// Keys returns those of who is signed in, the newest first.
func (d *Desk) Keys(ctx context.Context, who signin.Who) (list []Key, err error) {
	if who.Holder == "" {
		return nil, nil
	}
	err = d.Store.View(ctx, func(tx store.Tx) error {
		list, err = keysOf(tx, who.Holder, who.Business)
		return err
	})
	return list, err
}

func keysOf(tx store.Tx, h ca.HolderID, b ca.BusinessID) (list []Key, err error) {
	err = store.Each(tx, holderBucket, string(h)+"/", "", func(_, id string) error {
		k, err := store.Load[Key](tx, keyBucket, id)
		if err == nil && k.Business == b {
			list = append(list, k)
		}
		return err
	})
	slices.SortStableFunc(list, func(a, b Key) int { return b.Made.Compare(a.Made) })
	return list, err
}

// Signatures returns the uses of a key of who, oldest first.
func (d *Desk) Signatures(ctx context.Context, who signin.Who, id string) (list []Signature, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		list = nil
		if _, err := load(tx, who, id); err != nil {
			return err
		}
		return store.Each(tx, signatureBucket, id+"/", "", func(_ string, s Signature) error {
			list = append(list, s)
			return nil
		})
	})
	return list, err
}

package csc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Buckets of this room. What opens something is kept as its SHA-256 only.
const (
	requestBucket = "csc_requests" // hash of the page's id -> waiting
	grantBucket   = "csc_grants"   // hash of the code -> grant
	tokenBucket   = "csc_tokens"   // hash of the token -> hash of the code
	holderBucket  = "csc_holders"  // holder/hash of the code -> hash of the code
)

// waiting is a request that its holder has not answered yet.
type waiting struct {
	Until time.Time   `json:"until"`
	Body  seal.Sealed `json:"body"` // a request: what is to be signed is nobody's business
}

// grant is what a holder granted a client: the code stands for it, then the token.
type grant struct {
	Client      string        `json:"client"`
	Redirect    string        `json:"redirect"`
	Challenge   string        `json:"challenge"`
	Scope       Scope         `json:"scope"`
	Holder      ca.HolderID   `json:"holder"`
	Business    ca.BusinessID `json:"business,omitempty"`
	Credential  string        `json:"credential,omitempty"`
	Certificate string        `json:"certificate,omitempty"` // SHA-256 of the one that the holder was shown, hex
	Hashes      []string      `json:"hashes,omitempty"`      // hex, in the order of the signatures
	Signatures  seal.Sealed   `json:"signatures,omitzero"`   // JSON; erased when they are given
	Token       string        `json:"token,omitempty"`       // hash of the one for which the code was given
	Spent       bool          `json:"spent,omitempty"`       // the signatures were given
	Until       time.Time     `json:"until"`                 // of the code; then of the token
}

// sum is the hex SHA-256 of s.
func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// keep saves a request under the id of its page.
func (d *Desk) keep(ctx context.Context, id string, r request) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	w := waiting{Until: d.now().Add(requestLife)}
	if w.Body, err = d.Seal.Seal(requestBucket, sum(id), "body", b); err != nil {
		return err
	}
	return d.Store.Update(ctx, func(tx store.Tx) error { return store.Save(tx, requestBucket, sum(id), w) })
}

// waits loads what waits at a page; NotFound if it was answered or is over.
func (d *Desk) waits(ctx context.Context, id string) (r request, err error) {
	var w waiting
	err = d.Store.View(ctx, func(tx store.Tx) error {
		w, err = store.Load[waiting](tx, requestBucket, sum(id))
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && d.now().After(w.Until) {
		return r, errOver()
	}
	if err != nil {
		return r, err
	}
	b, err := d.Seal.Open(requestBucket, sum(id), "body", w.Body)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("request %s: %w", sum(id), err)
	}
	return r, nil
}

func errOver() error {
	return fault.New(fault.NotFound, "csc_request_over", "this request was answered already, or is over; begin again in the software that sent you here")
}

// answered takes the request away; Conflict for the second of two.
func answered(tx store.Tx, id string) error {
	switch has, err := store.Has(tx, requestBucket, sum(id)); {
	case err != nil:
		return err
	case !has:
		return errOver()
	}
	return tx.Delete(requestBucket, sum(id))
}

func saveGrant(tx store.Tx, code string, g grant) error {
	return errors.Join(store.Save(tx, grantBucket, code, g), store.Save(tx, holderBucket, string(g.Holder)+"/"+code, code))
}

// dropGrant ends a grant, its token with it.
func dropGrant(tx store.Tx, code string, g grant) error {
	err := errors.Join(tx.Delete(grantBucket, code), tx.Delete(holderBucket, string(g.Holder)+"/"+code))
	if g.Token != "" {
		err = errors.Join(err, tx.Delete(tokenBucket, g.Token))
	}
	return err
}

// End ends all that a person granted, inside tx: who signs out everywhere, or
// is forgotten, leaves nothing behind that opens something.
func End(tx store.Tx, h ca.HolderID) error {
	var codes []string
	err := store.Each(tx, holderBucket, string(h)+"/", "", func(_, code string) error {
		codes = append(codes, code)
		return nil
	})
	for _, code := range codes {
		if err != nil {
			break
		}
		var g grant
		if g, err = store.Load[grant](tx, grantBucket, code); err == nil {
			err = dropGrant(tx, code, g)
		}
	}
	return err
}

// pruneBatch is how many records one transaction deletes.
const pruneBatch = 200

// Prune is a job: it deletes what is over at now, in batches, whether keys are
// still held here or not any more. It is safe to repeat.
func Prune(ctx context.Context, s store.Store, now time.Time) (total int, err error) {
	for {
		requests, codes, err := over(ctx, s, now)
		if err != nil {
			return total, err
		}
		err = s.Update(ctx, func(tx store.Tx) error {
			for _, key := range requests {
				if err := tx.Delete(requestBucket, key); err != nil {
					return err
				}
			}
			for _, code := range codes {
				g, err := store.Load[grant](tx, grantBucket, code)
				if err == nil && now.After(g.Until) { // a code may have become a token since
					err = dropGrant(tx, code, g)
				}
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
			}
			return nil
		})
		total += len(requests) + len(codes)
		if err != nil || len(requests) < pruneBatch && len(codes) < pruneBatch {
			return total, err
		}
	}
}

// over lists what is over, a batch of each kind.
func over(ctx context.Context, s store.Store, now time.Time) (requests, codes []string, err error) {
	err = s.View(ctx, func(tx store.Tx) error {
		requests, codes = nil, nil
		return errors.Join(
			store.Each(tx, requestBucket, "", "", func(key string, w waiting) error { return collect(&requests, key, now.After(w.Until)) }),
			store.Each(tx, grantBucket, "", "", func(key string, g grant) error { return collect(&codes, key, now.After(g.Until)) }),
		)
	})
	return requests, codes, err
}

// collect adds key to a batch if it is over, and stops when that is full.
func collect(batch *[]string, key string, over bool) error {
	if over {
		*batch = append(*batch, key)
	}
	if len(*batch) == pruneBatch {
		return store.Stop
	}
	return nil
}

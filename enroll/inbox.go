package enroll

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/gateway"
	"mohr/internal/store"
	"mohr/internal/web"
)

// received is a vendor's call in the inbox.
type received struct {
	At time.Time `json:"at"`
}

// keepCalls is how long the ids of calls are kept: longer than a call is of
// its time, so that none is taken twice.
const keepCalls = time.Hour

// Receive takes a vendor's call. All it does is to wake the application that
// waits for the session it names, in the transaction that notes its id: what
// it says decides nothing, and what the session came to is fetched. The same
// call again, and one about a session that nobody waits for, changes nothing.
// What is not the vendor's is gateway.Refused, and so is a vendor we do not have.
func (d *Desk) Receive(ctx context.Context, vendor string, c gateway.Call) error {
	v := d.vendorNamed(vendor)
	if v == nil {
		return gateway.Refused()
	}
	ref, err := v.Receive(c)
	if err != nil {
		d.Log.Warn("webhook refused", "error", err)
		return err
	}
	now, key := d.now(), visitKey(v.Name(), c.ID)
	return d.Store.Update(ctx, func(tx store.Tx) error {
		if again, err := store.Has(tx, inboxBucket, key); err != nil || again {
			return err
		}
		if err := store.Save(tx, inboxBucket, key, received{At: now}); err != nil || ref == "" {
			return err
		}
		id, err := store.Load[string](tx, visitBucket, visitKey(v.Name(), ref))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return store.Save(tx, workBucket, string(workVisit)+"/"+id, work{Since: now})
	})
}

// pruneInbox forgets calls that could not be made again.
func (d *Desk) pruneInbox(ctx context.Context) error {
	now := d.now()
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		var old []string
		err := store.Each(tx, inboxBucket, "", "", func(key string, r received) error {
			if now.Sub(r.At) > keepCalls {
				old = append(old, key)
			}
			if len(old) == resumeBatch {
				return store.Stop
			}
			return nil
		})
		for _, key := range old {
			err = errors.Join(err, tx.Delete(inboxBucket, key))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("prune calls of vendors: %w", err)
	}
	return nil
}

type webhookIn struct {
	Vendor    string `path:"vendor" maxLength:"64" doc:"the connector's name, without its version"`
	ID        string `header:"webhook-id"`
	Timestamp string `header:"webhook-timestamp"`
	Signature string `header:"webhook-signature"`
	RawBody   []byte
}

// Calls of vendors from one network, a second and at once.
const (
	callRate  = 20
	callBurst = 100
)

// routesVisits hangs what has to do with vendors.
func (d *Desk) routesVisits(s *web.Server, op func(method, path, id, summary string) web.Operation) {
	web.Handle(s, op(http.MethodPost, "/applications/{id}/evidence/document_video", "begin-video", "Have a vendor film document and face: the state has the link to go to"),
		func(ctx context.Context, in *ByID) (*stateOut, error) {
			return d.answer(ctx, func(token string) (Application, error) {
				return d.BeginVisit(ctx, in.ID, token, evidence.DocumentVideo)
			})
		})
	gate := web.NewGate(callRate, callBurst)
	call := op(http.MethodPost, "/webhooks/{vendor}", "take-webhook", "A vendor says that there is something to fetch (Standard Webhooks)")
	call.Bearer, call.Status, call.Repeatable = false, http.StatusNoContent, true
	call.MaxBody, call.Accepts, call.Before = gateway.MaxCall, []string{"application/json"}, gate.Pass
	web.Handle(s, call, func(ctx context.Context, in *webhookIn) (*struct{}, error) {
		return nil, d.Receive(ctx, in.Vendor, gateway.Call{ID: in.ID, Timestamp: in.Timestamp, Signature: in.Signature, Body: in.RawBody})
	})
}

package acme

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// renewalInfoPath is below prefix; the directory names it (RFC 9773 section 4.1).
const renewalInfoPath = "/" + Profile + "/renewal-info"

// getRenewalInfo answers when a certificate of an order should be renewed (RFC
// 9773 section 4.2). Anybody may ask.
func (d *Desk) getRenewalInfo(w http.ResponseWriter, r *http.Request) {
	c, err := d.CA.ByCertID(r.Context(), chi.URLParam(r, "certid"))
	if err == nil {
		if _, ours := orderOfRequest(c.Request); !ours {
			err = errNoCertificate()
		}
	}
	if err != nil {
		visitOf(r.Context()).err = err
		return
	}
	i := ca.RenewalInfoOf(c, 0)
	type window struct {
		Start time.Time `json:"start"`
		End   time.Time `json:"end"`
	}
	body, err := json.Marshal(struct {
		Window window `json:"suggestedWindow"`
	}{window{i.Start, i.End}})
	if err != nil {
		visitOf(r.Context()).err = err
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Retry-After", strconv.Itoa(int(i.Again.Seconds())))
	w.Write(body)
}

// replaced is a certificate that an order says it replaces.
type replaced struct {
	Serial string `json:"serial"`
	CertID string `json:"certid"`
}

// replaces reads what a new order says it replaces; nil if nothing. A
// certificate that is not of the same account, or that shares no name with the
// order, is refused (RFC 9773 section 5).
func (d *Desk) replaces(ctx context.Context, payload []byte, account string, names []string) (*replaced, error) {
	var wish struct {
		Replaces *string `json:"replaces"`
	}
	if err := json.Unmarshal(payload, &wish); err != nil {
		return nil, err
	}
	if wish.Replaces == nil {
		return nil, nil
	}
	c, err := d.CA.ByCertID(ctx, *wish.Replaces)
	if err != nil {
		return nil, err
	}
	order, ours := orderOfRequest(c.Request)
	leaf, errLeaf := database{d}.certificate(c)
	if !ours || errLeaf != nil || accountOf(order) != account || !slices.ContainsFunc(names, func(n string) bool { return slices.Contains(leaf.Leaf.DNSNames, n) }) {
		return nil, fault.New(fault.Denied, "acme_replaces_other", "an order replaces a certificate of its own account that has one of its names; leave replaces out")
	}
	return &replaced{Serial: c.Serial, CertID: *wish.Replaces}, nil
}

// claim marks the certificate as replaced by o, unless another order that
// still counts has done so: Conflict (alreadyReplaced).
func (d *Desk) claim(tx store.Tx, o order, now time.Time) error {
	if o.Replaces == nil {
		return nil
	}
	before, err := store.Load[string](tx, replacedBucket, o.Replaces.Serial)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err == nil && before != o.ID {
		counts, err := ca.Requested(tx, requestOf(before))
		if err != nil {
			return err
		}
		had, err := loadOrder(tx, before)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return err
		}
		if counts || err == nil && !now.After(had.ExpiresAt) {
			return fault.New(fault.Conflict, "acme_already_replaced", "another order replaces this certificate already; go on with that one, or leave replaces out")
		}
	}
	return store.Save(tx, replacedBucket, o.Replaces.Serial, o.ID)
}

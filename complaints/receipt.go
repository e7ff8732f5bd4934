package complaints

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mohr/ca"
	"mohr/ca/receipt"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// The kinds of receipts.
const (
	receiptFiled    = "complaint-filed"    // to the consumer, with the deadline where it was served at once
	receiptServed   = "complaint-served"   // to the consumer, once an officer or the time let it through
	receiptAnswered = "complaint-answered" // to the business
	receiptAppealed = "complaint-appealed" // to the business
)

// receiptClaims is what a receipt says: how the complaint stood at one of its
// events, whatever happened since.
type receiptClaims struct {
	Complaint string        `json:"complaint"`
	Business  ca.BusinessID `json:"business"`
	Category  Category      `json:"category"`
	Event     Kind          `json:"event"`
	At        time.Time     `json:"at"`
	State     State         `json:"state"`
	Filed     time.Time     `json:"filed"`
	Served    time.Time     `json:"served,omitzero"`
	Policy    string        `json:"policy"`
	Window    Window        `json:"window"`
	Deadline  time.Time     `json:"deadline,omitzero"`   // end of the last window
	Missed    int           `json:"missed,omitempty"`    // windows
	Statement string        `json:"statement,omitempty"` // answers: hex SHA-256 of the signed bytes
	Leaf      string        `json:"leaf"`                // of the event, in the ledger
}

// receipt returns the receipt of the last of the events, signing it if there
// is none yet. Two callers at once may both sign; the first to store counts.
func (d *Desk) receipt(ctx context.Context, m matter, events []Event) (raw []byte, err error) {
	claims, kind, err := m.receiptClaims(events)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%s/%04d", m.key(), events[len(events)-1].Seq)
	err = d.Store.View(ctx, func(tx store.Tx) error {
		raw, err = store.Load[[]byte](tx, receiptBucket, key)
		return err
	})
	if !errors.Is(err, store.ErrNotFound) {
		return raw, err
	}
	signed, err := d.Receipts.Issue(ctx, kind, claims)
	if err != nil {
		return nil, fmt.Errorf("receipt of complaint %s: %w", m.ID, err)
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		raw, err = store.Load[[]byte](tx, receiptBucket, key)
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		raw = signed
		return store.Save(tx, receiptBucket, key, signed)
	})
	return raw, err
}

// receiptClaims states what held at the last of the events.
func (m matter) receiptClaims(events []Event) (c receiptClaims, kind string, err error) {
	if len(events) == 0 {
		return c, "", errNoEvents
	}
	last := events[len(events)-1]
	leaf, err := m.leaf(last)
	if err != nil {
		return c, "", err
	}
	s := Derive(events, last.At)
	c = receiptClaims{
		Complaint: m.ID, Business: m.Business, Category: m.Category, Event: last.Kind, At: last.At, State: s.State, Filed: s.Filed,
		Served: s.Served, Policy: s.Policy, Window: s.Window, Deadline: s.Deadline(), Missed: s.Missed, Statement: last.Statement,
	}
	if c.Leaf, err = leaf.ID(); err != nil {
		return c, "", err
	}
	switch {
	case last.Actor == "business" && last.Kind == KindAppealed:
		kind = receiptAppealed
	case last.Actor == "business":
		kind = receiptAnswered
	case last.Kind == KindServed && len(events) > 2:
		kind = receiptServed
	default:
		kind = receiptFiled
	}
	return c, kind, nil
}

// Receipt returns the consumer's signed receipt for the complaint at the
// business, as a compact JWS: of the serving, or of the filing while an
// officer looks at it first.
func (d *Desk) Receipt(ctx context.Context, id, token string, b ca.BusinessID) ([]byte, error) {
	m, events, err := d.consumers(ctx, id, token, b)
	if err != nil {
		return nil, err
	}
	return d.receipt(ctx, m, receiptEvents(events))
}

// receiptEvents returns the events up to the one that the consumer has a
// receipt of.
func receiptEvents(events []Event) []Event {
	i := slices.IndexFunc(events, func(e Event) bool { return e.Kind == KindServed })
	if i < 0 {
		i = slices.IndexFunc(events, func(e Event) bool { return e.Kind == KindFlagged })
	}
	return events[:i+1]
}

// ReceiptFile is Receipt as a receipt.json, with the proof that its event is
// in the log, which is not there in the first second.
func (d *Desk) ReceiptFile(ctx context.Context, id, token string, b ca.BusinessID) (receipt.File, error) {
	m, events, err := d.consumers(ctx, id, token, b)
	if err != nil {
		return receipt.File{}, err
	}
	return d.receiptFile(ctx, m, receiptEvents(events))
}

func (d *Desk) receiptFile(ctx context.Context, m matter, events []Event) (f receipt.File, err error) {
	raw, err := d.receipt(ctx, m, events)
	if err != nil {
		return f, err
	}
	f.Receipt = string(raw)
	if d.Proofs == nil {
		return f, nil
	}
	c, _, err := m.receiptClaims(events)
	if err != nil {
		return f, err
	}
	p, err := d.Proofs.Prove(ctx, c.Leaf)
	switch {
	case err == nil:
		f.Inclusion = &p
	case !errors.Is(err, fault.NotFound) && !errors.Is(err, fault.Unavailable):
		return f, err
	}
	return f, nil
}

// AnswerReceipt returns the receipt of the answer with the hash of what the
// business signed, or gave with a code; NotFound if it never came. The hash is
// known to nobody else.
func (d *Desk) AnswerReceipt(ctx context.Context, sum string) (f receipt.File, err error) {
	var m matter
	var events []Event
	err = d.Store.View(ctx, func(tx store.Tx) error {
		s, err := store.Load[statement](tx, statementBucket, sum)
		if errors.Is(err, store.ErrNotFound) {
			return fault.New(fault.NotFound, "complaint_answer_unknown", "no answer with this hash was taken here; hash the signed bytes as they were sent")
		}
		if err != nil {
			return err
		}
		m, events, err = loadMatter(tx, s.Accepted.Complaint, s.Business)
		return err
	})
	if err != nil {
		return f, err
	}
	i := slices.IndexFunc(events, func(e Event) bool { return e.Statement == sum })
	return d.receiptFile(ctx, m, events[:i+1])
}

// Proofs proves that a leaf is in the log; ledger.Log is the one in use.
type Proofs interface {
	Prove(ctx context.Context, leaf string) (ledger.Proof, error)
}

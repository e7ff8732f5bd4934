package complaints

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Buckets of live complaints; those of rows are in register.go.
const (
	caseBucket      = "complaints_cases"      // complaint -> file
	eventBucket     = "complaints_events"     // complaint/business/seq -> Event
	statementBucket = "complaints_statements" // hex SHA-256 of the signed bytes -> statement
	receiptBucket   = "complaints_receipts"   // complaint -> receipt as signed
	outboxBucket    = "complaints_outbox"     // complaint -> business to be told
)

// maxRepeats bounds what a side could say for ever: holding answers, and that
// an answer was none. Each kind has a bound of its own, so that neither side
// fills the file to keep the other from answering, disputing or withdrawing.
const maxRepeats = 10

// file is the record of a complaint. What the consumer wrote is sealed.
type file struct {
	ID       string        `json:"id"`
	Business ca.BusinessID `json:"business"`
	Category Category      `json:"category"`
	Token    []byte        `json:"token"`   // SHA-256 of the consumer's token
	Content  []byte        `json:"content"` // MAC of what was filed: tells a repetition from another filing
	Private  seal.Sealed   `json:"private"` // private, as JSON
}

// private is what only the two sides may see; contact not even the business.
type private struct {
	Purchase Purchase `json:"purchase"`
	Text     string   `json:"text"`
	Contact  Contact  `json:"contact"`
}

// commitment binds the filed event to what was written, and tells nothing of it.
func (p private) commitment(salt []byte) (string, error) {
	return commitment(struct {
		Salt    []byte  `json:"salt"`
		Content private `json:"content"`
	}{salt, p})
}

// statement is a signed answer, and what it did.
type statement struct {
	Accepted Accepted    `json:"accepted"`
	Signer   string      `json:"signer"` // serial of the certificate
	Raw      seal.Sealed `json:"raw"`    // signed bytes as received: the signer's name is in them
	Text     seal.Sealed `json:"text"`   // for the consumer
}

func errUnknown() error {
	return fault.New(fault.NotFound, "complaint_unknown", "there is no complaint with this number here; check the number")
}

// loadFile reads the record; NotFound if there is none.
func loadFile(tx store.Tx, id string) (file, error) {
	if id == "" {
		return file{}, errUnknown()
	}
	f, err := store.Load[file](tx, caseBucket, id)
	if errors.Is(err, store.ErrNotFound) {
		return f, errUnknown()
	}
	return f, err
}

// loadEvents reads the complaint's events in order.
func loadEvents(tx store.Tx, f file) ([]Event, error) {
	var events []Event
	err := store.Each(tx, eventBucket, f.eventPrefix(), "", func(_ string, e Event) error {
		events = append(events, e)
		return nil
	})
	return events, err
}

func (f file) eventPrefix() string { return f.ID + "/" + businessKey(string(f.Business)) + "/" }

// add appends e to the complaint's events, with its leaf in the ledger, and
// brings the row for counting up to date. It returns all events and e's leaf.
func (f file) add(tx store.Tx, events []Event, e Event) ([]Event, ledger.Event, error) {
	if (e.Kind == KindHolding || e.Kind == KindDisputed) && count(events, e.Kind) >= maxRepeats {
		return nil, ledger.Event{}, fault.New(fault.Conflict, "complaint_full", "this was said %[1]d times of this complaint, which is as often as it can be; write to the desk", maxRepeats)
	}
	e.Seq, e.At = len(events)+1, notBefore(events, e.At)
	leaf, err := f.leaf(e)
	if err != nil {
		return nil, leaf, err
	}
	if err := store.Save(tx, eventBucket, fmt.Sprintf("%s%04d", f.eventPrefix(), e.Seq), e); err != nil {
		return nil, leaf, err
	}
	if err := ledger.Append(tx, leaf); err != nil {
		return nil, leaf, err
	}
	events = append(events, e)
	row, served := rowOf(events)
	if !served {
		return events, leaf, nil
	}
	row.Category = string(f.Category)
	return events, leaf, putLive(tx, rowKey(string(f.Business), f.ID), row)
}

// count returns how many of the events are of the kind.
func count(events []Event, k Kind) (n int) {
	for _, e := range events {
		if e.Kind == k {
			n++
		}
	}
	return n
}

// notBefore returns at, or the time of the last event if that is later:
// another node's clock is ahead, or ours was set back. Time does not run back
// in a file, and nothing is judged as if what it holds had not happened yet.
func notBefore(events []Event, at time.Time) time.Time {
	if n := len(events); n > 0 && at.Before(events[n-1].At) {
		return events[n-1].At
	}
	return at
}

// leaf is what the public log says of e: that something of this kind happened
// to this complaint. Business and content are in it as a salted commitment,
// the SHA-256 of canonical JSON (RFC 8785).
func (f file) leaf(e Event) (ledger.Event, error) {
	hash, err := commitment(struct {
		Complaint string        `json:"complaint"`
		Business  ca.BusinessID `json:"business"`
		Event     Event         `json:"event"`
	}{f.ID, f.Business, e})
	return ledger.Event{Kind: "complaint." + string(e.Kind), Subject: f.ID, At: e.At, Hash: hash}, err
}

func commitment(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("commit to event: %w", err)
	}
	canonical := jsontext.Value(b)
	if err := canonical.Canonicalize(); err != nil {
		return "", fmt.Errorf("commit to event: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

// notice waits until the business was told.
type notice struct {
	Business ca.BusinessID `json:"business"`
	Deadline time.Time     `json:"deadline"`
}

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
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Buckets of live complaints; those of rows are in register.go.
const (
	caseBucket      = "complaints_cases"      // complaint -> file
	eventBucket     = "complaints_events"     // complaint/business/seq -> Event
	wordsBucket     = "complaints_words"      // commitment of an event -> what was written, sealed
	statementBucket = "complaints_statements" // hex SHA-256 of the signed bytes -> statement
	receiptBucket   = "complaints_receipts"   // complaint -> receipt as signed
	outboxBucket    = "complaints_outbox"     // complaint/business -> business to be told
)

// file is the record of a complaint. What the consumer wrote is sealed.
type file struct {
	ID       string          `json:"id"`
	Business ca.BusinessID   `json:"business"`
	Also     []ca.BusinessID `json:"also,omitempty"` // the others it is against, each with a clock of its own
	Category Category        `json:"category"`
	Token    []byte          `json:"token"`          // SHA-256 of the consumer's token
	Content  []byte          `json:"content"`        // MAC of what was filed: tells a repetition from another filing
	Private  seal.Sealed     `json:"private"`        // private, as JSON; erased where the law had it removed
	Lang     string          `json:"lang,omitempty"` // of the consumer, for messages
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
	Accepted Accepted      `json:"accepted"`
	Business ca.BusinessID `json:"business"` // that answered
	Signer   string        `json:"signer"`   // serial of the certificate; "" for one given with a code
	Raw      seal.Sealed   `json:"raw"`      // signed bytes as received: the signer's name is in them
	Text     seal.Sealed   `json:"text"`     // for the consumer
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

// notBefore returns at, or the time of the last event if that is later:
// another node's clock is ahead, or ours was set back. Time does not run back
// in a file, and nothing is judged as if what it holds had not happened yet.
func notBefore(events []Event, at time.Time) time.Time {
	if n := len(events); n > 0 && at.Before(events[n-1].At) {
		return events[n-1].At
	}
	return at
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

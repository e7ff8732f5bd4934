package complaints

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Ticket is what the consumer gets for a complaint.
type Ticket struct {
	ID        string        `json:"id"`
	Token     string        `json:"token" doc:"opens the complaint; shown here only"`
	Business  ca.BusinessID `json:"business"`
	Policy    string        `json:"policy"`
	Window    Window        `json:"window"`
	Served    time.Time     `json:"served" doc:"the clock runs from here"`
	Deadlines []time.Time   `json:"deadlines" doc:"the end of each window"`
	Receipt   string        `json:"receipt,omitempty" doc:"signed (JWS); also at /complaints/{id}/receipt"`
}

// NewKey returns a fresh key for a Filing.
func NewKey() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

// names returns the id and the token of the complaint filed with key: the same
// each time, so that sending a filing twice gives the same answer.
func (d *Desk) names(key string) (id, token string) {
	mac := func(what string) []byte {
		h := hmac.New(sha256.New, d.tokens)
		h.Write([]byte(what + "\x00" + key))
		return h.Sum(nil)
	}
	return "c-" + hex.EncodeToString(mac("id")[:16]), base64.RawURLEncoding.EncodeToString(mac("token"))
}

// File takes a complaint and serves it to the business at once: its clock
// runs from now. The same filing with the same key again gives the same
// ticket; another one with that key is a Conflict. Beyond the limits of its
// contact it is Limited, against a business nobody knows NotFound, and
// Unavailable while the register that would know does not answer.
func (d *Desk) File(ctx context.Context, in Filing) (Ticket, error) {
	now := d.now()
	p, err := in.check(now)
	if err != nil {
		return Ticket{}, err
	}
	id, token := d.names(in.Key)
	f, err := d.seal(id, token, in, p)
	if err != nil {
		return Ticket{}, err
	}
	q := d.quota(in.Business, p.Contact, now)
	if err := d.admit(ctx, f, q); err != nil {
		return Ticket{}, err
	}
	opening, err := d.opening(p, now)
	if err != nil {
		return Ticket{}, err
	}
	var events []Event
	err = d.Store.Update(ctx, func(tx store.Tx) (err error) {
		events, err = d.open(tx, f, q, opening)
		return err
	})
	if err != nil {
		return Ticket{}, err
	}
	s := Derive(events, events[len(events)-1].At)
	ticket := Ticket{ID: id, Token: token, Business: f.Business, Policy: s.Policy, Window: s.Window, Served: s.Served, Deadlines: s.Deadlines}
	d.tell(ctx, id)
	// The complaint stands whether or not its receipt can be signed now.
	if receipt, err := d.receipt(ctx, f, events); err != nil {
		d.Log.Error("sign complaint receipt", "complaint", id, "error", err)
	} else {
		ticket.Receipt = string(receipt)
	}
	return ticket, nil
}

// opening returns the first events of a complaint: filed, and served at once.
func (d *Desk) opening(p private, now time.Time) ([]Event, error) {
	policy, salt := d.Policies.At(now), newSalt()
	content, err := p.commitment(salt)
	return []Event{
		{Kind: KindFiled, At: now, Actor: "consumer", Policy: policy.Version, Window: policy.Window, Content: content, Salt: salt},
		{Kind: KindServed, At: now, Actor: "service", Salt: newSalt()},
	}, err
}

// seal makes the record of a filing.
func (d *Desk) seal(id, token string, in Filing, p private) (file, error) {
	plain, err := json.Marshal(p)
	if err != nil {
		return file{}, fmt.Errorf("encode filing: %w", err)
	}
	sealed, err := d.Seal.Seal(caseBucket, id, "private", plain)
	if err != nil {
		return file{}, fmt.Errorf("seal filing: %w", err)
	}
	// A plain hash of what was filed would let a reader of the store try
	// mobiles until one fits.
	content := hmac.New(sha256.New, d.tokens)
	fmt.Fprintf(content, "content\x00%s\x00%s\x00%s\x00%s", id, in.Business, in.Category, plain)
	hash := sha256.Sum256([]byte(token))
	return file{ID: id, Business: ca.BusinessID(in.Business), Category: in.Category, Token: hash[:], Content: content.Sum(nil), Private: sealed}, nil
}

// open stores a new complaint with its first events. For one that is there
// already it returns its events, if the content is the same.
func (d *Desk) open(tx store.Tx, f file, q quota, opening []Event) (events []Event, err error) {
	switch had, err := loadFile(tx, f.ID); {
	case err == nil && hmac.Equal(had.Content, f.Content):
		events, err := loadEvents(tx, had)
		return events[:min(len(events), len(opening))], err
	case err == nil:
		return nil, fault.New(fault.Conflict, "complaint_key_reused", "another complaint was filed with this form; open a new form")
	case !errors.Is(err, fault.NotFound):
		return nil, err
	}
	// Counted where it is stored: of many at once none passes the limit.
	if err := q.use(tx); err != nil {
		return nil, err
	}
	if err := store.Save(tx, caseBucket, f.ID, f); err != nil {
		return nil, err
	}
	if err := enter(tx, string(f.Business)); err != nil {
		return nil, err
	}
	for _, e := range opening {
		if events, _, err = f.add(tx, events, e); err != nil {
			return nil, err
		}
	}
	if d.Notifier == nil {
		return events, nil
	}
	s := Derive(events, events[len(events)-1].At)
	return events, store.Save(tx, outboxBucket, f.ID, notice{Business: f.Business, Deadline: s.Deadline()})
}

// codeTokenWrong is the code of the fault for a wrong token.
const codeTokenWrong = "complaint_token_wrong"

// authorised opens the complaint for its consumer: NotFound for an unknown
// id, Denied for a wrong token.
func authorised(tx store.Tx, id, token string) (file, []Event, error) {
	f, err := loadFile(tx, id)
	if err != nil {
		return f, nil, err
	}
	if hash := sha256.Sum256([]byte(token)); subtle.ConstantTimeCompare(hash[:], f.Token) != 1 {
		return f, nil, fault.New(fault.Denied, codeTokenWrong, "this is not the code that was given for the complaint; look at your receipt")
	}
	events, err := loadEvents(tx, f)
	return f, events, err
}

// receiptKind is the kind of receipt a filing gets.
const receiptKind = "complaint-filed"

// receiptClaims is what a receipt says.
type receiptClaims struct {
	Complaint string        `json:"complaint"`
	Business  ca.BusinessID `json:"business"`
	Category  Category      `json:"category"`
	Filed     time.Time     `json:"filed"`
	Served    time.Time     `json:"served"`
	Policy    string        `json:"policy"`
	Window    Window        `json:"window"`
	Deadline  time.Time     `json:"deadline"` // end of the last window
	Leaf      string        `json:"leaf"`     // of the serving, in the ledger
}

// receipt returns the complaint's receipt, signing it if there is none yet.
// Two callers at once may both sign; the first to store counts.
func (d *Desk) receipt(ctx context.Context, f file, events []Event) (raw []byte, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		raw, err = store.Load[[]byte](tx, receiptBucket, f.ID)
		return err
	})
	if !errors.Is(err, store.ErrNotFound) {
		return raw, err
	}
	claims, err := f.receiptClaims(events)
	if err != nil {
		return nil, err
	}
	signed, err := d.Receipts.Issue(ctx, receiptKind, claims)
	if err != nil {
		return nil, fmt.Errorf("receipt of complaint %s: %w", f.ID, err)
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		raw, err = store.Load[[]byte](tx, receiptBucket, f.ID)
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		raw = signed
		return store.Save(tx, receiptBucket, f.ID, signed)
	})
	return raw, err
}

// receiptClaims states what held when the complaint was served, whatever
// happened since.
func (f file) receiptClaims(events []Event) (receiptClaims, error) {
	const opening = 2
	if len(events) < opening {
		return receiptClaims{}, fmt.Errorf("complaint %s was not served", f.ID)
	}
	served := events[opening-1]
	s := Derive(events[:opening], served.At)
	leaf, err := f.leaf(served)
	if err != nil {
		return receiptClaims{}, err
	}
	c := receiptClaims{
		Complaint: f.ID, Business: f.Business, Category: f.Category, Filed: s.Filed, Served: s.Served,
		Policy: s.Policy, Window: s.Window, Deadline: s.Deadline(),
	}
	c.Leaf, err = ledger.Event.ID(leaf)
	return c, err
}

// Receipt returns the signed receipt to the consumer, as a compact JWS.
func (d *Desk) Receipt(ctx context.Context, id, token string) ([]byte, error) {
	var f file
	var events []Event
	err := d.Store.View(ctx, func(tx store.Tx) (err error) {
		f, events, err = authorised(tx, id, token)
		return err
	})
	if err != nil {
		return nil, err
	}
	return d.receipt(ctx, f, events)
}

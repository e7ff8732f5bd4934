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
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Ticket is what the consumer gets for a complaint.
type Ticket struct {
	ID    string `json:"id"`
	Token string `json:"token" doc:"opens the complaint; shown here only"`
	Part
	Others []Part `json:"others,omitempty" doc:"further businesses, each with a clock of its own"`
}

// Part is a complaint at one business as it was when it was filed.
type Part struct {
	Business  ca.BusinessID `json:"business"`
	State     State         `json:"state"`
	Policy    string        `json:"policy"`
	Window    Window        `json:"window"`
	Served    time.Time     `json:"served,omitzero" doc:"the clock runs from here; missing while an officer looks at it first"`
	Deadlines []time.Time   `json:"deadlines,omitempty" doc:"the end of each window"`
	Receipt   string        `json:"receipt,omitempty" doc:"signed (JWS); also at /complaints/{id}/receipt"`
	Leaf      string        `json:"leaf,omitempty" doc:"of the receipt's event in the public log, at /log/proof/{leaf}"`
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

// Parts returns the complaint at each of its businesses.
func (t Ticket) Parts() []Part { return append([]Part{t.Part}, t.Others...) }

// stored is a filing in the form in which it is kept.
type stored struct {
	file
	private private
	quota   quota
	opening []opening // one for each business
	same    [][]string
}

// opening are the first events of a complaint at one business. They are made
// before the transaction, which uses two of them.
type opening struct{ filed, flagged, served Event }

// store makes what is kept of a filing, the events at now. via is the way by
// which the contact was confirmed.
func (d *Desk) store(id, token string, in Filing, p private, via string, now time.Time) (s stored, err error) {
	if s.file, err = d.seal(id, token, in, p); err != nil {
		return s, err
	}
	s.private, s.quota = p, d.quota(in.businesses(), p.Contact, now)
	policy := d.Policies.At(now)
	for _, b := range in.businesses() {
		salt := newSalt()
		content, err := p.commitment(salt)
		if err != nil {
			return s, err
		}
		s.opening = append(s.opening, opening{
			filed:   Event{Kind: KindFiled, At: now, Actor: "consumer", Reason: via + "_confirmed", Policy: policy.Version, Window: policy.Window, Content: content, Salt: salt},
			flagged: Event{Kind: KindFlagged, At: now, Actor: "service", Rules: d.flags.Version, Salt: newSalt()},
			served:  Event{Kind: KindServed, At: now, Actor: "service", Salt: newSalt()},
		})
		s.same = append(s.same, d.sameKeys(p, ca.BusinessID(b)))
	}
	return s, nil
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
	fmt.Fprintf(content, "content\x00%s\x00%s\x00%s\x00%s", id, strings.Join(in.businesses(), " "), in.Category, plain)
	hash := sha256.Sum256([]byte(token))
	f := file{ID: id, Business: ca.BusinessID(in.Business), Category: in.Category, Token: hash[:], Content: content.Sum(nil), Private: sealed}
	for _, b := range in.Also {
		f.Also = append(f.Also, ca.BusinessID(b))
	}
	return f, nil
}

// errKeyReused refuses other content under a key that was used.
func errKeyReused() error {
	return fault.New(fault.Conflict, "complaint_key_reused", "another complaint was filed with this form; open a new form")
}

// open stores a new complaint with its first events: at each business it is
// served at once, unless a rule says that an officer looks at it first.
func (d *Desk) open(tx store.Tx, s stored) error {
	// Counted where it is stored: of many at once none passes the limit.
	if err := s.quota.use(tx); err != nil {
		return err
	}
	today, err := most(tx, s.quota.contact)
	if err != nil {
		return err
	}
	if err := store.Save(tx, caseBucket, s.ID, s.file); err != nil {
		return err
	}
	for i, b := range s.businesses() {
		if err := enter(tx, string(b)); err != nil {
			return err
		}
		facts := FlagFacts{ContactToday: today, Businesses: len(s.opening), Rials: s.private.Purchase.Rials, Text: s.private.Text}
		same, err := samePurchase(tx, s.same[i], s.ID)
		if err != nil {
			return err
		}
		facts.SamePurchase = len(same)
		if err := remember(tx, s.same[i], s.ID); err != nil {
			return err
		}
		if err := d.begin(tx, matter{s.file, b}, s.opening[i], d.flags.Judge(facts)); err != nil {
			return err
		}
	}
	return nil
}

// begin adds the first events at one business.
func (d *Desk) begin(tx store.Tx, m matter, o opening, flags []string) error {
	events, err := m.add(tx, nil, o.filed)
	if err != nil {
		return err
	}
	if len(flags) > 0 {
		o.flagged.Flags = flags
		_, err = m.add(tx, events, o.flagged)
		return err
	}
	_, err = d.serve(tx, m, events, o.served)
	return err
}

// serve starts the clock, and sees to it that the business is told.
func (d *Desk) serve(tx store.Tx, m matter, events []Event, e Event) ([]Event, error) {
	after, err := m.add(tx, events, e)
	if err != nil {
		return nil, err
	}
	return after, d.call(tx, m, events, after)
}

// call sees to it that the business is told, if by what was added it owes an
// answer that it did not owe before.
func (d *Desk) call(tx store.Tx, m matter, before, after []Event) error {
	at := after[len(after)-1].At
	s := Derive(after, at)
	if d.Notifier == nil || !s.Owed || Derive(before, at).Owed {
		return nil
	}
	return store.Save(tx, outboxBucket, m.key(), notice{Complaint: m.ID, Business: m.Business, Deadline: s.Deadline()})
}

// ticket says what was filed, with receipts.
func (d *Desk) ticket(ctx context.Context, f file, token string) (Ticket, error) {
	t := Ticket{ID: f.ID, Token: token}
	for i, b := range f.businesses() {
		var events []Event
		m := matter{f, b}
		err := d.Store.View(ctx, func(tx store.Tx) (err error) {
			events, err = m.load(tx)
			return err
		})
		if err != nil {
			return t, err
		}
		part := m.part(events)
		// The complaint stands whether or not its receipt can be signed now.
		if receipt, err := d.receipt(ctx, m, events[:part.events]); err != nil {
			d.Log.Error("sign complaint receipt", "complaint", f.ID, "error", err)
		} else {
			part.Receipt = string(receipt)
			if claims, _, err := m.receiptClaims(events[:part.events]); err == nil {
				part.Leaf = claims.Leaf
			}
		}
		if i == 0 {
			t.Part = part.Part
		} else if events[0].Business == "" { // not one it was moved to since
			t.Others = append(t.Others, part.Part)
		}
	}
	return t, nil
}

// filedPart is a part with the number of events that it was made of.
type filedPart struct {
	Part
	events int
}

// part returns what the filing came to, whatever happened since: served, or
// waiting for an officer.
func (m matter) part(events []Event) filedPart {
	const opening = 2
	n := min(opening, len(events))
	s := Derive(events[:n], events[n-1].At)
	return filedPart{Part{Business: m.Business, State: s.State, Policy: s.Policy, Window: s.Window, Served: s.Served, Deadlines: s.Deadlines}, n}
}

// codeTokenWrong is the code of the fault for a wrong token.
const codeTokenWrong = "complaint_token_wrong"

// mayOpen is Denied for a token that is not the complaint's.
func (f file) mayOpen(token string) error {
	if hash := sha256.Sum256([]byte(token)); subtle.ConstantTimeCompare(hash[:], f.Token) != 1 {
		return fault.New(fault.Denied, codeTokenWrong, "this is not the code that was given for the complaint; look at your receipt")
	}
	return nil
}

// authorised opens the complaint for its consumer: NotFound for an unknown
// id, Denied for a wrong token.
func authorised(tx store.Tx, id, token string) (file, error) {
	f, err := loadFile(tx, id)
	if errors.Is(err, fault.NotFound) {
		return f, unconfirmed(tx, id, token, err)
	}
	if err != nil {
		return f, err
	}
	return f, f.mayOpen(token)
}

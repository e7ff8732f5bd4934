package badge

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Buckets of this room.
const (
	badgeBucket   = "badge_badges"   // id -> Badge
	historyBucket = "badge_history"  // id/number -> Change; append-only
	requestBucket = "badge_requests" // hex SHA-256 of the JWS or CMS -> Request
	namedBucket   = "badge_named"    // holder/request id -> named
	jtiBucket     = "badge_jti"      // serial/jti -> usedJTI
	traceBucket   = "badge_traces"   // id/number -> Trace; append-only
	answerBucket  = "badge_answers"  // hex SHA-256 -> sealedAnswer of a registry, verbatim
	domainBucket  = "badge_domains"  // domain/id -> id, of badges that were granted
	triesBucket   = "badge_tries"    // id -> times of the last checks on demand
	dueBucket     = "badge_due"      // time/id -> id: to be checked then
)

// ID names a badge: "b-" and 32 hex digits, taken from the hash of the
// request that asked for it.
type ID string

// State of a badge.
type State string

// The states. A badge counts only while it is Active.
const (
	Checking  State = "checking"  // accepted, not judged yet
	Waiting   State = "waiting"   // judged, and something could not be found out
	Refused   State = "refused"   // for good; another request may follow
	Active    State = "active"    //
	Suspended State = "suspended" // a fact turned bad; may come back
	Revoked   State = "revoked"   // for good
	Expired   State = "expired"   // for good
)

// Open reports whether the request behind the badge is still undecided.
func (s State) Open() bool { return s == Checking || s == Waiting }

// moves is the life of a badge: the states each state may go to.
func (s State) mayBecome(next State) bool {
	switch s {
	case "":
		return next == Checking
	case Checking, Waiting:
		return next == Waiting || next == Refused || next == Active
	case Active:
		return next == Suspended || next == Revoked || next == Expired
	case Suspended:
		// To itself: the domain was taken over meanwhile, which is for good.
		return next == Active || next == Suspended || next == Revoked || next == Expired
	}
	return false
}

// Badge is the record of one badge. Nothing in it is personal.
type Badge struct {
	ID          ID                   `json:"id"`
	State       State                `json:"state"`
	Why         Why                  `json:"why,omitempty"` // of the state
	Business    ca.BusinessID        `json:"business"`
	LegalName   string               `json:"legal_name,omitempty"` // as the company registry writes it
	Holder      ca.HolderID          `json:"holder"`
	Certificate string               `json:"certificate"` // serial that signed the request
	Domain      Domain               `json:"domain"`
	Asked       Licence              `json:"asked"`             // the licence named in the request
	Licence     *GrantedLicence      `json:"licence,omitempty"` // as the registry holds it
	Challenge   Challenge            `json:"challenge"`
	Level       int                  `json:"level"` // stars
	Environment evidence.Environment `json:"environment,omitempty"`
	Request     string               `json:"request"`               // hex SHA-256 of the JWS or CMS
	ReceivedAt  time.Time            `json:"received_at"`           // the clock of the decision starts
	DecidedAt   time.Time            `json:"decided_at,omitzero"`   // and stops
	CheckedAt   time.Time            `json:"checked_at,omitzero"`   // last time all facts were gathered
	ValidFrom   time.Time            `json:"valid_from,omitzero"`   //
	ValidTo     time.Time            `json:"valid_to,omitzero"`     //
	WaitingFor  []Party              `json:"waiting_for,omitempty"` // while Waiting
	Findings    []Finding            `json:"findings,omitempty"`    // of the last check
	Rules       string               `json:"rules,omitempty"`       // version that judged
	Changes     int                  `json:"changes"`               // entries of the history
	Traces      int                  `json:"traces"`                // entries of the trace
	Due         time.Time            `json:"due,omitzero"`          // of the next check by the job
	Version     int                  `json:"version"`
}

// GrantedLicence is a licence as its registry holds it.
type GrantedLicence struct {
	Type    string `json:"type"`
	Number  string `json:"number"`
	Issuer  string `json:"issuer,omitempty"`
	ValidTo string `json:"valid_to"` // YYYY-MM-DD, this day included
}

// Named reports whether pages have words for this type of licence
// (badge_licence_TYPE); another one is shown as the registry writes it.
func (l GrantedLicence) Named() bool { return l.Type == "enamad" || l.Type == "cosmetics" }

// End is the last day, for pages; the zero time if the registry gave none.
func (l GrantedLicence) End() time.Time {
	t, _ := time.Parse(time.DateOnly, l.ValidTo)
	return t
}

// Change is one entry of a badge's public history.
type Change struct {
	At    time.Time `json:"at"`
	State State     `json:"state"`
	Why   Why       `json:"why,omitempty"`
}

// Request is a signed request as received, with what proves it later (see
// Verify): the chain, the signer's OCSP answer, a time stamp over its hash,
// and the receipt given for it.
type Request struct {
	Badge      ID        `json:"badge"`
	Signed     []byte    `json:"jws"`                // a JWS or a CMS: the name is from when there were only JWS
	Document   []byte    `json:"document,omitempty"` // what a detached CMS signs
	Chain      [][]byte  `json:"chain"`              // DER, the signer first, the root last
	Status     []byte    `json:"status,omitempty"`   // OCSPResponse for the signer at receipt
	Stamp      []byte    `json:"stamp"`              // TimeStampResp over SHA-256 of Signed
	Receipt    []byte    `json:"receipt"`
	ReceivedAt time.Time `json:"received_at"`
}

// named says what a holder's own request id stood for.
type named struct {
	Badge  ID     `json:"badge"`
	SHA256 string `json:"sha256"` // of what was asked
}

// usedJTI is the use of a statement's id; it may be pruned after Until.
type usedJTI struct {
	Until time.Time `json:"until"`
}

func errBadgeUnknown() error {
	return fault.New(fault.NotFound, "badge_unknown", "there is no badge with this id; check the address")
}

// LoadBadge reads the record inside tx; NotFound if there is none. Its state
// is the recorded one: Live says what it is now.
func LoadBadge(tx store.Tx, id ID) (Badge, error) {
	if id == "" {
		return Badge{}, errBadgeUnknown()
	}
	b, err := store.Load[Badge](tx, badgeBucket, string(id))
	if errors.Is(err, store.ErrNotFound) {
		return b, errBadgeUnknown()
	}
	return b, err
}

// save writes the record and its place among what is due.
func (b *Badge) save(tx store.Tx) error {
	old, err := store.Load[Badge](tx, badgeBucket, string(b.ID))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if !old.Due.IsZero() && !old.Due.Equal(b.Due) {
		if err := tx.Delete(dueBucket, old.dueKey()); err != nil {
			return err
		}
	}
	if !b.Due.IsZero() {
		if err := store.Save(tx, dueBucket, b.dueKey(), b.ID); err != nil {
			return err
		}
	}
	b.Version++
	return store.Save(tx, badgeBucket, string(b.ID), *b)
}

func (b *Badge) dueKey() string { return fmt.Sprintf("%016x/%s", b.Due.Unix(), b.ID) }

// move takes the badge to another state at now: the history and the public
// log get an entry each. hash is that of what the decision rested on; since
// is when what the state says came to be, zero for now.
func (b *Badge) move(tx store.Tx, next State, why Why, hash string, since, now time.Time) error {
	if !b.State.mayBecome(next) {
		return fmt.Errorf("badge %s: from %q to %q: no such move", b.ID, b.State, next)
	}
	b.State, b.Why = next, why
	if !next.Open() && b.DecidedAt.IsZero() {
		b.DecidedAt = now
	}
	if since.IsZero() {
		since = now
	}
	key := fmt.Sprintf("%s/%06d", b.ID, b.Changes)
	b.Changes++
	if err := store.Save(tx, historyBucket, key, Change{At: since, State: next, Why: why}); err != nil {
		return err
	}
	return ledger.Append(tx, event(b.ID, next, why, hash, now))
}

// event is what the public log says of a change.
func event(id ID, next State, why Why, hash string, now time.Time) ledger.Event {
	return ledger.Event{Kind: "badge." + string(next), Subject: string(id), At: now, Hash: hash, Note: string(why)}
}

// history returns the badge's changes, oldest first.
func history(tx store.Tx, id ID) ([]Change, error) {
	var list []Change
	err := store.Each(tx, historyBucket, string(id)+"/", "", func(_ string, c Change) error {
		list = append(list, c)
		return nil
	})
	return list, err
}

// canonicalSHA256 is the hex SHA-256 of v as canonical JSON (RFC 8785).
func canonicalSHA256(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	canon := jsontext.Value(b)
	if err := canon.Canonicalize(); err != nil {
		return "", fmt.Errorf("canonicalize: %w", err)
	}
	return hexSHA256(canon), nil
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

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
	"mohr/complaints"
	"mohr/internal/fault"
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
	deedBucket    = "badge_deeds"    // id/number -> Deed; append-only
	appealBucket  = "badge_appeals"  // id -> id, of open appeals
	noticeBucket  = "badge_notices"  // id/name -> Notice, to be sent
	placeBucket   = "badge_places"   // list/entry -> id, in the status lists
	counterBucket = "badge_counters" // name -> int
	keyBucket     = "badge_keys"     // key id -> Key that signed short tokens
	copyBucket    = "badge_copies"   // id/host -> Copy
	fakeBucket    = "badge_fakes"    // host -> Fake
	openBucket    = "badge_open"     // id -> id, of undecided requests
	decidedBucket = "badge_decided"  // time/id -> Decided, of first decisions
	ownBucket     = "badge_own"      // business/id -> id
	monthBucket   = "badge_months"   // 1405-09 -> Month, of which InForce is the month's own change
)

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
	Asked       Licence              `json:"asked"`                // the first licence named in the request
	AlsoAsked   []Licence            `json:"also_asked,omitempty"` // the others
	Least       *int                 `json:"least,omitempty"`      // stars the request takes at the lowest; nil: 1
	Contact     string               `json:"contact,omitempty"`    // path of the shop's contact page
	Licence     *GrantedLicence      `json:"licence,omitempty"`    // as its registry holds it: the first
	Licences    []GrantedLicence     `json:"licences,omitempty"`   // all
	Challenge   Challenge            `json:"challenge"`
	Level       int                  `json:"level"` // stars
	Environment evidence.Environment `json:"environment,omitempty"`
	Request     string               `json:"request"`               // hex SHA-256 of the JWS or CMS
	ReceivedAt  time.Time            `json:"received_at"`           // the clock of the decision starts
	ReopenedAt  time.Time            `json:"reopened_at,omitzero"`  // by an appeal
	DecidedAt   time.Time            `json:"decided_at,omitzero"`   // and stops
	CheckedAt   time.Time            `json:"checked_at,omitzero"`   // last time all facts were gathered
	ValidFrom   time.Time            `json:"valid_from,omitzero"`   //
	ValidTo     time.Time            `json:"valid_to,omitzero"`     //
	WaitingFor  []Party              `json:"waiting_for,omitempty"` // while Waiting
	Findings    []Finding            `json:"findings,omitempty"`    // of the last check
	Rules       string               `json:"rules,omitempty"`       // version that judged
	Waited      Waited               `json:"waited,omitzero"`       // until the decision, and for whom
	ClockAt     time.Time            `json:"clock_at,omitzero"`     // until when Waited counts
	Alarmed     bool                 `json:"alarmed,omitempty"`     // that the decision is late was logged
	SiteEnds    time.Time            `json:"site_ends,omitzero"`    // of the site's certificate, where it is valid
	SuspendedAt time.Time            `json:"suspended_at,omitzero"` // while Suspended
	Hold        *Hold                `json:"hold,omitempty"`        // while an operator suspends it
	Appeal      *Appeal              `json:"appeal,omitempty"`      // the last one
	Renewal     *Renewal             `json:"renewal,omitempty"`     // under way
	Reminded    []string             `json:"reminded,omitempty"`    // of what, by name and day
	StateAt     time.Time            `json:"state_at,omitzero"`     // when it came to its state
	Deeds       int                  `json:"deeds,omitempty"`       // of operators
	Owed        []Notice             `json:"owed,omitempty"`        // to be put among the notices when it is saved
	Place       *Place               `json:"place,omitempty"`       // in the status lists
	Indexed     bool                 `json:"indexed,omitempty"`     // it is found by its words
	Changes     int                  `json:"changes"`               // entries of the history
	Traces      int                  `json:"traces"`                // entries of the trace
	Due         time.Time            `json:"due,omitzero"`          // of the next check by the job
	Version     int                  `json:"version"`
}

// least is the lowest level the request takes.
func (b *Badge) least() int {
	if b.Least == nil {
		return 1
	}
	return *b.Least
}

// had is the level the badge has, -1 before it is granted.
func (b *Badge) had() int {
	if b.ValidFrom.IsZero() {
		return -1
	}
	return b.Level
}

// licences are those the request names.
func (b *Badge) licences() []Licence {
	if b.Asked.Type == "" {
		return nil
	}
	return append([]Licence{b.Asked}, b.AlsoAsked...)
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
	if err := b.saveOpen(tx, old); err != nil {
		return err
	}
	if err := b.saveOwed(tx); err != nil {
		return err
	}
	if err := b.saveWords(tx, old); err != nil {
		return err
	}
	if !b.ValidFrom.IsZero() && isSole(b.Business) { // consumers complain about it by this id
		if err := complaints.Introduce(tx, b.Business); err != nil {
			return err
		}
	}
	b.Version++
	return store.Save(tx, badgeBucket, string(b.ID), *b)
}

// saveOpen keeps the list of undecided requests.
func (b *Badge) saveOpen(tx store.Tx, old Badge) error {
	if b.State.Open() {
		return store.Save(tx, openBucket, string(b.ID), b.ID)
	}
	if old.State.Open() {
		return tx.Delete(openBucket, string(b.ID))
	}
	return nil
}

func (b *Badge) dueKey() string { return fmt.Sprintf("%016x/%s", b.Due.Unix(), b.ID) }

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

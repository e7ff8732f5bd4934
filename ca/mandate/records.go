package mandate

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Buckets of this room.
const (
	mandateBucket   = "mandates"           // id -> Mandate
	eventBucket     = "mandate_events"     // id/number -> Event; only added to
	businessBucket  = "mandate_businesses" // business/id -> id
	holderBucket    = "mandate_holders"    // holder/business/id -> id
	statementBucket = "mandate_statements" // hex SHA-256 of the signed bytes -> statement
	retainBucket    = "mandate_retain"     // time/id -> id: erased then
	followBucket    = "mandate_follow"     // id -> follow: certificates still to come end too
)

// State is how far a mandate has come.
type State string

// The states. Only a granted mandate within its time lets anybody do anything.
const (
	Proposed State = "proposed" // waits for others who sign jointly
	Granted  State = "granted"
	Revoked  State = "revoked"

	// What the calendar makes of these.
	Lapsed State = "lapsed" // a proposal that waited too long
	Coming State = "coming" // granted, from a later day
	Ended  State = "ended"  // its time is over
)

// Signature is one person's under a mandate.
type Signature struct {
	Holder    ca.HolderID `json:"holder"`
	Serial    string      `json:"serial"` // of the certificate
	At        time.Time   `json:"at"`
	Statement string      `json:"statement"` // hex SHA-256 of the signed bytes
}

// Mandate is the record. The person in it is named by an opaque id; the terms,
// which hold the national code, are sealed.
type Mandate struct {
	ID          ID                   `json:"id"`
	Business    ca.BusinessID        `json:"business"`
	Holder      ca.HolderID          `json:"holder"` // who is to act
	Title       string               `json:"title"`
	Scopes      []Scope              `json:"scopes"`
	Delegate    bool                 `json:"delegate,omitempty"`
	Under       ID                   `json:"under,omitempty"`
	ValidFrom   time.Time            `json:"valid_from"`
	ValidTo     time.Time            `json:"valid_to"`
	Environment evidence.Environment `json:"environment"`
	State       State                `json:"state"`
	Signatures  []Signature          `json:"signatures"`
	Needs       int                  `json:"needs,omitempty"` // signatures still missing, as the register last said
	ProposedAt  time.Time            `json:"proposed_at"`
	GrantedAt   time.Time            `json:"granted_at,omitzero"`
	RevokedAt   time.Time            `json:"revoked_at,omitzero"`
	Reason      Reason               `json:"reason,omitempty"` // of the revocation
	RestAt      time.Time            `json:"rest_at,omitzero"` // when what had rested on it ended last, after its own end
	Terms       seal.Sealed          `json:"terms"`
	Events      int                  `json:"events"` // so many are in the record of deeds
	KeepUntil   time.Time            `json:"keep_until"`
}

// proposalLife is how long a proposal waits for the other signatures.
const proposalLife = 7 * 24 * time.Hour

// At returns the state at now.
func (m Mandate) At(now time.Time) State {
	switch {
	case m.State == Proposed && (now.Sub(m.ProposedAt) > proposalLife || !now.Before(m.ValidTo)):
		return Lapsed
	case m.State == Granted && !now.Before(m.ValidTo):
		return Ended
	case m.State == Granted && now.Before(m.ValidFrom):
		return Coming
	}
	return m.State
}

// live reports whether anything can still come of the mandate.
func (m Mandate) live(now time.Time) bool {
	return slices.Contains([]State{Proposed, Granted, Coming}, m.At(now))
}

// Has reports whether the mandate was given for the scope.
func (m Mandate) Has(s Scope) bool { return slices.Contains(m.Scopes, s) }

// Event is one deed in a mandate's life. Events are only added.
type Event struct {
	Kind      string      `json:"kind"` // "mandate.signed", "mandate.granted", "mandate.revoked", "mandate.rest_revoked"
	At        time.Time   `json:"at"`
	By        ca.HolderID `json:"by"`                 // "" for an operator whom nobody introduced
	Operator  string      `json:"operator,omitempty"` // an actor, where one did it
	Serial    string      `json:"serial"`             // of the certificate
	Statement string      `json:"statement"`          // hex SHA-256 of the signed bytes, or of an operator's order
	Answer    string      `json:"answer,omitempty"`   // hex SHA-256 of the register's answer it rests on
	Under     ID          `json:"under,omitempty"`    // or the administrator's mandate
	Reason    Reason      `json:"reason,omitempty"`   //
	Plan      string      `json:"plan,omitempty"`     // hex SHA-256 of what a revocation took along
}

// statement is a signed statement as it was received, or an operator's order,
// which is a document alone.
type statement struct {
	Mandate  ID          `json:"mandate"`
	At       time.Time   `json:"at"`
	Raw      seal.Sealed `json:"raw"`
	Document seal.Sealed `json:"document"`
	Answer   seal.Sealed `json:"answer,omitzero"` // of the register, in its own bytes: it names people
}

func errUnknown() error {
	return fault.New(fault.NotFound, "mandate_unknown", "there is no such mandate here, or it is not yours to see; check its name")
}

// load reads a mandate; NotFound if there is none.
func load(tx store.Tx, id ID) (Mandate, error) {
	if !id.valid() {
		return Mandate{}, errUnknown()
	}
	m, err := store.Load[Mandate](tx, mandateBucket, string(id))
	if errors.Is(err, store.ErrNotFound) {
		err = errUnknown()
	}
	return m, err
}

// add records a deed with its leaf, and the mandate as the deed leaves it.
func (m *Mandate) add(tx store.Tx, e Event) error {
	if err := store.Save(tx, eventBucket, fmt.Sprintf("%s/%06d", m.ID, m.Events), e); err != nil {
		return err
	}
	m.Events++
	if err := m.schedule(tx); err != nil {
		return err
	}
	if err := store.Save(tx, mandateBucket, string(m.ID), *m); err != nil {
		return err
	}
	return ledger.Append(tx, ledger.Event{Kind: e.Kind, Subject: string(m.ID), At: e.At, Hash: e.Statement, Note: string(e.Reason)})
}

// index puts a new mandate where it is looked for.
func (m Mandate) index(tx store.Tx) error {
	if err := store.Save(tx, businessBucket, string(m.Business)+"/"+string(m.ID), m.ID); err != nil {
		return err
	}
	return store.Save(tx, holderBucket, string(m.Holder)+"/"+string(m.Business)+"/"+string(m.ID), m.ID)
}

// eachOf calls fn with every mandate that an index lists under a name.
func eachOf(tx store.Tx, bucket, name string, fn func(Mandate) error) error {
	return store.Each(tx, bucket, name+"/", "", func(_ string, id ID) error {
		m, err := load(tx, id)
		if err != nil {
			return err
		}
		return fn(m)
	})
}

// ofBusiness calls fn with every mandate to act for the business.
func ofBusiness(tx store.Tx, b ca.BusinessID, fn func(Mandate) error) error {
	return eachOf(tx, businessBucket, string(b), fn)
}

// ofHolder calls fn with every mandate of the person for the business; for
// any where that is "".
func ofHolder(tx store.Tx, h ca.HolderID, b ca.BusinessID, fn func(Mandate) error) error {
	name := string(h)
	if b != "" {
		name += "/" + string(b)
	}
	return eachOf(tx, holderBucket, name, fn)
}

package incident

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Buckets of this room.
const (
	planBucket      = "incident_plans"      // id -> Plan
	targetBucket    = "incident_targets"    // id/target -> true
	runningBucket   = "incident_running"    // id -> true: to be carried on by the job
	statementBucket = "incident_statements" // hex SHA-256 of what was received -> statement
	unseenBucket    = "incident_unseen"     // "hour" -> unseen
)

// Kind is what a plan does to its targets.
type Kind string

// The kinds.
const (
	Revoke     Kind = "revoke"      // ends certificates
	RenewNow   Kind = "renew-now"   // marks certificates to be renewed at once
	RenewLater Kind = "renew-later" // takes that mark away
	Block      Kind = "block"       // blocks keys; their certificates end for keyCompromise
	Roles      Kind = "roles"       // sets an operator's roles
)

// planLife is how long a plan may be approved and begun.
const planLife = 7 * 24 * time.Hour

// sampleSize is how many targets a plan shows.
const sampleSize = 10

// Ask is what an operator wants planned. Exactly one of the selections is
// there; for Roles, Operator and Roles and none.
type Ask struct {
	Kind     Kind          `json:"kind"`
	Reason   ca.Reason     `json:"reason,omitempty"`   // for Revoke
	Serials  []string      `json:"serials,omitempty"`  // hex
	Keys     []string      `json:"keys,omitempty"`     // hex SHA-256 of SubjectPublicKeyInfo
	Holder   ca.HolderID   `json:"holder,omitempty"`   // opaque
	Business ca.BusinessID `json:"business,omitempty"` //
	Profile  string        `json:"profile,omitempty"`  // "natural-sign@1", or without the version for all
	Operator string        `json:"operator,omitempty"`
	Roles    []ca.Role     `json:"roles,omitempty"`
}

// Document is what approvers approve, by its hash: it never changes.
type Document struct {
	ID            string         `json:"id"`
	Kind          Kind           `json:"kind"`
	Reason        ca.Reason      `json:"reason,omitempty"`
	Holder        ca.HolderID    `json:"holder,omitempty"`
	Business      ca.BusinessID  `json:"business,omitempty"`
	Profile       string         `json:"profile,omitempty"`
	Operator      string         `json:"operator,omitempty"`
	Roles         []ca.Role      `json:"roles,omitempty"`
	Targets       int            `json:"targets" doc:"serials, or keys of a plan that blocks"`
	TargetsSHA256 string         `json:"targets_sha256" doc:"hex, over the targets in order, each with a line feed"`
	Certificates  int            `json:"certificates" doc:"that count now and are concerned"`
	ByProfile     map[string]int `json:"by_profile,omitempty" doc:"of these certificates"`
	LeftOut       map[string]int `json:"left_out,omitempty" doc:"what was asked for and is not concerned, by why"`
	Sample        []string       `json:"sample,omitempty" doc:"the first targets"`
	Needs         int            `json:"needs" doc:"persons whose signed approval it takes"`
	Subjects      []string       `json:"subjects,omitempty" doc:"operators whom it concerns: they neither approve it nor carry it out"`
	ProposedBy    string         `json:"proposed_by"`
	At            time.Time      `json:"at"`
	Until         time.Time      `json:"until" doc:"begun by then or not at all"`
}

// Hash returns the hex SHA-256 of the document as canonical JSON (RFC 8785).
func (d Document) Hash() (string, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return "", err
	}
	v := jsontext.Value(b)
	if err := v.Canonicalize(); err != nil {
		return "", fmt.Errorf("canonical plan: %w", err)
	}
	sum := sha256.Sum256(v)
	return hex.EncodeToString(sum[:]), nil
}

// State is how far a plan has come.
type State string

// The states.
const (
	Draft    State = "draft" // its targets are being gathered
	Proposed State = "proposed"
	Running  State = "running"
	Done     State = "done"
)

// Plan is a document with what became of it.
type Plan struct {
	Document Document  `json:"document"`
	SHA256   string    `json:"sha256" doc:"hex, of the document as canonical JSON (RFC 8785)"`
	State    State     `json:"state"`
	Dealt    int       `json:"dealt" doc:"targets dealt with so far"`
	Changed  int       `json:"changed" doc:"certificates changed by it; the others were so already"`
	By       string    `json:"by,omitempty" doc:"who began to carry it out"`
	BegunAt  time.Time `json:"begun_at,omitzero"`
	EndedAt  time.Time `json:"ended_at,omitzero"`
	Cursor   string    `json:"cursor,omitempty" doc:"last target dealt with"`
}

// right is what an operator needs to approve the plan and to carry it out.
func (d Document) right() ca.Right {
	switch {
	case d.Kind == Roles:
		return ca.MayRoles
	case d.Kind == Revoke && d.Needs == 0:
		return ca.MayEnd
	}
	return ca.MayIncident
}

// actor is how records name the plan as who did it.
func (d Document) actor() string { return "plan:" + d.ID }

// matter is what is approved: the document as it is in the store now.
func (p Plan) matter() (approval.Matter, error) {
	hash, err := p.Document.Hash()
	if err == nil && hash != p.SHA256 {
		err = errChanged()
	}
	return approval.Matter{ID: p.Document.ID, SHA256: hash, Right: p.Document.right(), Subjects: p.Document.Subjects}, err
}

func errChanged() error {
	return fault.New(fault.Conflict, "plan_changed", "the plan in the store is not the one that was made: it is not carried out; make a new one and look into what happened")
}

// newID names a plan; later plans come later in the order of names.
func newID(now time.Time) string {
	b := make([]byte, 8)
	rand.Read(b) // never fails (crypto/rand)
	return fmt.Sprintf("p-%08x-%x", now.Unix(), b)
}

// loadPlan reads a plan; NotFound if there is none that was proposed.
func loadPlan(tx store.Tx, id string) (Plan, error) {
	p, err := store.Load[Plan](tx, planBucket, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && p.State == Draft {
		return Plan{}, fault.New(fault.NotFound, "plan_unknown", "there is no plan of this name; see the list of plans")
	}
	return p, err
}

func savePlan(tx store.Tx, p Plan) error { return store.Save(tx, planBucket, p.Document.ID, p) }

package badge

import (
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
)

// Facts is all the rules look at, gathered once. Nothing in it is personal:
// what the company registry says of the person who signed is kept as one word.
type Facts struct {
	At        time.Time     `json:"at"`
	Requested time.Time     `json:"requested"`
	Granted   bool          `json:"granted"` // the badge was granted before: this is a later check
	Business  ca.BusinessID `json:"business"`
	Signer    Signer        `json:"signer"`
	Person    Person        `json:"person,omitzero"` // who signed
	Company   Company       `json:"company"`
	Licence   LicenceAnswer `json:"licence"` // the first of Licences
	Domain    DomainViews   `json:"domain"`
	Duties    Duties        `json:"duties"`

	Licences []LicenceAnswer `json:"licences,omitempty"` // all that the request names
	Site     Site            `json:"site,omitzero"`
}

// Source says where an answer came from and when; its hash leads to the bytes.
type Source struct {
	Answered  bool      `json:"answered"`
	Name      string    `json:"name,omitempty"` // connector's name@version
	CheckedAt time.Time `json:"checked_at,omitzero"`
	RawSHA256 string    `json:"raw_sha256,omitempty"` // hex, of the answer's bytes as received

	Environment evidence.Environment `json:"environment,omitempty"` // as the registry states it
}

// Life is how the line of certificates behind a badge stands.
type Life string

const (
	lifeGood    Life = "good"
	lifeRevoked Life = "revoked" // for any reason but a renewal
	lifeExpired Life = "expired"
	lifeHeld    Life = "suspended" // certificateHold: may come back
)

// Signer is how the certificate stands that the request was signed with, or
// the one that renewed it.
type Signer struct {
	Signed  string    `json:"signed"`  // serial
	Current string    `json:"current"` // serial of the line's last certificate
	Life    Life      `json:"life"`
	Ended   time.Time `json:"ended,omitzero"` // of the line, if it is not good
}

// How the person who signed may bind the business.
const (
	signsAlone   = "alone"
	signsJointly = "jointly"
	signsNot     = "not"
	signsMandate = "mandate" // by the word of those who bind it
)

// Company is what the company registry says.
type Company struct {
	Source
	Found   bool   `json:"found"`
	Name    string `json:"name,omitempty"`
	Status  string `json:"status,omitempty"`  // "active", "dissolved", ...
	Signs   string `json:"signs,omitempty"`   // "alone", "jointly", "mandate", "not": the person who signed
	Mandate string `json:"mandate,omitempty"` // id of the mandate
	Sole    bool   `json:"sole,omitempty"`    // there is no company: the business is the person
}

// Licence is a licence as a request names it.
type Licence struct {
	Type   string `json:"type"`
	Number string `json:"number,omitempty"`
}

// LicenceAnswer is what the licence registry says.
type LicenceAnswer struct {
	Source
	Asked   Licence `json:"asked"`
	Found   bool    `json:"found"`
	Number  string  `json:"number,omitempty"`
	Issuer  string  `json:"issuer,omitempty"`
	ValidTo string  `json:"valid_to,omitempty"` // YYYY-MM-DD, this day included
}

// DomainViews is what was seen of the proof of domain control.
type DomainViews struct {
	Name  string `json:"name"` // A-labels
	Views []View `json:"views"`
}

// Duties is what the complaint record says.
type Duties struct {
	Answered   bool      `json:"answered"`        // the record could be read
	Unanswered int       `json:"unanswered"`      // open past all their windows
	Oldest     time.Time `json:"oldest,omitzero"` // when the oldest of these was served
}

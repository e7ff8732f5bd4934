package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	json "github.com/go-json-experiment/json/v1" // encoding/json's rules, faster

	"mohr/hsm/attest"
	"mohr/internal/gateway"
)

// Type is the kind of a proof; the set is closed.
type Type string

// The types of evidence.
const (
	CivilRegistry   Type = "civil_registry"
	MobileOwnership Type = "mobile_ownership"
	OTPSMS          Type = "otp_sms"
	FaceMatch       Type = "face_match"
	// DocumentVideo is a film of a document and of its holder's face, compared
	// with each other by a vendor.
	DocumentVideo Type = "document_video"
	EIDOIDC       Type = "eid_oidc" // login at an eID provider, by OpenID Connect
	LegalRegistry Type = "legal_registry"
	// Mandate says that those who may bind a legal person let somebody act for it.
	Mandate       Type = "mandate"
	CertSignature Type = "cert_signature"
	// DeviceAttestation says that a key lives in hardware and cannot leave it.
	DeviceAttestation Type = "device_attestation"
	// OfficerReview is the signed decision of officers on a case that the
	// policy sent to review. It completes no set: it answers for doubts.
	OfficerReview Type = "officer_review"
	// EMRTDChip says that the chip of a passport or card is genuine. It names
	// its holder and does not say who holds it: only with a face it binds (R5).
	EMRTDChip Type = "emrtd_chip"
)

// Result is what a check came to. Unavailable is never a mismatch and never a pass.
type Result string

// The results.
const (
	Match        Result = "match"
	Mismatch     Result = "mismatch"
	Inconclusive Result = "inconclusive"
	Unavailable  Result = "unavailable"
)

// Environment says whether a source is real. Simulated evidence never comes
// under a production policy OID.
type Environment string

// The environments.
const (
	Simulated  Environment = "simulated"
	Production Environment = "production"
)

// Record is one proof, kept for the bundle.
type Record struct {
	ID          string      `json:"id"`
	Type        Type        `json:"type"`
	Source      string      `json:"source"` // connector's name@version
	Environment Environment `json:"environment"`
	Result      Result      `json:"result"`
	Claims      Claims      `json:"claims"`               // what the source vouched for, normalised
	RawSHA256   string      `json:"raw_sha256,omitempty"` // hex, of the answer's bytes as received
	CheckedAt   time.Time   `json:"checked_at"`           // UTC
	ValidTo     time.Time   `json:"valid_to,omitzero"`    // zero: as the policy says
	// Earlier is the hash of the record of an earlier application of the same
	// person that this one repeats; "" for one that was made for this case.
	Earlier string `json:"earlier,omitempty"`
	// Signed is the register's signature on the answer whose hash is RawSHA256;
	// nil where the source signs nothing.
	Signed *gateway.Signed `json:"signed,omitempty"`
}

// Hash names the record in a decision, a certificate's record and a bundle:
// the hex SHA-256 of its canonical JSON (RFC 8785), times in UTC. It is ""
// for a record without a JSON form, a year beyond 9999; none such is counted.
func (r Record) Hash() string {
	r.CheckedAt, r.ValidTo = r.CheckedAt.UTC(), r.ValidTo.UTC()
	b, err := json.Marshal(r)
	if err != nil {
		return ""
	}
	v := jsontext.Value(b)
	if err := v.Canonicalize(); err != nil {
		return ""
	}
	sum := sha256.Sum256(v)
	return hex.EncodeToString(sum[:])
}

// Claims is what a source says of a person or a business. Zero fields are
// not claimed. What each type must claim, so that Evaluate can tie the
// records to one person:
//
//	civil_registry    NationalCode, FirstName, LastName, BirthDate, Alive
//	mobile_ownership  NationalCode, Mobile, SIMChangedDays
//	otp_sms           Mobile
//	face_match        NationalCode, ScorePercent
//	document_video    NationalCode of the document, ScorePercent of the face with its picture
//	eid_oidc          NationalCode, ACR, Level
//	legal_registry    NationalCode of the signatory, LegalID, LegalName, LegalStatus, Role, SignsAlone
//	mandate           NationalCode of whom it is given to, LegalID, Role, Mandate; ValidTo of the record is its end
//	cert_signature    NationalCode
//	device_attestation SPKISHA256 of the attested key, Attestation, Device
//	emrtd_chip        NationalCode, DocumentNumber, DocumentState, ChipProof
//	officer_review    Rules, Officers, SeenSHA256, and SIMChangedDays and Scores as they were seen
type Claims struct {
	NationalCode   string `json:"national_code,omitempty"`
	FirstName      string `json:"first_name,omitempty"`
	LastName       string `json:"last_name,omitempty"`
	BirthDate      string `json:"birth_date,omitempty"` // YYYY-MM-DD
	Alive          *bool  `json:"alive,omitempty"`
	Mobile         string `json:"mobile,omitempty"`           // +989...
	SIMChangedDays *int   `json:"sim_changed_days,omitempty"` // since the number's SIM was last changed
	LegalID        string `json:"legal_id,omitempty"`
	LegalName      string `json:"legal_name,omitempty"`
	LegalStatus    string `json:"legal_status,omitempty"` // as the register says: LegalActive, ...
	Role           string `json:"role,omitempty"`         // the person's role in the legal person; "": none
	Mandate        string `json:"mandate,omitempty"`      // id of the mandate
	SignsAlone     bool   `json:"signs_alone,omitempty"`  // may bind the legal person alone
	SPKISHA256     string `json:"spki_sha256,omitempty"`  // the key a code, signature or attestation was bound to
	ScorePercent   int    `json:"score_percent,omitzero"` // of a face match
	ACR            string `json:"acr,omitempty"`          // of a login, as the provider says it
	Level          Level  `json:"level,omitempty"`        // that the configuration maps ACR to

	Certificates []string `json:"certificates,omitempty"` // of laboratories, that vouched for the source then

	DocumentNumber string    `json:"document_number,omitempty"` // of a passport or card
	DocumentState  string    `json:"document_state,omitempty"`  // that issued it, three letters
	LatinName      string    `json:"latin_name,omitempty"`      // as its machine-readable zone writes it
	ChipProof      ChipProof `json:"chip_proof,omitempty"`

	Attestation  attest.Format `json:"attestation,omitempty"`   // how a device vouched for a key
	Device       string        `json:"device,omitempty"`        // hex SHA-256 that names the device
	DeviceTraits string        `json:"device_traits,omitempty"` // what it says of itself and of how it guards the key

	Rules      []string `json:"rules,omitempty"`       // that officers answer for, by their names in the trace
	Officers   int      `json:"officers,omitzero"`     // persons who signed
	SeenSHA256 string   `json:"seen_sha256,omitempty"` // what they saw, as Seen names it

	Scores map[Type]int `json:"scores,omitempty"` // percent, of each face that officers saw
}

// LegalActive is the status of a legal person that exists and may act.
const LegalActive = "active"

// Identity is what a certificate may say of its subject, taken from evidence only.
type Identity struct {
	NationalCode string `json:"national_code"`
	GivenName    string `json:"given_name"` // Persian, normalised
	Surname      string `json:"surname"`
	BirthDate    string `json:"birth_date"`
	Mobile       string `json:"mobile"` // as the register holds it
	LegalID      string `json:"legal_id,omitempty"`
	LegalName    string `json:"legal_name,omitempty"`
	Title        string `json:"title,omitempty"`
}

// KeyHome says where a holder's key lives.
type KeyHome string

// The key homes.
const (
	Software KeyHome = "software"
	Token    KeyHome = "token"
	HSM      KeyHome = "hsm"
)

package enroll

import (
	"slices"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/seal"
)

// Stage is how far an application has come.
type Stage string

// The stages in their order, then the ends.
const (
	Created    Stage = "created"          // waits for consent
	Consented  Stage = "consented"        // the registers are being asked
	Collecting Stage = "collecting"       // waits for the applicant's own evidence
	Waiting    Stage = "waiting_external" // waits for a register that is down
	Evaluated  Stage = "evaluated"        // the policy has spoken
	Review     Stage = "review"           // a person must look
	Approved   Stage = "approved"         // waits for a key, not for long
	KeyBound   Stage = "key_bound"
	Agreed     Stage = "agreed"
	Issuing    Stage = "issuing" // ordered; the CA is asked before anything is signed again
	Issued     Stage = "issued"

	Rejected       Stage = "rejected"
	FailedAttempts Stage = "failed_attempts"
	Expired        Stage = "expired"
	Cancelled      Stage = "cancelled"
	Erased         Stage = "erased"
)

// next says which stages may follow a stage. The ends are added by mayBecome.
var next = map[Stage][]Stage{
	Created:    {Consented},
	Consented:  {Collecting},
	Collecting: {Waiting, Evaluated, FailedAttempts},
	Waiting:    {Collecting, Evaluated, FailedAttempts},
	Evaluated:  {Collecting, Review, Approved, Rejected},
	// Officers decide: what they answer for is judged with all else again.
	Review:   {Collecting, Rejected},
	Approved: {Collecting, KeyBound},
	KeyBound: {Collecting, Agreed},
	Agreed:   {Collecting, Issuing},
	// Back to approved when the CA refuses the key, to expired when the
	// approval no longer holds and the CA has signed nothing.
	Issuing:        {Issued, Approved, Expired},
	Issued:         {Erased},         // years later
	Rejected:       {Review, Erased}, // an appeal against officers
	FailedAttempts: {Erased},
	Expired:        {Erased},
	Cancelled:      {Erased},
	Erased:         nil,
}

// Open reports whether the application can still come to a certificate.
func (s Stage) Open() bool {
	switch s {
	case Issued, Rejected, FailedAttempts, Expired, Cancelled, Erased:
		return false
	}
	return true
}

// mayBecome reports whether to may follow s. Every stage before issuing may
// expire or be cancelled.
func (s Stage) mayBecome(to Stage) bool {
	if (to == Expired || to == Cancelled) && s.Open() && s != Issuing {
		return true
	}
	return slices.Contains(next[s], to)
}

// Application is one applicant's papers and the stage they reached. Personal
// data is in it only sealed.
type Application struct {
	ID      string           `json:"id"`
	Version int              `json:"version"` // of the record: every save adds one
	Stage   Stage            `json:"stage"`
	Profile string           `json:"profile"`
	Home    evidence.KeyHome `json:"home"`
	Locale  string           `json:"locale"` // "fa" or "en": language of messages

	TokenSHA256 string      `json:"token_sha256"` // hex; the token itself is not kept
	PersonIndex string      `json:"person_index"` // blind index of the national code
	Person      seal.Sealed `json:"person"`       // a Person as JSON

	Consent   *Consent   `json:"consent,omitempty"`
	Evidence  []Proof    `json:"evidence,omitempty"`
	Tries     Tries      `json:"tries"`
	Visit     *Visit     `json:"visit,omitempty"` // to a vendor, while one is open
	Decision  *Verdict   `json:"decision,omitempty"`
	Key       *Key       `json:"key,omitempty"`
	Agreement *Agreement `json:"agreement,omitempty"`
	Serial    string     `json:"serial,omitempty"` // of the certificate, once issued

	Findings []Finding    `json:"findings,omitempty"` // of officers, oldest first
	Appeal   *seal.Sealed `json:"appeal,omitempty"`   // what the applicant says against the last of them

	CreatedAt time.Time `json:"created_at"`
	Deadline  time.Time `json:"deadline"`            // of the stage; an open application past it is expired
	CodeAt    time.Time `json:"code_at,omitzero"`    // when the last code went out
	IssuedAt  time.Time `json:"issued_at,omitzero"`  //
	KeepUntil time.Time `json:"keep_until,omitzero"` // of an ended application: then it is erased
	ClaimedAt time.Time `json:"claimed_at,omitzero"` // when a request took on the first questions and the first code
}

// Person is what an applicant says of themselves. It is never evidence.
type Person struct {
	NationalCode string `json:"national_code"`
	BirthDate    string `json:"birth_date"` // YYYY-MM-DD, Gregorian
	Mobile       string `json:"mobile"`     // +989XXXXXXXXX
	NamesLatin   string `json:"names_latin,omitempty"`
	LegalID      string `json:"legal_id,omitempty"` // of the organisation they want to sign for
}

// Consent is the applicant's leave to ask the registers.
type Consent struct {
	At           time.Time `json:"at"`
	TermsVersion string    `json:"terms_version"`
	SPKISHA256   string    `json:"spki_sha256,omitempty"` // the only key to be certified, if announced
}

// Tries counts what went wrong.
type Tries struct {
	Code int `json:"code"`
	Face int `json:"face"`
	Chip int `json:"chip,omitzero"`
	// Unlike counts the faces of Face that were another's.
	Unlike int `json:"unlike,omitzero"`
}

// Proof is one evidence.Record: its public face, and the record sealed.
type Proof struct {
	ID          string               `json:"id"`
	Type        evidence.Type        `json:"type"`
	Source      string               `json:"source"`
	Environment evidence.Environment `json:"environment"`
	Result      evidence.Result      `json:"result"`
	SHA256      string               `json:"sha256"` // hex, of the record as canonical JSON
	RawSHA256   string               `json:"raw_sha256,omitempty"`
	CheckedAt   time.Time            `json:"checked_at"`
	Sealed      seal.Sealed          `json:"sealed"`
}

// Verdict is what is kept of a decision. It orders nothing: at issuance the
// policy is asked again.
type Verdict struct {
	Outcome     evidence.Outcome     `json:"outcome"`
	At          time.Time            `json:"at"`
	Policy      string               `json:"policy"`
	PolicyOID   string               `json:"policy_oid,omitempty"`
	Environment evidence.Environment `json:"environment,omitempty"`
	Evidence    []string             `json:"evidence,omitempty"` // hex SHA-256 of each record counted
	Trace       []evidence.Step      `json:"trace"`
}

// Key is the proven key that the certificate will be for.
type Key struct {
	SPKISHA256 string           `json:"spki_sha256"`
	Form       ca.RequestFormat `json:"form,omitempty"`
	CSR        seal.Sealed      `json:"csr"` // as received: the order can be repeated from it; its subject may name the person
	At         time.Time        `json:"at"`
}

// Agreement is the applicant's agreement to the terms, for one key.
type Agreement struct {
	At           time.Time `json:"at"`
	TermsVersion string    `json:"terms_version"`
	SHA256       string    `json:"sha256"` // hex, of the statement as canonical JSON
}

// become moves the application to a stage, or refuses with Conflict.
func (a *Application) become(to Stage) error {
	if !a.Stage.mayBecome(to) {
		return a.forbids()
	}
	a.Stage = to
	return nil
}

// in refuses with Conflict unless the application is at one of the stages.
func (a *Application) in(stages ...Stage) error {
	if slices.Contains(stages, a.Stage) {
		return nil
	}
	return a.forbids()
}

func (a *Application) forbids() error {
	switch a.Stage {
	case Expired:
		return fault.New(fault.Conflict, "application_expired", "this application is past its time; start a new one")
	case FailedAttempts:
		return fault.New(fault.Conflict, "application_failed", "too many wrong tries ended this application; start a new one")
	case Rejected, Cancelled, Erased:
		return fault.New(fault.Conflict, "application_ended", "this application has ended (%[1]s); start a new one", a.Stage)
	}
	return fault.New(fault.Conflict, "application_stage", "this step does not fit the stage of the application (%[1]s); look at what it needs next", a.Stage)
}

// attach adds a proof. A change of evidence voids the verdict, the key and
// the agreement and goes back to collecting; once issuing has begun it is
// refused.
func (a *Application) attach(p Proof) error {
	switch a.Stage {
	case Collecting, Waiting:
	case Consented, Evaluated, Approved, KeyBound, Agreed:
		if err := a.become(Collecting); err != nil {
			return err
		}
	default:
		return a.forbids()
	}
	a.Stage = Collecting
	a.Decision, a.Key, a.Agreement = nil, nil, nil
	a.Evidence = append(slices.Clone(a.Evidence), p)
	return nil
}

// latest returns the newest proof of the type, and whether there is one.
func (a *Application) latest(t evidence.Type) (Proof, bool) {
	for _, p := range slices.Backward(a.Evidence) {
		if p.Type == t {
			return p, true
		}
	}
	return Proof{}, false
}

// proven reports whether the newest proof of the type is a match.
func (a *Application) proven(t evidence.Type) bool {
	p, ok := a.latest(t)
	return ok && p.Result == evidence.Match
}

// settled reports whether the newest proof of the type is an answer at all.
func (a *Application) settled(t evidence.Type) bool {
	p, ok := a.latest(t)
	return ok && p.Result != evidence.Unavailable
}

// beginning reports whether the registers were never asked or no code ever
// went out.
func (a *Application) beginning() bool {
	return a.Stage == Consented || a.Stage == Collecting && a.CodeAt.IsZero()
}

// phoneProven reports whether the applicant has the phone that the register
// says is the person's.
func (a *Application) phoneProven() bool {
	return a.proven(evidence.MobileOwnership) && a.proven(evidence.OTPSMS)
}

// phoneOutcome is how an application goes on whose code is in while the
// register has not said that the phone is the person's. It rests on what that
// register said of the phone and on nothing else: an unknown person, a dead
// one and a living one with another phone go the same way.
func (a *Application) phoneOutcome() evidence.Outcome {
	said := map[evidence.Result]bool{}
	for _, p := range a.Evidence {
		if p.Type == evidence.MobileOwnership {
			said[p.Result] = true
		}
	}
	switch {
	case !a.settled(evidence.MobileOwnership):
		return evidence.Waiting
	case said[evidence.Match] || said[evidence.Inconclusive]:
		return evidence.Review
	}
	return evidence.Rejected
}

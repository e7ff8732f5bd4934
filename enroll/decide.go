package enroll

import (
	"context"
	"slices"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/fault"
)

// Need is what the applicant has to do next: the last word of a route.
type Need string

// The needs.
const (
	NeedConsent     Need = "consent"
	NeedCode        Need = "otp_sms"
	NeedChip        Need = "emrtd_chip" // the app on a phone reads it
	NeedFace        Need = "face_match"
	NeedLogin       Need = "eid_oidc"
	NeedVideo       Need = "document_video"
	NeedAttestation Need = "device_attestation" // the device of the key vouches for it
	NeedRefresh     Need = "refresh"            // a register was down: ask again
	NeedCSR         Need = "csr"
	NeedCertificate Need = "certificate" // it is there: fetch it
	NeedAppeal      Need = "appeal"      // officers refused: other officers look at it, if the applicant wants
)

// reviewFor is how long a review may take.
const reviewFor = 7 * 24 * time.Hour

// codeFresh is how old the proof of the phone may be when an application is
// approved, whatever age the policy lets it have as evidence: together with
// the life of an approval it keeps what a stolen token is worth short.
const codeFresh = time.Hour

// judge asks the policy about the application as it is now. The decision is
// the only thing that can order a certificate and is never stored.
func (d *Desk) judge(a Application, now time.Time) (evidence.Decision, error) {
	records, err := d.records(a)
	if err != nil {
		return evidence.Decision{}, err
	}
	return d.Policy.Evaluate(evidence.Case{Profile: a.Profile, Home: a.Home, Records: records}, now), nil
}

// wanted returns the proofs that are still to be given: those that are not
// there and those that have become stale, the applicant's own apart from the
// registers'. A register that denied or contradicted is not asked again.
func (d *Desk) wanted(a Application, decision evidence.Decision, now time.Time) (own, registers []evidence.Type) {
	mine := d.ownSet(a, now)
	for _, t := range ownTypes() {
		if ofFace(t) && d.faceUnclear(a) {
			continue // persons look at it
		}
		lacks := slices.Contains(mine, t) && d.lacking(a, t, now)
		if (lacks || slices.Contains(decision.Missing(), t)) && d.offered(t) {
			own = append(own, t)
		}
	}
	for _, t := range append(d.registerTypes(a.Profile), evidence.Mandate) {
		if !a.settled(t) && t != evidence.Mandate || slices.Contains(decision.Missing(), t) {
			registers = append(registers, t)
		}
	}
	return own, registers
}

// lacks reports whether a proof of the type is still wanted, or would do in
// place of one that is.
func (d *Desk) lacks(a Application, t evidence.Type, now time.Time) (bool, error) {
	decision, err := d.judge(a, now)
	if err != nil {
		return false, err
	}
	own, registers := d.wanted(a, decision, now)
	return slices.Contains(own, t) || slices.Contains(registers, t) || slices.Contains(d.ways(a, own, now), t), nil
}

// settle moves an application that collects on as far as its evidence goes.
// What the registers said decides nothing before the applicant has proven the
// phone that the register holds: until then an outsider could read answers off
// the stage. Who proved another phone hears a no that rests on the phone alone,
// and needs no face for it.
func (d *Desk) settle(s *step) error {
	if err := s.in(Collecting, Waiting); err != nil {
		return err
	}
	decision, err := d.judge(s.Application, s.now)
	if err != nil {
		return err
	}
	own, _ := d.wanted(s.Application, decision, s.now)
	verdict := verdictOf(decision)
	// Who proved their phone need not show their face to hear a no.
	open := len(own) > 0 && !(verdict.Outcome == evidence.Rejected && s.phoneProven())
	if s.proven(evidence.OTPSMS) && !slices.Contains(own, evidence.OTPSMS) && !s.phoneProven() {
		verdict.Outcome, open = s.phoneOutcome(), false
	}
	switch {
	case open:
		s.Stage = Collecting
		return nil
	case verdict.Outcome == evidence.Waiting:
		if s.Stage != Waiting {
			s.todo(workWait)
		}
		s.Stage = Waiting
		s.note("waiting", "")
		return nil
	}
	if err := s.move(Evaluated, "evaluated", decision.PolicyVersion()); err != nil {
		return err
	}
	s.Decision = verdict
	return d.conclude(s)
}

// conclude draws the consequence of the verdict.
func (d *Desk) conclude(s *step) error {
	switch s.Decision.Outcome {
	case evidence.Approved:
		rules, _ := d.Policy.Rules(s.Profile)
		if until := s.now.Add(rules.ApprovedFor); until.Before(s.Deadline) {
			s.Deadline = until
		}
		if err := s.move(Approved, "approved", s.Decision.Policy); err != nil {
			return err
		}
		s.leaf("application.approved", s.Decision.Policy, "approved")
		return nil
	case evidence.Review:
		s.Deadline = s.now.Add(reviewFor)
		return s.move(Review, "review", "")
	}
	return s.move(Rejected, "rejected", "")
}

func verdictOf(d evidence.Decision) *Verdict {
	return &Verdict{
		Outcome: d.Outcome(), At: d.At(), Policy: d.PolicyVersion(), PolicyOID: d.PolicyOID(),
		Environment: d.Environment(), Evidence: d.Evidence(), Trace: d.Trace(),
	}
}

// State is what the applicant is shown. Nothing personal is in it.
type State struct {
	ID          string          `json:"id" doc:"number of the application"`
	Stage       Stage           `json:"stage" doc:"how far it has come"`
	Profile     string          `json:"profile"`
	Needs       []Need          `json:"needs" doc:"what to do next, as the last word of a route"`
	Ways        []Need          `json:"ways,omitempty" doc:"proofs that would do in place of one that is needed"`
	AtVendor    []Need          `json:"at_vendor,omitempty" doc:"those of both that are given on a vendor's pages: without a body, the answer has the visit"`
	Visit       *VisitState     `json:"visit,omitempty"`
	WaitsFor    []Awaited       `json:"waits_for,omitempty" doc:"who is still to answer, and since when"`
	Policy      string          `json:"policy,omitempty" doc:"version of the policy that decided"`
	Trace       []evidence.Step `json:"trace,omitempty" doc:"the rules asked, once the applicant's phone is proven"`
	TermsToSign string          `json:"terms_version" doc:"version of the terms to consent to"`
	CodeSentAt  *time.Time      `json:"code_sent_at,omitempty"`
	ExpiresAt   *time.Time      `json:"expires_at,omitempty" doc:"the application ends then"`
	Reasons     string          `json:"reasons,omitempty" doc:"of the officers who decided last"`
	Serial      string          `json:"serial,omitempty" doc:"of the certificate, hexadecimal"`
	Earlier     bool            `json:"earlier,omitzero" doc:"the face check of an earlier certificate can count, by its revocation code"`
	Holds       []Held          `json:"holds,omitempty" doc:"good certificates of this kind that the person has: renew one with its key, or revoke it if the key is lost; told once the phone is proven"`
}

// Show returns what the applicant may see of the application.
func (d *Desk) Show(ctx context.Context, a Application) (State, error) {
	now := d.now()
	if a.overdue(now) {
		a.Stage = Expired
	}
	rules, _ := d.Policy.Rules(a.Profile)
	s := State{ID: a.ID, Stage: a.Stage, Profile: a.Profile, Needs: []Need{}, Serial: a.Serial, TermsToSign: rules.TermsVersion}
	if a.Consent != nil {
		s.TermsToSign = a.Consent.TermsVersion
	}
	if !a.CodeAt.IsZero() {
		s.CodeSentAt = &a.CodeAt
	}
	if a.Stage.Open() && a.Stage != Issuing {
		s.ExpiresAt = &a.Deadline
	}
	if a.Decision != nil {
		s.Policy = a.Decision.Policy
		if a.phoneProven() {
			s.Trace = a.Decision.Trace
		}
	}
	if a.Stage != Erased {
		var err error
		if s.Reasons, err = d.reasons(a); err != nil {
			return State{}, err
		}
	}
	s.WaitsFor = a.awaited(d.registerTypes(a.Profile))
	own, ways, err := d.lackingNow(a, now)
	if err != nil {
		return State{}, err
	}
	if s.Holds, err = d.holds(ctx, a, now); err != nil {
		return State{}, err
	}
	s.Needs = append(s.Needs, a.needs(own)...)
	s.Earlier = slices.Contains(s.Needs, NeedFace) && a.phoneProven() && d.takesEarlier(a.Profile)
	if a.Stage == Collecting {
		s.Ways = asNeeds(ways)
	}
	if err := d.showVisit(&s, a, now, slices.Concat(own, ways)); err != nil {
		return State{}, err
	}
	return s, nil
}

// needs are the steps that the applicant has to take at the stage; own are the
// proofs that are still theirs to give.
func (a *Application) needs(own []evidence.Type) []Need {
	switch a.Stage {
	case Created, Consented:
		return []Need{NeedConsent}
	case Waiting:
		return []Need{NeedRefresh}
	case Approved, KeyBound, Agreed:
		return []Need{NeedCSR}
	case Issued:
		return []Need{NeedCertificate}
	case Rejected:
		if a.mayAppeal() {
			return []Need{NeedAppeal}
		}
	case Collecting:
		return asNeeds(own)
	}
	return nil
}

func asNeeds(types []evidence.Type) (list []Need) {
	for _, t := range types {
		list = append(list, Need(t))
	}
	return list
}

// errUnproven is what a key meets that comes before the approval.
func errUnproven() error {
	return fault.New(fault.Conflict, "application_unapproved", "the application is not approved, so no key can be certified; give the evidence it still needs")
}

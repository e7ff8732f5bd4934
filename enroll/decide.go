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
	NeedFace        Need = "face_match"
	NeedRefresh     Need = "refresh" // a register was down: ask again
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

// ownTypes are the proofs that only the applicant can give.
func ownTypes() []evidence.Type { return []evidence.Type{evidence.OTPSMS, evidence.FaceMatch} }

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
	blank := d.Policy.Evaluate(evidence.Case{Profile: a.Profile, Home: a.Home}, now)
	for _, t := range ownTypes() {
		p, _ := a.latest(t)
		if t == evidence.FaceMatch && d.faceUnclear(a) {
			continue // persons look at it
		}
		stale := t == evidence.OTPSMS && now.Sub(p.CheckedAt) > codeFresh
		lacks := slices.Contains(blank.Missing(), t) && (!a.proven(t) || stale)
		if lacks || slices.Contains(decision.Missing(), t) {
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

// lacks reports whether a proof of the type is still wanted.
func (d *Desk) lacks(a Application, t evidence.Type, now time.Time) (bool, error) {
	decision, err := d.judge(a, now)
	if err != nil {
		return false, err
	}
	own, registers := d.wanted(a, decision, now)
	return slices.Contains(own, t) || slices.Contains(registers, t), nil
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
	needs, err := d.needs(a, now)
	if err != nil {
		return State{}, err
	}
	if s.Holds, err = d.holds(ctx, a, now); err != nil {
		return State{}, err
	}
	s.Needs = append(s.Needs, needs...)
	s.Earlier = slices.Contains(needs, NeedFace) && a.phoneProven() && d.takesEarlier(a.Profile)
	return s, nil
}

func (d *Desk) needs(a Application, now time.Time) ([]Need, error) {
	switch a.Stage {
	case Created, Consented:
		return []Need{NeedConsent}, nil
	case Waiting:
		return []Need{NeedRefresh}, nil
	case Approved, KeyBound, Agreed:
		return []Need{NeedCSR}, nil
	case Issued:
		return []Need{NeedCertificate}, nil
	case Rejected:
		if a.mayAppeal() {
			return []Need{NeedAppeal}, nil
		}
	case Collecting:
		decision, err := d.judge(a, now)
		if err != nil {
			return nil, err
		}
		var list []Need
		own, _ := d.wanted(a, decision, now)
		for _, t := range own {
			list = append(list, Need(t))
		}
		return list, nil
	}
	return nil, nil
}

// errUnproven is what a key meets that comes before the approval.
func errUnproven() error {
	return fault.New(fault.Conflict, "application_unapproved", "the application is not approved, so no key can be certified; give the evidence it still needs")
}

package enroll

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
)

const (
	reviewType = "mohr-review/1"
	// afterReview is how long an applicant has to go on once officers have
	// answered for the case.
	afterReview = 72 * time.Hour
	// appealFor is how long a refusal by officers can be appealed against.
	appealFor = 14 * 24 * time.Hour
	// maxReasons bounds reasons, octets.
	maxReasons = 4000
	// maxProposals bounds what officers may propose of one application.
	maxProposals = 20
	// officerSource is the connector's name in the records of officers.
	officerSource = "officers@1"
)

// ReviewDocument is what officers sign the hash of, as canonical JSON (RFC
// 8785): what is decided, of what, on what they saw, and why.
type ReviewDocument struct {
	Type        string           `json:"type"` // mohr-review/1
	Proposal    string           `json:"proposal"`
	Application string           `json:"application"`
	Profile     string           `json:"profile"`
	Policy      string           `json:"policy"`  // version of the policy that sent it to review
	Outcome     evidence.Outcome `json:"outcome"` // approved or rejected
	Seen        evidence.Claims  `json:"seen"`    // the rules they answer for, and over what
	Reasons     string           `json:"reasons"`
}

// SHA256 returns what officers sign: the hex hash of the canonical JSON.
func (r ReviewDocument) SHA256() (string, error) {
	b, err := canonical(r)
	return hexHash(b), err
}

// Proposal is a document that officers may sign.
type Proposal struct {
	ID       string      `json:"id"`
	By       string      `json:"by"` // operator who wrote it
	At       time.Time   `json:"at"`
	SHA256   string      `json:"sha256"` // hex, of the document
	Document seal.Sealed `json:"document"`
}

// Finding is what officers decided of an application.
type Finding struct {
	Proposal   string           `json:"proposal"`
	SHA256     string           `json:"sha256"` // of the document
	Outcome    evidence.Outcome `json:"outcome"`
	At         time.Time        `json:"at"`
	Officers   []string         `json:"officers"`   // their names as operators
	Statements []string         `json:"statements"` // hex SHA-256 of what each signed; the public log has them
	Reasons    seal.Sealed      `json:"reasons"`
}

// field names what is sealed of the finding.
func (f Finding) field() string { return "review/" + f.Proposal }

const appealField = "appeal"

// mayAppeal reports whether officers refused, once.
func (a *Application) mayAppeal() bool {
	n := len(a.Findings)
	return a.Stage == Rejected && n > 0 && a.Findings[n-1].Outcome == evidence.Rejected && a.Appeal == nil
}

func reasonsOf(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > maxReasons || !utf8.ValidString(s) {
		return "", fault.New(fault.Invalid, "reasons_missing", "give the reasons, in at most %[1]d octets of text: the other side reads them", maxReasons)
	}
	return s, nil
}

// Appeal has other officers look at an application that officers refused.
// Once, within two weeks.
func (d *Desk) Appeal(ctx context.Context, id, token, reasons string) (Application, error) {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return a, err
	}
	if reasons, err = reasonsOf(reasons); err != nil {
		return a, err
	}
	return d.change(ctx, id, func(s *step) error {
		if s.Stage == Review && s.Appeal != nil {
			return errUnchanged
		}
		if !s.mayAppeal() || s.now.Sub(s.Findings[len(s.Findings)-1].At) > appealFor {
			return fault.New(fault.Conflict, "appeal_impossible", "there is nothing to appeal against: only what officers refused is looked at again, once, within two weeks; start a new application")
		}
		sealed, err := d.Seal.Seal(applicationBucket, s.ID, appealField, []byte(reasons))
		if err != nil {
			return err
		}
		s.Appeal, s.Deadline = &sealed, s.now.Add(reviewFor)
		return s.move(Review, "appealed", "")
	})
}

// atReview reads an application at review.
func (d *Desk) atReview(ctx context.Context, id string) (Application, error) {
	a, err := d.load(ctx, id)
	if err == nil {
		err = d.reviewed(a)
	}
	return a, err
}

// reviewed refuses an application that is not at review.
func (d *Desk) reviewed(a Application) error {
	if a.Stage != Review || a.overdue(d.now()) {
		return errReviewOver()
	}
	return nil
}

func errReviewOver() error {
	return fault.New(fault.Conflict, "review_over", "this application is not at review, or no more; list what is")
}

// reasons opens what the officers wrote who decided last; "" if none did.
func (d *Desk) reasons(a Application) (string, error) {
	if len(a.Findings) == 0 {
		return "", nil
	}
	last := a.Findings[len(a.Findings)-1]
	b, err := d.Seal.Open(applicationBucket, a.ID, last.field(), last.Reasons)
	return string(b), err
}

// objection opens what the applicant says against them; "" for nothing.
func (d *Desk) objection(a Application) (string, error) {
	if a.Appeal == nil {
		return "", nil
	}
	b, err := d.Seal.Open(applicationBucket, a.ID, appealField, *a.Appeal)
	return string(b), err
}

// Propose writes down what an officer thinks should be decided. It decides
// nothing. An approval that would not bring the application on is refused.
func (d *Desk) Propose(ctx context.Context, id string, by ca.OperatorRecord, outcome evidence.Outcome, reasons string) (Proposal, error) {
	a, err := d.atReview(ctx, id)
	if err != nil {
		return Proposal{}, err
	}
	if reasons, err = reasonsOf(reasons); err != nil {
		return Proposal{}, err
	}
	if outcome != evidence.Approved && outcome != evidence.Rejected {
		return Proposal{}, fault.New(fault.Invalid, "review_outcome", "officers decide approved or rejected")
	}
	seen, err := d.seen(a, outcome)
	if err != nil {
		return Proposal{}, err
	}
	p := Proposal{ID: newProposal(), By: by.Name, At: d.now()}
	v, err := canonical(ReviewDocument{reviewType, p.ID, a.ID, a.Profile, d.Policy.Version(), outcome, seen, reasons})
	if err != nil {
		return Proposal{}, err
	}
	p.SHA256 = hexHash(v)
	if p.Document, err = d.Seal.Seal(proposalBucket, a.ID, p.ID, v); err != nil {
		return Proposal{}, err
	}
	_, err = d.changeFrom(ctx, a, func(s *step) error {
		if err := s.in(Review); err != nil {
			return err
		}
		s.note("review.proposed", p.ID)
		s.with(func(tx store.Tx) error {
			if all, err := proposals(tx, id); err != nil || len(all) >= maxProposals {
				return errors.Join(err, fault.New(fault.Limited, "review_proposals", "as many proposals as an application may have are there; sign one of them"))
			}
			return store.Save(tx, proposalBucket, id+"/"+p.ID, p)
		})
		return nil
	})
	return p, err
}

func newProposal() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails (crypto/rand)
	return "rv-" + hex.EncodeToString(b)
}

// seen is what officers answer for now. An approval must leave nothing open
// but time: evidence that the applicant or a register gives anew.
func (d *Desk) seen(a Application, outcome evidence.Outcome) (evidence.Claims, error) {
	records, err := d.records(a)
	if err != nil {
		return evidence.Claims{}, err
	}
	rules, _ := d.Policy.Rules(a.Profile)
	c := evidence.Case{Profile: a.Profile, Home: a.Home, Records: records}
	// As it was when the application came here: what has become old since is
	// asked for again afterwards.
	at := a.Decision.At
	seen := evidence.Reviewed(d.Policy.Evaluate(c, at), records)
	if outcome == evidence.Rejected {
		return seen, nil
	}
	seen.Officers = rules.Officers
	c.Records = append(slices.Clone(records), evidence.Record{
		ID: "dry-run", Type: evidence.OfficerReview, Environment: d.Policy.Environment(), Result: evidence.Match, Claims: seen, CheckedAt: at,
	})
	if rules.Officers == 0 || d.Policy.Evaluate(c, at).Outcome() != evidence.Approved {
		return seen, fault.New(fault.Conflict, "review_cannot_approve", "officers cannot approve this: the policy refuses it or lets nobody decide, or evidence is missing that only a register or the applicant can give; reject it with reasons, so that the applicant can begin anew")
	}
	seen.Officers = 0 // how many sign is seen when they do
	return seen, nil
}

// proposals returns what was proposed for the application, oldest first.
func proposals(tx store.Tx, id string) (list []Proposal, err error) {
	err = store.Each(tx, proposalBucket, id+"/", "", func(_ string, p Proposal) error {
		list = append(list, p)
		return nil
	})
	slices.SortStableFunc(list, func(a, b Proposal) int { return a.At.Compare(b.At) })
	return list, err
}

// document opens a proposal.
func (d *Desk) document(id string, p Proposal) (ReviewDocument, []byte, error) {
	var doc ReviewDocument
	b, err := d.Seal.Open(proposalBucket, id, p.ID, p.Document)
	if err != nil {
		return doc, nil, err
	}
	if hexHash(b) != p.SHA256 {
		return doc, nil, fmt.Errorf("proposal %s of %s: it is not the document it was", p.ID, id)
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return doc, nil, fmt.Errorf("proposal %s of %s: %w", p.ID, id, err)
	}
	return doc, b, nil
}

// eraseReview destroys what officers and the applicant wrote.
func (s *step) eraseReview() {
	s.Findings = slices.Clone(s.Findings)
	for i := range s.Findings {
		s.Findings[i].Reasons.Erase()
	}
	if s.Appeal != nil {
		appeal := *s.Appeal
		appeal.Erase()
		s.Appeal = &appeal
	}
}

// eraseProposals deletes the data keys of what officers proposed.
func eraseProposals(tx store.Tx, id string) error {
	list, err := proposals(tx, id)
	for _, p := range list {
		p.Document.Erase()
		err = errors.Join(err, store.Save(tx, proposalBucket, id+"/"+p.ID, p))
	}
	return err
}

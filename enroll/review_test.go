package enroll_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/ca/signature"
	"mohr/enroll"
	"mohr/internal/fault"
	"mohr/internal/nonce"
)

// officer is an operator who decides reviews.
type officer struct {
	*desk
	name string
	key  ca.SigningKey
	ca.OperatorRecord
}

// officer makes one who is the n-th person.
func (d *desk) officer(name string, n int, roles ...ca.Role) officer {
	d.t.Helper()
	k := d.ca.SigningKey(d.t, name, ca.Service{Profile: ca.OperatorAuth, CommonName: name})
	d.must(d.ca.GrantRoles(d.t.Context(), name, append(roles, ca.RoleOfficer)...))
	d.must(d.ca.IntroduceOperator(d.t.Context(), name, d.ca.Holder(nationalCode(n))))
	o, err := d.ca.May(d.t.Context(), k.Certificate, ca.MayReview)
	d.must(err)
	return officer{d, name, k, o}
}

// propose writes a proposal for the application.
func (o officer) propose(a *applicant, outcome evidence.Outcome) enroll.Proposal {
	o.t.Helper()
	p, err := o.Propose(o.t.Context(), a.id, o.OperatorRecord, outcome, "seen and compared with the papers")
	o.must(err)
	return p
}

// statement is what approves the hash of the proposal.
func (o officer) statement(proposal, hash string) approval.Signed {
	o.t.Helper()
	now, leaf := o.clock.now(), sha256.Sum256(o.key.Certificate.Raw)
	payload, err := json.Marshal(approval.Statement{
		Claims: signature.Claims{
			Type: approval.StatementType, Audience: catest.Portal, CertificateSHA256: hex.EncodeToString(leaf[:]),
			Nonce:    (&nonce.Source{Key: make([]byte, 32), Now: o.clock.now}).New(approval.NoncePurpose),
			IssuedAt: now.Unix(), Expires: now.Add(time.Hour).Unix(),
		},
		Approves: proposal, ApprovesSHA256: hash,
	})
	o.must(err)
	jws, err := signature.SignJWS(o.key, approval.StatementType, payload)
	o.must(err)
	return approval.Signed{Signature: jws}
}

// sign signs the proposal and wants the code, "" for none.
func (o officer) sign(a *applicant, p enroll.Proposal, code string) enroll.Stage {
	o.t.Helper()
	now, err := o.Sign(o.t.Context(), a.id, p.ID, o.statement(p.ID, p.SHA256))
	if fault.Code(err) != code || (err != nil) != (code != "") {
		o.t.Fatalf("%s signs: %v, want code %q", o.name, err, code)
	}
	return now.Stage
}

// swapped brings an application to review: its SIM was changed two days ago.
func (d *desk) swapped(n int) *applicant {
	d.t.Helper()
	return d.swappedFor(n, ca.NaturalSign)
}

func (d *desk) swappedFor(n int, profile string) *applicant {
	d.t.Helper()
	sara := person(n)
	sara.simChanged = 2
	d.regs.know(sara)
	a := d.apply(sara, profile)
	a.consent()
	a.code(d.regs.code(sara.mobile))
	a.face("live").want(d.t, enroll.Review)
	return a
}

func TestASIMSwappedTwoDaysAgoIsDecidedByTwoOfficers(t *testing.T) {
	d := newDesk(t, nil)
	a := d.swapped(1)
	maryam, reza := d.officer("maryam", 101), d.officer("reza", 102)
	list, err := d.Reviews(t.Context())
	d.must(err)
	if len(list) != 1 || list[0].ID != a.id || !slices.Equal(list[0].Rules, []string{"mobile_ownership.sim"}) {
		t.Fatalf("at review: %+v", list)
	}
	shown, err := d.ReviewCase(t.Context(), a.id, maryam.OperatorRecord)
	d.must(err)
	if shown.Person.NationalCode != a.who.code || len(shown.Records) != 4 {
		t.Errorf("the officer sees %+v", shown)
	}
	p := maryam.propose(a, evidence.Approved)
	if stage := maryam.sign(a, p, ""); stage != enroll.Review {
		t.Fatalf("one officer alone brought it to %s", stage)
	}
	maryam.sign(a, p, "approval_same_person")
	a.csr(request(t)).refused(t, 409, "application_unapproved")
	if stage := reza.sign(a, p, ""); stage != enroll.Approved {
		t.Fatalf("two officers brought it to %s", stage)
	}
	if stage := reza.sign(a, p, ""); stage != enroll.Approved {
		t.Errorf("the same again brought it to %s", stage)
	}
	d.must(d.Resume(t.Context()))
	if last := d.regs.sent[len(d.regs.sent)-1]; !strings.Contains(last, "/enroll/"+a.id) {
		t.Errorf("the applicant was told %q", last)
	}
	a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	if list, err = d.Reviews(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("still at review: %v %v", list, err)
	}
	events, err := d.Events(t.Context(), a.id)
	d.must(err)
	for _, what := range []string{"review.opened", "review.proposed", "review.approved", "approved"} {
		if !slices.ContainsFunc(events, func(e enroll.Event) bool { return e.What == what }) {
			t.Errorf("the history has no %s", what)
		}
	}
}

// TestAReviewThatTookDaysAsksForTheCodeAgain: what has become old is given
// anew, and what officers answered for holds.
func TestAReviewThatTookDaysAsksForTheCodeAgain(t *testing.T) {
	d := newDesk(t, nil)
	a := d.swapped(1)
	maryam, reza := d.officer("maryam", 101), d.officer("reza", 102)
	d.clock.pass(30 * time.Hour)
	p := maryam.propose(a, evidence.Approved)
	maryam.sign(a, p, "")
	if stage := reza.sign(a, p, ""); stage != enroll.Collecting {
		t.Fatalf("got %s", stage)
	}
	sent := len(d.regs.sent)
	d.must(d.Resume(t.Context()))
	if len(d.regs.sent) == sent {
		t.Error("nobody told the applicant")
	}
	a.state().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
	a.call("POST", a.path("/otp"), a.token, nil)
	a.code(d.regs.code(a.who.mobile))
	a.refresh()
	a.face("live")
	a.state().want(t, enroll.Approved, enroll.NeedCSR)
}

func TestSelfApprovalR9(t *testing.T) {
	d := newDesk(t, nil)
	a := d.swapped(1)
	maryam, sara := d.officer("maryam", 101), d.officer("sara", 1)
	p := sara.propose(a, evidence.Approved) // to write is not to decide
	sara.sign(a, p, "approval_own_matter")
	maryam.sign(a, p, "")
	sara2 := d.officer("maryams-second-name", 101)
	sara2.sign(a, p, "approval_same_person")
	a.state().want(t, enroll.Review)
	a.nothingIssued()
}

func TestOnlyWhatWasSignedIsCarriedOut(t *testing.T) {
	d := newDesk(t, nil)
	a, b := d.swapped(1), d.swapped(2)
	maryam, reza := d.officer("maryam", 101), d.officer("reza", 102)
	yes, no := maryam.propose(a, evidence.Approved), maryam.propose(a, evidence.Rejected)
	if _, err := d.Sign(t.Context(), a.id, yes.ID, reza.statement(no.ID, no.SHA256)); fault.Code(err) != "approval_differs" {
		t.Errorf("a statement about another proposal: %v", err)
	}
	if _, err := d.Sign(t.Context(), a.id, yes.ID, reza.statement(yes.ID, no.SHA256)); fault.Code(err) != "approval_differs" {
		t.Errorf("a statement about another document: %v", err)
	}
	if _, err := d.Sign(t.Context(), b.id, yes.ID, reza.statement(yes.ID, yes.SHA256)); fault.Code(err) != "review_proposal_unknown" {
		t.Errorf("a proposal for another application: %v", err)
	}
	d.must(d.ca.GrantRoles(t.Context(), "reza", ca.RoleRegistrar))
	reza.sign(a, yes, "operator_required")
	d.must(d.ca.GrantRoles(t.Context(), "reza", ca.RoleOfficer))
	reza.sign(a, yes, "")
	// An officer who lost office does not count any more.
	d.must(d.ca.GrantRoles(t.Context(), "reza", ca.RoleRegistrar))
	if stage := maryam.sign(a, yes, ""); stage != enroll.Review {
		t.Errorf("got %s", stage)
	}
	a.nothingIssued()
}

func TestARefusalHasReasonsAndCanBeAppealedAgainstOnce(t *testing.T) {
	d := newDesk(t, nil)
	a := d.swapped(1)
	maryam, reza, omid := d.officer("maryam", 101), d.officer("reza", 102), d.officer("omid", 103)
	if _, err := d.Propose(t.Context(), a.id, maryam.OperatorRecord, evidence.Rejected, " "); fault.Code(err) != "reasons_missing" {
		t.Errorf("without reasons: %v", err)
	}
	appeal := func() reply {
		return a.call("POST", a.path("/appeal"), a.token, map[string]string{"reasons": "it is my SIM"})
	}
	appeal().refused(t, 409, "appeal_impossible")
	if stage := maryam.sign(a, maryam.propose(a, evidence.Rejected), ""); stage != enroll.Rejected {
		t.Fatalf("got %s", stage)
	}
	if r := a.state().want(t, enroll.Rejected, enroll.NeedAppeal); !strings.Contains(string(r.raw), "seen and compared") {
		t.Errorf("no reasons in %s", r.raw)
	}
	appeal().want(t, enroll.Review)
	appeal().want(t, enroll.Review)
	c, err := d.ReviewCase(t.Context(), a.id, reza.OperatorRecord)
	d.must(err)
	if c.Objection != "it is my SIM" || c.Earlier == "" || !c.Appeal {
		t.Errorf("the second officer sees %+v", c)
	}
	p := reza.propose(a, evidence.Approved)
	maryam.sign(a, p, "approval_own_matter")
	reza.sign(a, p, "")
	if stage := omid.sign(a, p, ""); stage != enroll.Approved {
		t.Errorf("got %s", stage)
	}
	b := d.swapped(2)
	maryam.sign(b, maryam.propose(b, evidence.Rejected), "")
	d.clock.pass(15 * 24 * time.Hour)
	b.call("POST", b.path("/appeal"), b.token, map[string]string{"reasons": "late"}).refused(t, 409, "appeal_impossible")
	b.call("POST", b.path("/erase"), b.token, nil).want(t, enroll.Erased)
	if strings.Contains(string(b.state().raw), "compared") {
		t.Error("an erased application still has its reasons")
	}
}

func TestOfficersCannotApproveWhatNobodySaysYesTo(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	d.regs.set(d.regs.contradict, "mobile", true)
	a := d.apply(sara, ca.NaturalSign)
	a.consent()
	a.code(d.regs.code(sara.mobile)).want(t, enroll.Review)
	maryam := d.officer("maryam", 101)
	if _, err := d.Propose(t.Context(), a.id, maryam.OperatorRecord, evidence.Approved, "looks fine"); fault.Code(err) != "review_cannot_approve" {
		t.Errorf("got %v", err)
	}
	if stage := maryam.sign(a, maryam.propose(a, evidence.Rejected), ""); stage != enroll.Rejected {
		t.Errorf("got %s", stage)
	}
}

func TestReviewsAreForOfficersOnly(t *testing.T) {
	d := newDesk(t, nil)
	a := d.swapped(1)
	for _, path := range []string{"/reviews", "/reviews/challenge", "/reviews/" + a.id} {
		d.call("GET", path, a.token, nil).refused(t, 403, "operator_required")
	}
	d.call("POST", "/reviews/"+a.id+"/proposals", "", map[string]string{"outcome": "approved", "reasons": "x"}).refused(t, 403, "operator_required")
	d.call("POST", "/reviews/"+a.id+"/proposals/rv-1/approvals", "", map[string]string{"jws": "x"}).refused(t, 403, "operator_required")
}

func TestWaitingApplicationsGoOnByThemselves(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	d.regs.set(d.regs.down, "person", true)
	a := d.apply(sara, ca.NaturalSign)
	a.consent()
	a.code(d.regs.code(sara.mobile))
	a.face("live").want(t, enroll.Waiting, enroll.NeedRefresh)
	asked := func() int { return d.regs.asked }
	before := asked()
	d.must(d.Resume(t.Context()))
	if asked() != before {
		t.Error("the register was asked again at once")
	}
	times := 0
	for range 60 { // ten minutes of a job that runs every ten seconds
		d.clock.pass(10 * time.Second)
		was := asked()
		d.must(d.Resume(t.Context()))
		if asked() > was {
			times++
		}
	}
	if times < 4 || times > 7 {
		t.Errorf("a register that is down was asked %d times in ten minutes", times)
	}
	sent := len(d.regs.sent)
	d.regs.set(d.regs.down, "person", false)
	d.regs.set(d.regs.down, "sms", true)
	d.clock.pass(11 * time.Minute)
	if err := d.Resume(t.Context()); !errors.Is(err, fault.Unavailable) {
		t.Errorf("the message that could not be sent: %v", err)
	}
	a.state().want(t, enroll.Approved, enroll.NeedCSR)
	d.regs.set(d.regs.down, "sms", false)
	d.must(d.Resume(t.Context()))
	d.must(d.Resume(t.Context()))
	if got := d.regs.sent[sent:]; len(got) != 1 || !strings.Contains(got[0], "/enroll/"+a.id) {
		t.Errorf("the applicant was told %q", got)
	}
}

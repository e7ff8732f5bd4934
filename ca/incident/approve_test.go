package incident_test

import (
	"sync"
	"testing"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/incident"
	"mohr/ca/signature"
	"mohr/internal/fault"
)

// bulk is a plan over the certificates of many.
func (b *bench) bulk(o operator, list []ca.Certificate) incident.Plan {
	b.t.Helper()
	return b.propose(o, incident.Ask{Kind: incident.Revoke, Reason: ca.PrivilegeWithdrawn, Serials: serials(list)})
}

func TestWhatConcernsManyTakesTwoPersons(t *testing.T) {
	b := newBench(t)
	sara, omid := b.officer("sara"), b.officer("omid")
	list, others := b.people(5), b.operatorWith("x", "x", ca.RoleRegistrar)
	p := b.bulk(sara, list)
	_, err := b.execute(sara, p.Document.ID)
	wantCode(t, "without approval", err, "plan_unapproved")
	must(t, b.approve(sara, p))
	_, err = b.execute(sara, p.Document.ID)
	wantCode(t, "with one", err, "plan_unapproved")
	wantCode(t, "a registrar's", b.approve(others, p), "operator_required")
	must(t, b.approve(omid, p))
	shown, err := b.Show(t.Context(), p.Document.ID)
	must(t, err)
	if shown.Counting != 2 || len(shown.Approvals) != 2 || len(shown.Approvals[0].Signature) == 0 || b.leaves("matter.approved", p.Document.ID) != 2 {
		t.Errorf("%d approvals, %d count", len(shown.Approvals), shown.Counting)
	}
	_, err = b.execute(others, p.Document.ID)
	wantCode(t, "carried out by a registrar", err, "operator_required")
	done, err := b.execute(omid, p.Document.ID)
	must(t, err)
	if done.Dealt != 5 || done.Changed != 5 || done.By != "operator:omid" || done.EndedAt.IsZero() {
		t.Errorf("%+v", done)
	}
	b.revokedOnce(list, ca.PrivilegeWithdrawn)
	if by := b.reload(list[0].Serial).Revoked.By; by != "plan:"+p.Document.ID {
		t.Errorf("by %s", by)
	}
	again, err := b.execute(sara, p.Document.ID)
	if err != nil || again.Changed != 5 || b.leaves("plan.executed", p.Document.ID) != 1 {
		t.Errorf("again: %+v, %v", again, err)
	}
	b.revokedOnce(list, ca.PrivilegeWithdrawn)
	wantCode(t, "approving what is done", b.approve(b.officer("third"), p), "plan_begun")
}

func TestOnePersonIsNotTwo(t *testing.T) {
	b := newBench(t)
	sara := b.officer("sara")
	list := b.people(2)
	other := b.operatorWith("sara", "sara's second key", ca.RoleRevocation)
	alias := b.officer("s.karimi")
	holder := b.f.Holder("0012345679")
	must(t, b.f.IntroduceOperator(t.Context(), "sara", holder))
	must(t, b.f.IntroduceOperator(t.Context(), "s.karimi", holder))
	p := b.bulk(sara, list)
	must(t, b.approve(sara, p))
	for name, o := range map[string]operator{"the same certificate": sara, "another certificate of hers": other, "another name of hers": alias} {
		wantCode(t, name, b.approve(o, p), "approval_same_person")
	}
	_, err := b.execute(sara, p.Document.ID)
	wantCode(t, "carried out", err, "plan_unapproved")
}

func TestNobodyApprovesWhatConcernsHimself(t *testing.T) {
	b := newBench(t)
	sara, omid, nima := b.officer("sara"), b.officer("omid"), b.officer("nima")
	list := b.people(1)
	must(t, b.f.IntroduceOperator(t.Context(), "nima", list[0].Holder))
	p := b.propose(sara, incident.Ask{Kind: incident.Revoke, Reason: ca.Unspecified, Serials: []string{list[0].Serial, omid.serial()}})
	wantCode(t, "whose operator's certificate it is", b.approve(omid, p), "approval_own_matter")
	wantCode(t, "whose own certificate it is", b.approve(nima, p), "approval_own_matter")
	must(t, b.approve(sara, p))
	must(t, b.approve(b.officer("fourth"), p))
	_, err := b.execute(omid, p.Document.ID)
	wantCode(t, "carried out by who is concerned", err, "plan_own_matter")
	_, err = b.execute(sara, p.Document.ID)
	must(t, err)
	_, err = b.Execute(t.Context(), p.Document.ID, omid.leaf())
	wantCode(t, "the operator who was revoked", err, "certificate_revoked")
}

func TestAnApprovalIsForOnePlanAndOneUse(t *testing.T) {
	b := newBench(t)
	sara, omid := b.officer("sara"), b.officer("omid")
	list := b.people(3)
	p, other := b.bulk(sara, list), b.bulk(sara, list)
	s := b.statement(sara, p, nil)
	for range 3 {
		shown, err := b.Approve(t.Context(), p.Document.ID, s)
		if err != nil || shown.Counting != 1 || len(shown.Approvals) != 1 {
			t.Errorf("%d approvals, %d count, %v", len(shown.Approvals), shown.Counting, err)
		}
	}
	_, err := b.Approve(t.Context(), other.Document.ID, s)
	wantCode(t, "sent to another plan", err, "approval_differs")
	challenge := b.Challenge()
	reuse := func(doc map[string]any) { doc["nonce"] = challenge.Nonce }
	_, err = b.Approve(t.Context(), p.Document.ID, b.statement(omid, p, reuse))
	must(t, err)
	_, err = b.Approve(t.Context(), other.Document.ID, b.statement(omid, other, reuse))
	wantCode(t, "a nonce again", err, "nonce_used")
	for _, test := range []struct {
		name, field string
		value       any
		code        string
	}{
		{"the hash of another", "approves_sha256", p.SHA256, "approval_differs"},
		{"another type", "type", "mohr-renew/1", "statement_type"},
		{"another audience", "aud", "https://elsewhere.example", "statement_audience"},
		{"another's certificate", "certificate_sha256", hexSHA256(omid.leaf().Raw), "statement_certificate"},
		{"a nonce of its own", "nonce", "x", "nonce_unknown"},
		{"an unknown field", "more", 1, "statement_malformed"},
		{"a time of long ago", "iat", b.clock.now().Add(-hour).Unix(), "statement_time"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := b.Approve(t.Context(), other.Document.ID, b.statement(sara, other, func(doc map[string]any) { doc[test.field] = test.value }))
			wantCode(t, test.name, err, test.code)
		})
	}
	if shown, err := b.Show(t.Context(), other.Document.ID); err != nil || len(shown.Approvals) != 0 {
		t.Errorf("%d approvals, %d count, %v", len(shown.Approvals), shown.Counting, err)
	}
}

func TestAnApprovalByCMSCountsToo(t *testing.T) {
	b := newBench(t)
	sara := b.officer("sara")
	p := b.bulk(sara, b.people(2))
	jws := b.statement(sara, p, nil)
	opened, err := (&signature.Verifier{Authority: b.f.Authority}).JWS(t.Context(), jws.Signature, approval.StatementType)
	must(t, err)
	cms, err := signature.Signer{Key: sara.key, Now: b.clock.now}.CMS(opened.Payload())
	must(t, err)
	shown, err := b.Approve(t.Context(), p.Document.ID, approval.Signed{Signature: cms, Document: opened.Payload()})
	if err != nil || shown.Counting != 1 {
		t.Errorf("%d approvals, %d count, %v", len(shown.Approvals), shown.Counting, err)
	}
}

func TestAPlanThatWasChangedIsNeitherApprovedNorCarriedOut(t *testing.T) {
	for _, test := range []struct {
		name   string
		tamper func(b *bench, p incident.Plan, extra ca.Certificate)
	}{
		{"another reason", func(b *bench, p incident.Plan, _ ca.Certificate) {
			b.tamper("incident_plans", p.Document.ID, "privilegeWithdrawn", "superseded")
		}},
		{"no approvals needed", func(b *bench, p incident.Plan, _ ca.Certificate) {
			b.tamper("incident_plans", p.Document.ID, `"needs":2`, `"needs":0`)
		}},
		{"one more target", func(b *bench, p incident.Plan, extra ca.Certificate) {
			b.tamper("incident_targets", p.Document.ID+"/"+p.Document.Sample[0], "true", "false")
			must(b.t, b.addTarget(p, extra))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			sara, omid, third := b.officer("sara"), b.officer("omid"), b.officer("third")
			list := b.people(3)
			p := b.bulk(sara, list[:2])
			must(t, b.approve(sara, p))
			must(t, b.approve(omid, p))
			test.tamper(b, p, list[2])
			if test.name != "one more target" {
				wantCode(t, "approved", b.approve(third, p), "plan_changed")
			}
			_, err := b.execute(sara, p.Document.ID)
			wantCode(t, "carried out", err, "plan_changed")
			for _, c := range list {
				if b.reload(c.Serial).Revoked != nil {
					t.Error("revoked by a changed plan")
				}
			}
		})
	}
}

func TestTheApprovalOfAnOperatorWhoEndedDoesNotCount(t *testing.T) {
	b := newBench(t)
	sara, omid := b.officer("sara"), b.officer("omid")
	p := b.bulk(sara, b.people(2))
	for _, o := range []operator{sara, omid} {
		must(t, b.approve(o, p))
	}
	for _, step := range []struct {
		name     string
		deed     func() error
		counting int
	}{
		{"a suspended certificate", func() error { return b.f.Suspend(t.Context(), omid.serial(), "test") }, 1},
		{"a lifted suspension", func() error { return b.f.Resume(t.Context(), omid.serial(), "test") }, 2},
		{"a role taken away", func() error { return b.f.GrantRoles(t.Context(), "omid", ca.RoleRegistrar) }, 1},
		{"the role given back", func() error { return b.f.GrantRoles(t.Context(), "omid", ca.RoleRevocation) }, 2},
		{"a revoked certificate", func() error { return b.f.Revoke(t.Context(), omid.serial(), ca.KeyCompromise, "test") }, 1},
	} {
		must(t, step.deed())
		if shown, err := b.Show(t.Context(), p.Document.ID); err != nil || shown.Counting != step.counting {
			t.Errorf("%s: %d count, %v", step.name, shown.Counting, err)
		}
	}
	_, err := b.execute(sara, p.Document.ID)
	wantCode(t, "carried out", err, "plan_unapproved")
	wantCode(t, "approved with the revoked key", b.approve(omid, p), "certificate_revoked")
	// With a new key she may say it again.
	must(t, b.approve(b.operatorWith("omid", "omid's new key", ca.RoleRevocation), p))
	if _, err := b.execute(sara, p.Document.ID); err != nil {
		t.Error(err)
	}
}

func TestTwoApproversAtOnceAndOneOfThemTwiceAreTwo(t *testing.T) {
	b := newBench(t)
	sara, omid := b.officer("sara"), b.officer("omid")
	p := b.bulk(sara, b.people(2))
	statements := []approval.Signed{b.statement(sara, p, nil), b.statement(sara, p, nil), b.statement(omid, p, nil), b.statement(omid, p, nil)}
	errs := make([]error, len(statements))
	var all sync.WaitGroup
	for i, s := range statements {
		all.Go(func() { _, errs[i] = b.Approve(t.Context(), p.Document.ID, s) })
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if fault.Code(err) != "approval_same_person" {
			t.Error(err)
		}
	}
	shown, err := b.Show(t.Context(), p.Document.ID)
	if err != nil || won != 2 || shown.Counting != 2 || len(shown.Approvals) != 2 {
		t.Errorf("%d won, %d approvals, %d count, %v", won, len(shown.Approvals), shown.Counting, err)
	}
}

// TestOperatorsAndHoldersDoNotSpeakForEachOther: what one approves in office
// is not said as a holder.
func TestOperatorsAndHoldersDoNotSpeakForEachOther(t *testing.T) {
	b := newBench(t)
	sara := b.officer("sara")
	holder, c := b.f.IssueTo(t, person(1), ca.NaturalSign, "holder")
	p := b.bulk(sara, append(b.people(1), c))
	wantCode(t, "a holder's approval", b.approve(operator{"holder", holder}, p), "statement_signer")
	v := &signature.Verifier{Authority: b.f.Authority}
	for _, typ := range []string{"mohr-renew/1", "mohr-badge-request/1", "mohr-complaint-answer/1"} {
		signed, err := v.JWS(t.Context(), b.statement(sara, p, func(doc map[string]any) { doc["type"] = approval.StatementType }).Signature, approval.StatementType)
		must(t, err)
		_, _, err = signature.ParseClaims[approval.Statement](signed, typ, b.Audience, b.clock.now())
		wantCode(t, typ, err, "statement_signer")
	}
}

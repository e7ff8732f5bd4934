package incident_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/incident"
	"mohr/internal/fault"
	"mohr/internal/store"
	"mohr/internal/store/storetest"
)

// approved is a plan over many that two have approved.
func (b *bench) approved(sara, omid operator, a incident.Ask) incident.Plan {
	b.t.Helper()
	p := b.propose(sara, a)
	must(b.t, b.approve(sara, p))
	must(b.t, b.approve(omid, p))
	return p
}

func TestTwoExecutorsEndEachCertificateOnce(t *testing.T) {
	b := newBench(t)
	sara, omid := b.officer("sara"), b.officer("omid")
	list := b.people(60)
	p := b.approved(sara, omid, incident.Ask{Kind: incident.Revoke, Reason: ca.Superseded, Serials: serials(list)})
	var all sync.WaitGroup
	for _, o := range []operator{sara, omid, sara} {
		all.Go(func() {
			if _, err := b.execute(o, p.Document.ID); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			if err := b.Continue(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	b.revokedOnce(list, ca.Superseded)
	if s, err := b.Show(t.Context(), p.Document.ID); err != nil || s.Plan.Dealt != 60 || s.Plan.Changed != 60 || b.leaves("plan.executed", p.Document.ID) != 1 {
		t.Errorf("%+v, %v", s.Plan, err)
	}
}

func TestAPlanIsCarriedOutOnAStoreThatRunsTransactionsTwice(t *testing.T) {
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	must(t, err)
	t.Cleanup(func() { s.Close() })
	b := benchOn(t, storetest.Twice(s), &catest.Keys{})
	sara, omid := b.officer("sara"), b.officer("omid")
	list := b.people(5)
	p := b.approved(sara, omid, incident.Ask{Kind: incident.Revoke, Reason: ca.Superseded, Serials: serials(list)})
	done, err := b.execute(sara, p.Document.ID)
	if err != nil || done.Dealt != 5 || done.Changed != 5 {
		t.Errorf("%+v, %v", done, err)
	}
	b.revokedOnce(list, ca.Superseded)
	_, csr := newKey(t)
	proof := proofOf(t, csr)
	for range 2 {
		_, err := b.ReportKey(t.Context(), proof)
		must(t, err)
	}
}

// flaky fails one Update, and every one after it.
type flaky struct {
	store.Store
	mu   sync.Mutex // guards left
	left int        // Updates that still go through; negative: all
}

var errGone = errors.New("the store is gone")

func (f *flaky) Update(ctx context.Context, fn func(store.Tx) error) error {
	f.mu.Lock()
	if f.left == 0 {
		f.mu.Unlock()
		return errGone
	}
	f.left--
	f.mu.Unlock()
	return f.Store.Update(ctx, fn)
}

func TestWhatAFailureInterruptsGoesOnWhereItStopped(t *testing.T) {
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	must(t, err)
	t.Cleanup(func() { s.Close() })
	weak := &flaky{Store: s, left: -1}
	b := benchOn(t, weak, &catest.Keys{})
	sara, omid := b.officer("sara"), b.officer("omid")
	list := b.people(9)
	p := b.approved(sara, omid, incident.Ask{Kind: incident.Revoke, Reason: ca.Superseded, Serials: serials(list)})
	for n := 1; ; n++ {
		weak.left = 2 // one to begin, one batch of two
		got, err := b.Execute(t.Context(), p.Document.ID, sara.leaf())
		if err == nil && got.State == incident.Done {
			break
		}
		if !errors.Is(err, errGone) || n > 10 {
			t.Fatalf("try %d: %v", n, err)
		}
		weak.left = -1
		if s, err := b.Show(t.Context(), p.Document.ID); err != nil || s.Plan.Dealt != min(2*n, 9) {
			t.Errorf("try %d: %d dealt with, %v", n, s.Plan.Dealt, err)
		}
	}
	weak.left = -1
	b.revokedOnce(list, ca.Superseded)
}

func TestAPlanIsExactEvenIfTheWorldHasMovedOn(t *testing.T) {
	b := newBench(t)
	sara, omid := b.officer("sara"), b.officer("omid")
	list := b.people(4)
	p := b.approved(sara, omid, incident.Ask{Kind: incident.Revoke, Reason: ca.Superseded, Profile: list[0].Profile})
	must(t, b.f.Revoke(t.Context(), list[0].Serial, ca.AffiliationChanged, "test"))
	must(t, b.f.Suspend(t.Context(), list[1].Serial, "test"))
	_, later := b.f.IssueTo(t, person(50), ca.NaturalSign, "later")
	done, err := b.execute(sara, p.Document.ID)
	if err != nil || done.Dealt != 4 || done.Changed != 3 {
		t.Errorf("%+v, %v", done, err)
	}
	for n, reason := range []ca.Reason{ca.AffiliationChanged, ca.Superseded, ca.Superseded, ca.Superseded} {
		if got := b.reload(list[n].Serial).Revoked.Reason; got != reason {
			t.Errorf("certificate %d: %s, want %s", n, got, reason)
		}
	}
	if b.reload(later.Serial).Revoked != nil {
		t.Error("a certificate that was not in the plan was revoked")
	}
}

func TestOneOperatorEndsWhatConcernsOnePerson(t *testing.T) {
	b := newBench(t)
	sara, reza := b.operatorWith("sara", "sara", ca.RoleRegistrar), b.operatorWith("reza", "reza", ca.RoleAuditor)
	b.f.IssueTo(t, person(1), ca.NaturalSign, "1")
	b.f.IssueTo(t, person(1), ca.NaturalSign, "2")
	p := b.propose(sara, incident.Ask{Kind: incident.Revoke, Reason: ca.Unspecified, Holder: b.f.Holder(person(1).NationalCode)})
	_, err := b.execute(reza, p.Document.ID)
	wantCode(t, "an auditor", err, "operator_required")
	_, err = b.Execute(t.Context(), p.Document.ID, nil)
	wantCode(t, "nobody", err, "operator_required")
	wantCode(t, "an approval", b.approve(sara, p), "plan_needs_none")
	done, err := b.execute(sara, p.Document.ID)
	if err != nil || done.Changed != 2 {
		t.Errorf("%+v, %v", done, err)
	}
	_, err = b.Execute(t.Context(), "p-0", sara.leaf())
	wantCode(t, "no plan", err, "plan_unknown")
}

func TestRenewNowIsAMarkThatCanBeTakenAway(t *testing.T) {
	b := newBench(t)
	sara, omid := b.officer("sara"), b.officer("omid")
	list := b.people(4)
	all := incident.Ask{Kind: incident.RenewNow, Profile: ca.NaturalSign}
	on := b.approved(sara, omid, all)
	done, err := b.execute(omid, on.Document.ID)
	if err != nil || done.Changed != 4 {
		t.Fatalf("%+v, %v", done, err)
	}
	for _, c := range list {
		if now := b.reload(c.Serial); now.RenewNow == nil || now.RenewNow.Plan != on.Document.ID || now.Revoked != nil {
			t.Errorf("%+v", now)
		}
	}
	if doc := b.propose(sara, all).Document; doc.Targets != 0 || doc.LeftOut["marked"] != 4 {
		t.Errorf("again: %+v", doc)
	}
	off := b.propose(sara, incident.Ask{Kind: incident.RenewLater, Serials: []string{list[0].Serial}})
	if _, err := b.execute(sara, off.Document.ID); err != nil {
		t.Fatal(err)
	}
	if b.reload(list[0].Serial).RenewNow != nil || b.reload(list[1].Serial).RenewNow == nil {
		t.Error("the mark went where it should not, or stayed where it should not")
	}
}

func TestAListOfKeysIsBlockedByTwoPersons(t *testing.T) {
	b := newBench(t)
	sara, omid := b.officer("sara"), b.officer("omid")
	list := b.people(2)
	_, unseen := newKey(t)
	keys := []string{list[0].SPKISHA256, list[0].SPKISHA256, unseen.SPKISHA256()}
	p := b.propose(sara, incident.Ask{Kind: incident.Block, Keys: keys})
	if doc := p.Document; doc.Targets != 2 || doc.Certificates != 1 || doc.Needs != 2 {
		t.Errorf("%+v", doc)
	}
	must(t, b.approve(sara, p))
	must(t, b.approve(omid, p))
	done, err := b.execute(sara, p.Document.ID)
	if err != nil || done.Dealt != 2 || done.Changed != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	b.revokedOnce(list[:1], ca.KeyCompromise)
	if b.reload(list[1].Serial).Revoked != nil {
		t.Error("another key's certificate was revoked")
	}
	_, err = b.f.Issue(t.Context(), ca.Order{Request: "again", CSR: unseen, Decision: b.f.Decide(t, person(9), ca.NaturalSign)})
	wantCode(t, "the unseen key", err, "key_compromised")
	if doc := b.propose(sara, incident.Ask{Kind: incident.Revoke, Reason: ca.KeyCompromise, Keys: keys}).Document; doc.Kind != incident.Block || doc.LeftOut["blocked"] != 2 {
		t.Errorf("again: %+v", doc)
	}
}

func TestRolesChangeByTwoCustodiansWhomTheyDoNotConcern(t *testing.T) {
	b := newBench(t)
	var custodians []operator
	for n := range 3 {
		custodians = append(custodians, b.operatorWith(fmt.Sprint("custodian", n), fmt.Sprint("custodian", n), ca.RoleCustodian))
	}
	sara := b.officer("sara")
	roles := func(name string) []ca.Role {
		list, err := b.f.Operators(t.Context())
		must(t, err)
		for _, o := range list {
			if o.Name == name {
				return o.Roles
			}
		}
		return nil
	}
	p := b.propose(custodians[0], incident.Ask{Kind: incident.Roles, Operator: "custodian0", Roles: []ca.Role{ca.RoleRevocation}})
	wantCode(t, "of one's own", b.approve(custodians[0], p), "approval_own_matter")
	wantCode(t, "by a revocation officer", b.approve(sara, p), "operator_required")
	must(t, b.approve(custodians[1], p))
	_, err := b.execute(custodians[1], p.Document.ID)
	wantCode(t, "with one approval", err, "plan_unapproved")
	must(t, b.approve(custodians[2], p))
	_, err = b.execute(custodians[2], p.Document.ID)
	must(t, err)
	if got := roles("custodian0"); len(got) != 1 || got[0] != ca.RoleRevocation {
		t.Errorf("roles %v", got)
	}
	away := b.approved(custodians[1], custodians[2], incident.Ask{Kind: incident.Roles, Operator: "sara"})
	_, err = b.execute(custodians[1], away.Document.ID)
	must(t, err)
	if got := roles("sara"); len(got) != 0 {
		t.Errorf("roles %v", got)
	}
	_, err = b.f.May(t.Context(), sara.leaf(), ca.MayRead)
	if !errors.Is(err, fault.Denied) {
		t.Errorf("after all roles were taken: %v", err)
	}
}

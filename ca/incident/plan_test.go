package incident_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/incident"
)

func TestADryRunCountsAndChangesNothing(t *testing.T) {
	b := newBench(t)
	sara := b.officer("sara")
	list := b.people(4)
	must(t, b.f.Revoke(t.Context(), list[3].Serial, ca.Unspecified, "test"))
	p := b.propose(sara, incident.Ask{Kind: incident.Revoke, Reason: ca.PrivilegeWithdrawn, Serials: append(serials(list), list[0].Serial, "1ab")})
	doc := p.Document
	if doc.Targets != 3 || doc.Certificates != 3 || doc.Needs != 2 || p.State != incident.Proposed || doc.ProposedBy != "operator:sara" || len(doc.Sample) != 3 {
		t.Errorf("plan %+v", p)
	}
	if diff := cmp.Diff(map[string]int{"revoked": 1, "unknown": 1}, doc.LeftOut); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{list[0].Profile: 3}, doc.ByProfile); diff != "" {
		t.Errorf("by profile (-want +got):\n%s", diff)
	}
	if hash, err := doc.Hash(); err != nil || hash != p.SHA256 {
		t.Errorf("hash %s, %v, of a plan with %s", hash, err, p.SHA256)
	}
	for _, c := range list[:3] {
		if now := b.reload(c.Serial); now.Revoked != nil {
			t.Error("a dry run revoked")
		}
	}
}

func TestAPlanSelectsWhatItNamesAndNothingElse(t *testing.T) {
	b := newBench(t)
	sara := b.officer("sara")
	list := b.people(2)
	key, csr := newKey(t)
	_ = key
	both := []ca.Certificate{}
	for n := range 2 {
		c, err := b.f.Issue(t.Context(), ca.Order{Request: fmt.Sprintf("same key/%d", n), CSR: csr, Decision: b.f.Decide(t, person(7), ca.NaturalSign)})
		must(t, err)
		both = append(both, c)
	}
	_, company := b.f.IssueTo(t, catest.Zahra, ca.OrganisationSign, "company")
	for _, test := range []struct {
		name  string
		ask   incident.Ask
		want  int
		needs int
	}{
		{"a serial", incident.Ask{Serials: []string{"0" + list[0].Serial}}, 1, 0},
		{"two persons' serials", incident.Ask{Serials: serials(list)}, 2, 2},
		{"a key", incident.Ask{Keys: []string{csr.SPKISHA256()}}, 2, 0},
		{"two keys, one of nobody", incident.Ask{Keys: []string{csr.SPKISHA256(), fmt.Sprintf("%064x", 7)}}, 2, 0},
		{"a person", incident.Ask{Holder: both[0].Holder}, 2, 0},
		{"nobody", incident.Ask{Holder: "h-0"}, 0, 0},
		{"a business", incident.Ask{Business: company.Business}, 1, 0},
		{"a version of a profile", incident.Ask{Profile: list[0].Profile}, 4, 2},
		{"a profile in all versions", incident.Ask{Profile: ca.NaturalSign}, 4, 2},
		{"a version that is not there", incident.Ask{Profile: ca.NaturalSign + "@99"}, 0, 0},
		{"the operator's own", incident.Ask{Serials: []string{sara.serial()}}, 1, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.ask.Kind, test.ask.Reason = incident.Revoke, ca.Unspecified
			doc := b.propose(sara, test.ask).Document
			if doc.Targets != test.want || doc.Needs != test.needs {
				t.Errorf("%d targets, needs %d; want %d, %d", doc.Targets, doc.Needs, test.want, test.needs)
			}
			if own := test.name == "the operator's own"; own != (len(doc.Subjects) == 1) {
				t.Errorf("subjects %v", doc.Subjects)
			}
		})
	}
}

func TestManyCertificatesOfOnePersonAreBulkToo(t *testing.T) {
	b := newBench(t)
	sara := b.officer("sara")
	for n := range 4 {
		b.f.IssueTo(t, person(1), ca.NaturalSign, fmt.Sprintf("%d", n))
	}
	holder := b.f.Holder(person(1).NationalCode)
	if doc := b.propose(sara, incident.Ask{Kind: incident.Revoke, Reason: ca.Unspecified, Holder: holder}).Document; doc.Targets != 4 || doc.Needs != 2 {
		t.Errorf("%+v", doc)
	}
}

func TestExpiredCertificatesEndOnlyForTheirKeys(t *testing.T) {
	b := newBench(t)
	sara := b.officer("sara")
	c := b.people(1)[0]
	b.clock.move(c.NotAfter.Sub(b.clock.now()) + time.Second)
	for reason, want := range map[ca.Reason]int{ca.Unspecified: 0, ca.KeyCompromise: 1} {
		if doc := b.propose(sara, incident.Ask{Kind: incident.Revoke, Reason: reason, Serials: []string{c.Serial}}).Document; doc.Targets != want {
			t.Errorf("%s: %+v", reason, doc)
		}
	}
}

func TestWhatIsNoPlanIsRefused(t *testing.T) {
	b := newBench(t)
	hash := fmt.Sprintf("%064x", 7)
	for _, test := range []struct {
		name string
		ask  incident.Ask
		code string
	}{
		{"nothing", incident.Ask{}, "plan_malformed"},
		{"an unknown kind", incident.Ask{Kind: "delete", Serials: []string{"1"}}, "plan_malformed"},
		{"no selection", incident.Ask{Kind: incident.Revoke, Reason: ca.Unspecified}, "plan_malformed"},
		{"two selections", incident.Ask{Kind: incident.Revoke, Reason: ca.Unspecified, Serials: []string{"1"}, Profile: "x"}, "plan_malformed"},
		{"no reason", incident.Ask{Kind: incident.Revoke, Serials: []string{"1"}}, "reason_unknown"},
		{"a hold by revoking", incident.Ask{Kind: incident.Revoke, Reason: ca.CertificateHold, Serials: []string{"1"}}, "reason_unknown"},
		{"a reason for a mark", incident.Ask{Kind: incident.RenewNow, Reason: ca.Unspecified, Serials: []string{"1"}}, "plan_malformed"},
		{"a block of serials", incident.Ask{Kind: incident.Block, Serials: []string{"1"}}, "plan_malformed"},
		{"a wrong serial", incident.Ask{Kind: incident.RenewNow, Serials: []string{"1", "x"}}, "plan_entry"},
		{"a wrong key", incident.Ask{Kind: incident.Block, Keys: []string{hash[1:]}}, "plan_entry"},
		{"a list without end", incident.Ask{Kind: incident.RenewNow, Serials: make([]string, 100_001)}, "plan_too_long"},
		{"roles of nobody", incident.Ask{Kind: incident.Roles}, "operator_name"},
		{"roles and serials", incident.Ask{Kind: incident.Roles, Operator: "x", Serials: []string{"1"}}, "plan_malformed"},
		{"a role that is none", incident.Ask{Kind: incident.Roles, Operator: "x", Roles: []ca.Role{"root"}}, "role_unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := b.Propose(t.Context(), test.ask, ca.OperatorRecord{Name: "sara"})
			wantCode(t, test.name, err, test.code)
		})
	}
	if list, err := b.Plans(t.Context(), "", 0); err != nil || len(list) != 0 {
		t.Errorf("%d plans, %v", len(list), err)
	}
}

func TestPlansThatNobodyWantedAreClearedAway(t *testing.T) {
	b := newBench(t)
	sara := b.officer("sara")
	list := b.people(5)
	ask := incident.Ask{Kind: incident.Revoke, Reason: ca.Unspecified, Serials: serials(list)}
	forgotten, approved := b.propose(sara, ask), b.propose(sara, ask)
	must(t, b.approve(sara, approved))
	ask.Serials = serials(list[:1])
	done := b.propose(sara, ask)
	_, err := b.execute(sara, done.Document.ID)
	must(t, err)
	if n, err := b.Prune(t.Context()); n != 0 || err != nil {
		t.Errorf("in their time: %d, %v", n, err)
	}
	b.clock.move(7*day + time.Second)
	if n, err := b.Prune(t.Context()); n != 1 || err != nil {
		t.Errorf("after it: %d, %v", n, err)
	}
	_, err = b.Show(t.Context(), forgotten.Document.ID)
	wantCode(t, "the forgotten one", err, "plan_unknown")
	for _, p := range []incident.Plan{approved, done} {
		if targets, err := b.Targets(t.Context(), p.Document.ID, "", 0); err != nil || len(targets) != p.Document.Targets {
			t.Errorf("%d targets, %v", len(targets), err)
		}
	}
	wantCode(t, "approving after its time", b.approve(b.officer("omid"), approved), "plan_expired")
	_, err = b.execute(sara, approved.Document.ID)
	wantCode(t, "beginning after its time", err, "plan_expired")
}

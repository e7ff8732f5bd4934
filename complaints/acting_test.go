package complaints_test

import (
	"crypto/x509"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/complaints"
	"mohr/internal/fault"
)

// officer is the certificate of an operator who may rule.
func (b *bench) officer(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	return b.operators(t, ca.RoleOfficer, name)[0].Certificate
}

// deeds are all that an officer does about one business.
func (b *bench) deeds(t testing.TB) map[string]func(leaf *x509.Certificate) error {
	t.Helper()
	ticket := b.file(t)
	in := filing()
	in.Business, in.Also = string(nobody), []string{string(shop)}
	several, err := b.File(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	in = filing()
	in.Business = string(nobody)
	moved, err := b.File(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	rule := func(id string, r complaints.Ruling) func(*x509.Certificate) error {
		return func(leaf *x509.Certificate) error {
			_, err := b.Rule(t.Context(), leaf, id, r, false)
			return err
		}
	}
	return map[string]func(leaf *x509.Certificate) error{
		"rule on a complaint":            rule(ticket.ID, complaints.Ruling{Kind: complaints.KindInadmissible, Reason: "abusive"}),
		"rule on it at another business": rule(several.ID, complaints.Ruling{Business: nobody, Kind: complaints.KindInadmissible, Reason: "abusive"}),
		"move one to the business":       rule(moved.ID, complaints.Ruling{Kind: complaints.KindMoved, Reason: "wrong_business", To: shop}),
		"remove the words of a complaint": func(leaf *x509.Certificate) error {
			_, err := b.RemoveText(t.Context(), leaf, ticket.ID, "court_order")
			return err
		},
		"report orders": func(leaf *x509.Certificate) error {
			_, err := b.ReportOrders(t.Context(), leaf, shop, 10, b.clock.Now())
			return err
		},
		"invite": func(leaf *x509.Certificate) error {
			_, err := b.Invite(t.Context(), leaf, []ca.BusinessID{shop}, false)
			return err
		},
		"publish": func(leaf *x509.Certificate) error {
			_, err := b.Publish(t.Context(), leaf, shop, complaints.Private)
			return err
		},
	}
}

func TestAbuseAnOfficerIsKeptFromABusinessForWhichHeActs(t *testing.T) {
	b := newBench(t, twoBusinesses)
	leaf := b.officer(t, "sara")
	deeds := b.deeds(t)
	if err := b.ca.IntroduceOperator(t.Context(), "sara", b.ca.Holder(catest.Zahra.NationalCode)); err != nil {
		t.Fatal(err)
	}
	before := b.dump(t)
	for name, do := range deeds {
		if err := do(leaf); fault.Code(err) != "complaint_own_business" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b.dump(t) != before {
		t.Error("a refused deed left something")
	}
	for name, do := range deeds {
		if err := do(b.officer(t, "omid")); err != nil && fault.Code(err) != "complaint_moved_there" {
			t.Errorf("%s, by another: %v", name, err)
		}
	}
}

// TestAbuseAnOfficerReadsNothingOfABusinessForWhichHeActs: neither over the API
// nor on the pages; what others may read is there.
func TestAbuseAnOfficerReadsNothingOfABusinessForWhichHeActs(t *testing.T) {
	b := newBench(t, func(c *complaints.Config) { twoBusinesses(c); c.Flags = nil })
	p := portalOf(t, b)
	file := func(at, also ca.BusinessID) complaints.Ticket {
		in := filing()
		in.Business, in.Also = string(at), []string{string(also)}
		if also == "" {
			in.Also = nil
		}
		ticket, err := b.File(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return ticket
	}
	file(shop, "")
	file(nobody, "")
	// One more about the same purchase waits for an officer.
	ours, other, several := file(shop, ""), file(nobody, ""), file(nobody, shop)
	sara, omid := b.officer(t, "sara"), b.officer(t, "omid")
	if err := b.ca.IntroduceOperator(t.Context(), "sara", b.ca.Holder(catest.Zahra.NationalCode)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, id, business, code string
		leaf                     *x509.Certificate
	}{
		{"one against the business", ours.ID, "", "complaint_own_business", sara},
		{"one against it and another, at the other", several.ID, string(nobody), "complaint_own_business", sara},
		{"one against another", other.ID, "", "", sara},
		{"one against the business, by another officer", ours.ID, "", "", omid},
		{"by nobody", ours.ID, "", "operator_required", nil},
		{"by nobody, of none", "c-none", "", "operator_required", nil},
	} {
		if _, err := b.Case(t.Context(), c.leaf, c.id, ca.BusinessID(c.business)); fault.Code(err) != c.code {
			t.Errorf("%s: %v", c.name, err)
		}
		status := map[string]int{"": 200, "complaint_own_business": 403, "operator_required": 403}[c.code]
		for _, path := range []string{"/api/v1/complaints/" + c.id + "/case", "/console/complaints/" + c.id} {
			if got := p.call("GET", path+"?business="+c.business, "", c.leaf); got.Code != status {
				t.Errorf("%s: %s: %d", c.name, path, got.Code)
			}
		}
	}
	for leaf, want := range map[*x509.Certificate]int{sara: 1, omid: 4} {
		list, err := b.Queue(t.Context(), leaf, "")
		if err != nil || len(list) != want {
			t.Errorf("%s is shown %d: %+v %v", leaf.Subject.CommonName, len(list), list, err)
		}
		page := p.call("GET", "/console/complaints", "", leaf).Body.String() + p.call("GET", "/api/v1/complaints/queue", "", leaf).Body.String()
		if has := strings.Contains(page, ours.ID) || strings.Contains(page, several.ID); has != (leaf == omid) || !strings.Contains(page, other.ID) {
			t.Errorf("the pages show %s what is not theirs, or hide what is", leaf.Subject.CommonName)
		}
	}
	if _, err := b.Queue(t.Context(), nil, ""); fault.Code(err) != "operator_required" {
		t.Errorf("anybody reads the queue: %v", err)
	}
}

// twoBusinesses makes nobody a business that the register knows.
func twoBusinesses(c *complaints.Config) {
	c.Businesses = &register{names: map[string]bool{string(nobody): true}}
}

func TestAbuseARoleThatWasTakenAwayDoesNothing(t *testing.T) {
	b := newBench(t, twoBusinesses)
	leaf, deeds := b.officer(t, "sara"), b.deeds(t)
	outage := b.plan(t, -2*hour, -hour)
	if err := b.ca.GrantRoles(t.Context(), "sara", ca.RoleRegistrar); err != nil {
		t.Fatal(err)
	}
	deeds["plan an outage"] = func(leaf *x509.Certificate) error {
		_, err := b.PlanOutage(t.Context(), leaf, b.clock.Now().Add(-hour), b.clock.Now(), "power")
		return err
	}
	deeds["record one"] = func(leaf *x509.Certificate) error {
		_, err := b.RecordOutage(t.Context(), leaf, outage.Plan.ID)
		return err
	}
	deeds["decide of an objection"] = func(leaf *x509.Certificate) error {
		_, err := b.DecideObjection(t.Context(), leaf, shop, true)
		return err
	}
	for _, l := range []*x509.Certificate{leaf, nil, b.key.Certificate} {
		for name, do := range deeds {
			if err := do(l); fault.Code(err) != "operator_required" {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestAbuseWhoInvitedDoesNotDecideOfTheObjection(t *testing.T) {
	b := invited(t)
	if _, err := b.replied(t, b.key, "objects", "figures_wrong"); err != nil {
		t.Fatal(err)
	}
	person := b.ca.Holder(codes[0])
	for _, name := range []string{"sara", "maryam"} {
		if err := b.ca.IntroduceOperator(t.Context(), name, person); err != nil {
			t.Fatal(err)
		}
		_, err := b.DecideObjection(t.Context(), b.officer(t, name), shop, false)
		wantFault(t, err, fault.Denied, "publication_own_invitation")
	}
	if err := b.ca.IntroduceOperator(t.Context(), "omid", b.ca.Holder(catest.Zahra.NationalCode)); err != nil {
		t.Fatal(err)
	}
	_, err := b.DecideObjection(t.Context(), b.officer(t, "omid"), shop, false)
	wantFault(t, err, fault.Denied, "complaint_own_business")
	if _, err := b.DecideObjection(t.Context(), b.officer(t, "reza"), shop, false); err != nil {
		t.Error(err)
	}
}

func TestWhereRealPeopleAreMeantAnOfficerIsKnown(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	b.CA.Simulated = false
	_, err := b.Rule(t.Context(), b.officer(t, "sara"), ticket.ID, complaints.Ruling{Kind: complaints.KindInadmissible, Reason: "abusive"}, false)
	wantFault(t, err, fault.Denied, "complaint_officer_unknown")
}

package ca_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/store"
)

func TestEachRoleHasExactlyTheRightsOfTheTable(t *testing.T) {
	f := catest.New(t, nil)
	k := f.SigningKey(t, "operator", ca.Service{Profile: ca.OperatorAuth, CommonName: "sara"})
	all := []ca.Right{ca.MayRead, ca.MayFind, ca.MayEnd, ca.MayIncident, ca.MayRoles, ca.MayReview}
	for _, test := range []struct {
		role   ca.Role
		rights []ca.Right
	}{
		{ca.RoleRegistrar, []ca.Right{ca.MayRead, ca.MayFind, ca.MayEnd}},
		{ca.RoleRevocation, []ca.Right{ca.MayRead, ca.MayFind, ca.MayEnd, ca.MayIncident}},
		{ca.RoleOfficer, []ca.Right{ca.MayReview}},
		{ca.RoleCustodian, []ca.Right{ca.MayRead, ca.MayRoles}},
		{ca.RoleAuditor, []ca.Right{ca.MayRead}},
	} {
		t.Run(string(test.role), func(t *testing.T) {
			if err := f.GrantRoles(t.Context(), "sara", test.role); err != nil {
				t.Fatal(err)
			}
			for _, right := range append(all, "", "root") {
				want := "operator_required"
				if slices.Contains(test.rights, right) {
					want = ""
				}
				o, err := f.May(t.Context(), k.Certificate, right)
				wantCode(t, string(right), err, want)
				if err == nil && o.Name != "sara" {
					t.Errorf("operator %+v", o)
				}
			}
		})
	}
	if len(ca.Duties()) != 5 {
		t.Error("a role has no test")
	}
}

func TestAnAuditorHasNoOtherRole(t *testing.T) {
	f := catest.New(t, nil)
	wantCode(t, "both", f.GrantRoles(t.Context(), "sara", ca.RoleAuditor, ca.RoleRegistrar), "role_auditor_alone")
	wantCode(t, "twice the same", f.GrantRoles(t.Context(), "sara", ca.RoleAuditor, ca.RoleAuditor), "")
	for _, name := range []string{"", " sara", strings.Repeat("x", 65)} {
		wantCode(t, name, f.GrantRoles(t.Context(), name, ca.RoleAuditor), "operator_name")
	}
}

func TestOperatorsAreListedWithTheirRoles(t *testing.T) {
	f := catest.New(t, nil)
	if err := f.GrantRoles(t.Context(), "sara", ca.RoleRegistrar, ca.RoleOfficer); err != nil {
		t.Fatal(err)
	}
	if err := f.GrantRoles(t.Context(), "omid"); err != nil {
		t.Fatal(err)
	}
	if err := f.IntroduceOperator(t.Context(), "sara", f.Holder(catest.Zahra.NationalCode)); err != nil {
		t.Fatal(err)
	}
	list, err := f.Operators(t.Context())
	// Who never had a role is no operator.
	if err != nil || len(list) != 1 || list[0].Name != "sara" || len(list[0].Roles) != 2 || list[0].Holder == "" {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestAnAuditorReadsEverythingAndChangesNothing takes the routes from the
// API's own description: a new one cannot be forgotten here.
func TestAnAuditorReadsEverythingAndChangesNothing(t *testing.T) {
	d := newDesk(t)
	_, c := d.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	auditor := d.operator("auditor", ca.RoleAuditor)
	before := dump(t, d.Fixture)
	routes := 0
	for path, methods := range d.described(auditor) {
		for method, operation := range methods {
			if !slices.Contains(operation.Tags, "ca") {
				continue
			}
			routes++
			body := ""
			if method == "post" {
				body = bodies[operation.OperationID]
			}
			status, code := d.call(auditor, strings.ToUpper(method), strings.ReplaceAll(path, "{serial}", c.Serial), body, nil)
			if reads := method == "get"; reads && status != 200 || !reads && (status != 403 || code != "operator_required") {
				t.Errorf("%s %s: %d %s", method, path, status, code)
			}
		}
	}
	if routes < 10 {
		t.Errorf("only %d routes seen", routes)
	}
	if dump(t, d.Fixture) != before {
		t.Error("an auditor changed the store")
	}
}

// bodies are valid bodies of the routes that take one.
var bodies = map[string]string{
	"revoke-certificate": `{"reason":"unspecified"}`,
	"find-holder":        `{"national_code":"0012345679"}`,
}

type described map[string]map[string]struct {
	OperationID string
	Tags        []string
}

// described returns the operations of /openapi.json by path and method.
func (d *desk) described(c *http.Client) described {
	d.t.Helper()
	res, err := c.Get(d.url + "/openapi.json")
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	var doc struct{ Paths described }
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		d.t.Fatal(err)
	}
	return doc.Paths
}

// dump is what the room's buckets hold.
func dump(t *testing.T, f *catest.Fixture) string {
	t.Helper()
	var b strings.Builder
	err := f.Store.View(t.Context(), func(tx store.Tx) error {
		for _, bucket := range []string{"ca_certificates", "ca_operators", "ca_operator_deeds", "ca_blocked", "ca_lookups", "ca_holds", "ledger_pending"} {
			if err := tx.Scan(bucket, "", "", func(k string, v []byte) error {
				b.WriteString(bucket + k + string(v))
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestOperatorsSuspendAndResumeWhatIsNotTheirOwn(t *testing.T) {
	d := newDesk(t)
	_, c := d.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	sara := d.operator("sara", ca.RoleRegistrar)
	own := d.SigningKey(t, "sara", ca.Service{Profile: ca.OperatorAuth, CommonName: "sara"}).Certificate.SerialNumber.Text(16)
	act := func(deed, serial string, code string) (now shown) {
		t.Helper()
		if _, got := d.call(sara, "POST", "/certificates/"+serial+"/"+deed, map[bool]string{true: `{"reason":"unspecified"}`}[deed == "revoke"], &now); got != code {
			t.Errorf("%s %s: %q, want %q", deed, serial, got, code)
		}
		return now
	}
	if now := act("suspend", c.Serial, ""); now.Reason != "certificateHold" || now.By != "operator:sara" {
		t.Errorf("%+v", now)
	}
	if now := act("resume", c.Serial, ""); now.Reason != "" {
		t.Errorf("%+v", now)
	}
	for _, deed := range []string{"suspend", "resume", "revoke"} {
		act(deed, own, "own_matter")
	}
	if err := d.IntroduceOperator(t.Context(), "sara", c.Holder); err != nil {
		t.Fatal(err)
	}
	act("revoke", c.Serial, "own_matter")
	if now := reload(t, d.Fixture, c.Serial); now.Revoked != nil {
		t.Errorf("%+v", now.Revoked)
	}
	act("suspend", "1ab", "certificate_unknown")
}

func TestAnOperatorWhoseCertificateIsSuspendedIsRefusedAtOnce(t *testing.T) {
	d := newDesk(t)
	sara := d.operator("sara", ca.RoleRegistrar)
	k := d.SigningKey(t, "sara", ca.Service{Profile: ca.OperatorAuth, CommonName: "sara"})
	serial := k.Certificate.SerialNumber.Text(16)
	for _, step := range []struct {
		deed func() error
		code string
	}{
		{func() error { return nil }, ""},
		{func() error { return d.Suspend(t.Context(), serial, "test") }, "certificate_suspended"},
		{func() error { return d.Resume(t.Context(), serial, "test") }, ""},
		{func() error { return d.Revoke(t.Context(), serial, ca.KeyCompromise, "test") }, "certificate_revoked"},
	} {
		if err := step.deed(); err != nil {
			t.Fatal(err)
		}
		if _, code := d.call(sara, "GET", "/certificates", "", nil); code != step.code {
			t.Errorf("got %q, want %q", code, step.code)
		}
	}
}

func TestOneOperatorDoesNotDoALargeDeedInSmallOnes(t *testing.T) {
	d := newDesk(t)
	_, c := d.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	sara, omid := d.operator("sara", ca.RoleRegistrar), d.operator("omid", ca.RoleRegistrar)
	count := func(name string, n int, now time.Time) error {
		return d.Store.Update(t.Context(), func(tx store.Tx) error {
			return ca.CountAloneIn(tx, ca.OperatorRecord{Name: name}, n, now)
		})
	}
	now := time.Now()
	wantCode(t, "as many as there may be", count("sara", ca.MaxAlone, now), "")
	if status, code := d.call(sara, "POST", "/certificates/"+c.Serial+"/suspend", "", nil); status != 429 || code != "operator_limit" {
		t.Errorf("one more: %d %s", status, code)
	}
	if now := reload(t, d.Fixture, c.Serial); now.Revoked != nil {
		t.Errorf("%+v", now.Revoked)
	}
	if _, code := d.call(omid, "POST", "/certificates/"+c.Serial+"/suspend", "", nil); code != "" {
		t.Errorf("another operator: %s", code)
	}
	wantCode(t, "in the next hour", count("sara", 1, now.Add(time.Hour)), "")
	wantCode(t, "a large one in the next", count("sara", ca.MaxAlone, now.Add(time.Hour)), "operator_limit")
}

func TestTheAPIFindsAHolderByTheBodyAlone(t *testing.T) {
	d := newDesk(t)
	_, c := d.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	sara := d.operator("sara", ca.RoleRegistrar)
	var found struct {
		Holder       string
		Certificates []shown
	}
	if status, code := d.call(sara, "POST", "/holders/find", bodies["find-holder"], &found); status != 200 || found.Holder != string(c.Holder) || len(found.Certificates) != 1 {
		t.Errorf("%d %s, %+v", status, code, found)
	}
	var by struct{ Certificates []shown }
	for query, want := range map[string]int{"?holder=" + found.Holder: 1, "?key=" + c.SPKISHA256: 1, "?business=14003456780": 0} {
		if status, code := d.call(sara, "GET", "/certificates"+query, "", &by); status != 200 || len(by.Certificates) != want {
			t.Errorf("%s: %d %s, %d certificates", query, status, code, len(by.Certificates))
		}
	}
	var seen struct{ Lookups []struct{ By, Holder string } }
	if status, _ := d.call(sara, "GET", "/lookups", "", &seen); status != 200 || len(seen.Lookups) != 1 || seen.Lookups[0].By != "operator:sara" {
		t.Errorf("%d %+v", status, seen)
	}
	if _, code := d.call(sara, "GET", "/certificates?key=xyz", "", nil); code != "key_hash_malformed" {
		t.Errorf("code %q", code)
	}
}

package evidence_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca/evidence"
	"mohr/internal/eid"
)

// loggedIn returns the set of a natural person who logs in with an eID in
// place of a face.
func loggedIn(f func(*evidence.Record)) []evidence.Record {
	list := slices.DeleteFunc(natural(), func(r evidence.Record) bool { return r.Type == evidence.FaceMatch })
	login := record(evidence.EIDOIDC, evidence.Claims{NationalCode: code, LastName: "کریمی", BirthDate: "1990-03-21", ACR: "urn:high", Level: evidence.Substantial})
	if f != nil {
		f(&login)
	}
	return append(list, login)
}

func loginCases() []ruleCase {
	level := func(l evidence.Level) []evidence.Record {
		return loggedIn(func(r *evidence.Record) { r.Claims.Level = l })
	}
	only := []string{"        - [civil_registry, mobile_ownership, otp_sms, face_match]\n        - [civil_registry, mobile_ownership, otp_sms, eid_oidc]", "        - [civil_registry, mobile_ownership, otp_sms, eid_oidc]", "      known: {face_match: 90d}\n", ""}
	highest := append(slices.Clone(only), "  natural-sign:\n    level: substantial\n    policy_oids: &person_oids\n      software: 2.999.1.1.1", "  natural-sign:\n    level: high\n    policy_oids: &person_oids\n      software: 2.999.1.1.9",
		"natural-sign-b:\n    level: substantial", "natural-sign-b:\n    level: high", "natural-sign-c:\n    level: substantial", "natural-sign-c:\n    level: high")
	claims := func(f func(*evidence.Claims)) []evidence.Record {
		return loggedIn(func(r *evidence.Record) { f(&r.Claims) })
	}
	return []ruleCase{
		{name: "a login in place of a face is approved", records: loggedIn(nil), want: evidence.Approved, rule: "set.complete", outcome: "pass"},
		{name: "a login above the profile's level counts", records: level(evidence.High), want: evidence.Approved, rule: "set.complete", outcome: "pass"},
		{name: "a login below it waits", policy: only, records: level(evidence.Low), want: evidence.Waiting, rule: "eid_oidc.level", outcome: "wait"},
		{name: "a login below a high profile waits", policy: highest, records: level(evidence.Substantial), want: evidence.Waiting, rule: "eid_oidc.level", outcome: "wait"},
		{name: "a login of no level waits", policy: only, records: level(""), want: evidence.Waiting, rule: "eid_oidc.level", outcome: "wait"},
		{name: "a login of a level that does not exist waits", policy: only, records: level("gold"), want: evidence.Waiting, rule: "eid_oidc.level", outcome: "wait"},
		{name: "a login below the level counts for nothing where a face would do", records: level(evidence.Low), want: evidence.Waiting, rule: "set.complete", outcome: "wait"},
		{name: "a login of yesterday waits", policy: only, records: loggedIn(func(r *evidence.Record) { r.CheckedAt = now.Add(-24*time.Hour - time.Second) }), want: evidence.Waiting, rule: "eid_oidc.fresh", outcome: "wait"},
		{name: "another person's login is rejected", records: loggedIn(func(r *evidence.Record) { r.Result, r.Claims = evidence.Mismatch, evidence.Claims{} }), want: evidence.Rejected, rule: "eid_oidc.result", outcome: "fail"},
		{name: "another person's login beside a good face is rejected", records: append(loggedIn(func(r *evidence.Record) { r.Result, r.Claims = evidence.Mismatch, evidence.Claims{} }), natural()[3]), want: evidence.Rejected, rule: "eid_oidc.result", outcome: "fail"},
		{name: "a login that names another is rejected", records: claims(func(c *evidence.Claims) { c.NationalCode = "0084575948" }), want: evidence.Rejected, rule: "person.one", outcome: "fail"},
		{name: "a login that names nobody is rejected", records: claims(func(c *evidence.Claims) { c.NationalCode = "" }), want: evidence.Rejected, rule: "person.one", outcome: "fail"},
		{name: "a login with another surname goes to review", records: claims(func(c *evidence.Claims) { c.LastName = "احمدی" }), want: evidence.Review, rule: "person.names_agree", outcome: "review"},
		{name: "a simulated login under a production policy is rejected", policy: []string{"environment: simulated", "environment: production", "2.999.1.", "1.3.6.1.4.1.99999."}, records: loggedIn(nil), want: evidence.Rejected, rule: "environment.allowed", outcome: "fail"},
	}
}

func TestALoginBindsAtItsLevel(t *testing.T) { runRules(t, loginCases()) }

func TestALoginIsOfWhomTheProviderNames(t *testing.T) {
	at := now.Add(-2 * time.Minute)
	good := eid.Login{NationalCode: code, FirstName: "سارا", BirthDate: "1990-05-14", ACR: "urn:high", Level: "high", AuthAt: at, SHA256: "00ff", Source: "eid@1", Environment: "production"}
	r, err := evidence.LoginRecord(good, code)
	if err != nil || r.ID == "" {
		t.Fatalf("got %+v, %v", r, err)
	}
	want := evidence.Record{
		ID: r.ID, Type: evidence.EIDOIDC, Source: "eid@1", Environment: evidence.Production, Result: evidence.Match, RawSHA256: "00ff", CheckedAt: at,
		Claims: evidence.Claims{NationalCode: code, FirstName: "سارا", BirthDate: "1990-05-14", ACR: "urn:high", Level: evidence.High},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	other, err := evidence.LoginRecord(good, "0084575948")
	if err != nil || other.Result != evidence.Mismatch || other.RawSHA256 != "" || other.Claims.NationalCode != "" || other.Claims.FirstName != "" {
		t.Errorf("another's login says %+v, %v", other, err)
	}
	for name, edit := range map[string]func(*eid.Login){
		"a national code that does not hold": func(l *eid.Login) { l.NationalCode = "0012345678" },
		"no national code":                   func(l *eid.Login) { l.NationalCode = "" },
		"a date that is none":                func(l *eid.Login) { l.BirthDate = "1990-13-14" },
	} {
		l := good
		edit(&l)
		if r, err := evidence.LoginRecord(l, code); !errors.Is(err, eid.ErrNobody) || r.Type != "" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

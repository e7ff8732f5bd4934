package evidence_test

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca/evidence"
	"mohr/hsm/attest"
	"mohr/internal/i18n"
)

var (
	now = time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC)
	yes = true
	no  = false
)

const (
	code   = "0012345679"
	mobile = "+989121234567"
	legal  = "10380284790"
)

func days(n int) *int { return &n }

func record(t evidence.Type, c evidence.Claims) evidence.Record {
	return evidence.Record{ID: "e-" + string(t), Type: t, Source: "reference@1", Environment: evidence.Simulated, Result: evidence.Match, Claims: c, CheckedAt: now.Add(-time.Minute)}
}

// natural returns the minimal set of a natural person.
func natural() []evidence.Record {
	return []evidence.Record{
		record(evidence.CivilRegistry, evidence.Claims{NationalCode: code, FirstName: "علی\u200cرضا", LastName: "كريمی", BirthDate: "1990-03-21", Alive: &yes}),
		record(evidence.MobileOwnership, evidence.Claims{NationalCode: code, Mobile: mobile, SIMChangedDays: days(400)}),
		record(evidence.OTPSMS, evidence.Claims{Mobile: mobile}),
		record(evidence.FaceMatch, evidence.Claims{NationalCode: code, ScorePercent: 93}),
	}
}

// signatory returns the minimal set of a person in an organisation.
func signatory() []evidence.Record {
	return append(natural(), record(evidence.LegalRegistry, evidence.Claims{
		NationalCode: code, LegalID: legal, LegalName: "شرکت نمونه ۲۱", LegalStatus: evidence.LegalActive, Role: "مدیرعامل", SignsAlone: true,
	}))
}

// edit returns the records with those of type t changed by f.
func edit(records []evidence.Record, t evidence.Type, f func(*evidence.Record)) []evidence.Record {
	list := slices.Clone(records)
	for i := range list {
		if list[i].Type == t {
			f(&list[i])
		}
	}
	return list
}

func defaultPolicy(t *testing.T) *evidence.Policy {
	t.Helper()
	p, err := evidence.DefaultPolicy()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stepOf returns the outcome of the rule, "" if it was not asked.
func stepOf(d evidence.Decision, rule string) string {
	outcome := ""
	for _, s := range d.Trace() {
		if s.Rule == rule {
			outcome = s.Outcome
		}
	}
	return outcome
}

func TestApproved(t *testing.T) {
	for _, tt := range []struct {
		profile string
		home    evidence.KeyHome
		records []evidence.Record
		oid     string
		want    evidence.Identity
	}{
		{"natural-sign", evidence.Software, natural(), "2.999.1.1.1",
			evidence.Identity{NationalCode: code, GivenName: "علی رضا", Surname: "کریمی", BirthDate: "1990-03-21", Mobile: mobile}},
		{"organisation-sign", evidence.Token, append(signatory(), record(evidence.DeviceAttestation, evidence.Claims{SPKISHA256: "ab", Attestation: attest.TPM})), "2.999.1.2.2",
			evidence.Identity{NationalCode: code, GivenName: "علی رضا", Surname: "کریمی", BirthDate: "1990-03-21", Mobile: mobile, LegalID: legal, LegalName: "شرکت نمونه ۲۱", Title: "مدیرعامل"}},
		{"natural-sign", evidence.HSM, append(signatory(), record(evidence.DeviceAttestation, evidence.Claims{SPKISHA256: "ab", Attestation: attest.Held})), "2.999.1.1.3", // what is not asked for does not count
			evidence.Identity{NationalCode: code, GivenName: "علی رضا", Surname: "کریمی", BirthDate: "1990-03-21", Mobile: mobile}},
	} {
		t.Run(tt.profile+" "+string(tt.home), func(t *testing.T) {
			d := defaultPolicy(t).Evaluate(evidence.Case{Profile: tt.profile, Home: tt.home, Records: tt.records}, now.Add(300*time.Millisecond))
			if d.Outcome() != evidence.Approved {
				t.Fatalf("got %s: %+v", d.Outcome(), d.Trace())
			}
			if diff := cmp.Diff(tt.want, d.Identity()); diff != "" {
				t.Errorf("identity (-want +got):\n%s", diff)
			}
			if d.PolicyOID() != tt.oid || d.Environment() != evidence.Simulated || d.Depth() != 0 || !d.ProofAt().Equal(now.Add(-time.Minute)) || d.Validity() != 365*24*time.Hour || !d.At().Equal(now) || d.PolicyVersion() != "2026-5" {
				t.Errorf("got %+v", d)
			}
			rules, _ := defaultPolicy(t).Rules(tt.profile)
			var want []string
			for _, typ := range rules.Sets(tt.home)[0] {
				i := slices.IndexFunc(tt.records, func(r evidence.Record) bool { return r.Type == typ })
				want = append(want, tt.records[i].Hash())
			}
			if diff := cmp.Diff(want, d.Evidence()); diff != "" {
				t.Errorf("evidence (-want +got):\n%s", diff)
			}
		})
	}
}

func TestZeroDecisionApprovesNothing(t *testing.T) {
	if o := (evidence.Decision{}).Outcome(); o != evidence.Rejected {
		t.Errorf("got %s", o)
	}
}

func TestNoRecordIsSpare(t *testing.T) {
	p := defaultPolicy(t)
	for profile, all := range map[string][]evidence.Record{"natural-sign": natural(), "organisation-sign": signatory()} {
		// Every subset but the whole, in every rotation: order must not matter.
		for bits := range 1 << len(all) {
			var some []evidence.Record
			for i, r := range all {
				if bits&(1<<i) != 0 {
					some = append(some, r)
				}
			}
			for range max(1, len(some)) {
				if len(some) > 0 {
					some = append(some[1:], some[0])
				}
				d := p.Evaluate(evidence.Case{Profile: profile, Home: evidence.Software, Records: some}, now)
				want := evidence.Waiting
				if len(some) == len(all) {
					want = evidence.Approved
				}
				if d.Outcome() != want {
					t.Fatalf("%s with %d of %d records: %s, %+v", profile, len(some), len(all), d.Outcome(), d.Trace())
				}
				if got := len(d.Missing()); got != len(all)-len(some) {
					t.Errorf("%s with %d of %d records misses %v", profile, len(some), len(all), d.Missing())
				}
				if want == evidence.Waiting && (d.Identity() != (evidence.Identity{}) || d.Evidence() != nil) {
					t.Errorf("a waiting decision names a subject")
				}
			}
		}
	}
}

func TestTheSetWithoutFaceMatchNeverSigns(t *testing.T) {
	without := slices.DeleteFunc(natural(), func(r evidence.Record) bool { return r.Type == evidence.FaceMatch })
	// More of the same does not make up for it (R5).
	without = append(without, without...)
	d := defaultPolicy(t).Evaluate(evidence.Case{Profile: "natural-sign", Home: evidence.Software, Records: without}, now)
	if d.Outcome() != evidence.Waiting || !slices.Equal(d.Missing(), []evidence.Type{evidence.FaceMatch}) {
		t.Errorf("got %s, missing %v", d.Outcome(), d.Missing())
	}
	if _, err := evidence.ParsePolicy(policyWith(t, "otp_sms, face_match]", "otp_sms]")); err == nil {
		t.Error("a policy that does without face match was taken")
	}
}

func TestTraceHasTexts(t *testing.T) {
	texts, err := i18n.Parse(evidence.Texts)
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range allDecisions(t) {
		for _, s := range d.Trace() {
			for _, lang := range []string{"fa", "en"} {
				if !texts.Has(lang, "rule."+s.Rule) {
					t.Errorf("%s: no %s text for rule.%s", name, lang, s.Rule)
				}
			}
			if strings.Contains(s.Why, code) || strings.Contains(s.Why, "کریمی") || strings.Contains(s.Why, mobile) {
				t.Errorf("%s: %s names the person: %s", name, s.Rule, s.Why)
			}
		}
	}
}

func TestRecordHash(t *testing.T) {
	r := evidence.Record{ID: "1", Type: evidence.FaceMatch, Source: "a<b@1", Environment: evidence.Simulated, Result: evidence.Match,
		Claims: evidence.Claims{NationalCode: code, ScorePercent: 90}, CheckedAt: time.Date(2026, 12, 1, 13, 30, 0, 0, time.FixedZone("", 3*3600+1800))}
	// Keys in order, no spaces, no escapes that are not needed (RFC 8785), UTC.
	want := sha256.Sum256([]byte(`{"checked_at":"2026-12-01T10:00:00Z","claims":{"national_code":"0012345679","score_percent":90},"environment":"simulated","id":"1","result":"match","source":"a<b@1","type":"face_match"}`))
	if got := r.Hash(); got != hex.EncodeToString(want[:]) {
		t.Errorf("got %s", got)
	}
	r.Claims.ScorePercent++
	if r.Hash() == hex.EncodeToString(want[:]) {
		t.Error("another score, the same hash")
	}
	r.CheckedAt = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	if r.Hash() != "" {
		t.Error("a record without a JSON form has a hash")
	}
}

package evidence_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca/evidence"
	"mohr/internal/gateway"
)

func TestRecordsSayNoMoreThanTheRegistryDid(t *testing.T) {
	at := time.Date(2026, 11, 23, 13, 30, 0, 5, time.FixedZone("", 12600))
	alive := true
	claims := evidence.Claims{NationalCode: "0012345679", FirstName: "زهرا", LastName: "محمدی", BirthDate: "1990-05-14", Alive: &alive}
	for _, tt := range []struct {
		name        string
		said        gateway.Result
		contradicts bool
		want        evidence.Result
		claims      evidence.Claims
	}{
		{"a match claims what it says", gateway.Match, false, evidence.Match, claims},
		{"a mismatch claims nothing", gateway.Mismatch, false, evidence.Mismatch, evidence.Claims{}},
		{"a registry that cannot tell is inconclusive", gateway.Inconclusive, false, evidence.Inconclusive, evidence.Claims{}},
		{"a result of no registry is inconclusive", "yes", false, evidence.Inconclusive, evidence.Claims{}},
		{"a match that contradicts is inconclusive", gateway.Match, true, evidence.Inconclusive, claims},
		{"a mismatch that contradicts is inconclusive", gateway.Mismatch, true, evidence.Inconclusive, evidence.Claims{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := evidence.PersonRecord(gateway.Answer[gateway.Person]{
				Value:  gateway.Person{Result: tt.said, NationalCode: "0012345679", FirstName: "زهرا", LastName: "محمدی", BirthDate: "1990-05-14", Alive: true},
				SHA256: "ab", At: at, Source: "test@1", Environment: "simulated", Contradicts: tt.contradicts,
			})
			if len(got.ID) != 34 {
				t.Errorf("id %q is not random", got.ID)
			}
			want := evidence.Record{
				ID: got.ID, Type: evidence.CivilRegistry, Source: "test@1", Environment: evidence.Simulated, Result: tt.want, Claims: tt.claims,
				RawSHA256: "ab", CheckedAt: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC),
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestALegalRecordSaysWhatThePersonMayDo(t *testing.T) {
	a := gateway.Answer[gateway.Legal]{Value: gateway.Legal{
		Result: gateway.Match, LegalID: "14003456780", Name: "فروشگاه", Status: "active",
		Signatories: []gateway.Signatory{{NationalCode: "1", Role: "مدیر", Alone: true}, {NationalCode: "2", Role: "عضو"}},
	}}
	for code, want := range map[string]evidence.Claims{
		"1": {NationalCode: "1", LegalID: "14003456780", LegalName: "فروشگاه", LegalStatus: "active", Role: "مدیر", SignsAlone: true},
		"2": {NationalCode: "2", LegalID: "14003456780", LegalName: "فروشگاه", LegalStatus: "active", Role: "عضو"},
		"3": {NationalCode: "3", LegalID: "14003456780", LegalName: "فروشگاه", LegalStatus: "active"},
	} {
		if diff := cmp.Diff(want, evidence.LegalRecord(a, code).Claims); diff != "" {
			t.Errorf("of %s (-want +got):\n%s", code, diff)
		}
	}
}

package evidence_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/i18n"
)

// policyWith returns the default policy's text with each old text replaced
// by the new one that follows it.
func policyWith(t *testing.T, oldNew ...string) []byte {
	t.Helper()
	b, err := os.ReadFile("policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := string(b)
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(s, oldNew[i]) {
			t.Fatalf("the policy has no %q", oldNew[i])
		}
		s = strings.ReplaceAll(s, oldNew[i], oldNew[i+1])
	}
	return []byte(s)
}

func TestDefaultPolicy(t *testing.T) {
	p, err := evidence.DefaultPolicy()
	if err != nil {
		t.Fatal(err)
	}
	if p.Environment() != evidence.Simulated || p.Version() != "2026-5" {
		t.Errorf("got %s, %s", p.Environment(), p.Version())
	}
	for _, name := range []string{"natural-sign", "natural-sign-b", "natural-sign-c", "natural-auth", "organisation-sign"} {
		r, ok := p.Rules(name)
		if !ok {
			t.Fatalf("no profile %s", name)
		}
		for home, oid := range r.PolicyOIDs {
			if !evidence.IsTestPolicy(oid) {
				t.Errorf("%s %s: %s is no test policy", name, home, oid)
			}
		}
		if r.MaxDepth != 3 || r.MaxAge != 1461*24*time.Hour || r.Overlap != 14*24*time.Hour || r.OpensBefore != 30*24*time.Hour || r.ClosesAfter != 0 {
			t.Errorf("%s: renewal is %+v", name, r)
		}
	}
}

func TestRulesAreCopies(t *testing.T) {
	p, _ := evidence.DefaultPolicy()
	r, _ := p.Rules("natural-sign")
	r.AnyOf[0][3] = evidence.OTPSMS
	r.PolicyOIDs[evidence.Software] = "1.2.3"
	r.EvidenceAges[evidence.FaceMatch] = 0
	again, _ := p.Rules("natural-sign")
	if again.AnyOf[0][3] != evidence.FaceMatch || again.PolicyOIDs[evidence.Software] == "1.2.3" || again.EvidenceAges[evidence.FaceMatch] == 0 {
		t.Error("a caller can change the policy")
	}
}

func TestParsePolicyRefuses(t *testing.T) {
	const set = "[civil_registry, mobile_ownership, otp_sms, face_match]"
	for _, tt := range []struct {
		name   string
		edit   []string
		code   string
		reason string // a part of the text
	}{
		{"an unknown key", []string{"face_score:", "face_skore:"}, "policy_unreadable", "face_skore"},
		{"a key twice", []string{"    validity: 365d\n", "    validity: 365d\n    validity: 365d\n"}, "policy_unreadable", "already"},
		{"a second document", []string{"version: \"2026-5\"", "version: \"2026-5\"\n---\nversion: \"2\""}, "policy_unreadable", ""},
		{"a duration that is none", []string{"validity: 365d", "validity: 1y"}, "policy_unreadable", "1y"},
		{"the evidence set without face match at a signing level", []string{set, "[civil_registry, mobile_ownership, otp_sms]"}, "policy_refused", "no binding evidence (face_match, document_video or eid_oidc)"},
		{"one set without binding evidence beside a good one", []string{set, set + "\n        - [civil_registry]"}, "policy_refused", "set 2 has no binding evidence"},
		{"a low level for a signing profile", []string{"level: substantial", "level: low"}, "policy_refused", "needs level substantial"},
		{"no level", []string{"level: substantial", "level: gold"}, "policy_refused", "level is not"},
		{"an empty list of sets", []string{"        - " + set, "        []", "        - [civil_registry, mobile_ownership, otp_sms, eid_oidc]", "       "}, "policy_refused", "any_of is empty"},
		{"a set without the civil registry", []string{set, "[mobile_ownership, face_match]"}, "policy_refused", "no civil_registry"},
		{"a code without the owner of the number", []string{set, "[civil_registry, otp_sms, face_match]"}, "policy_refused", "otp_sms without"},
		{"the old certificate's signature at enrollment", []string{set, "[civil_registry, face_match, cert_signature]"}, "policy_refused", "renewal only"},
		{"a type twice", []string{set, "[civil_registry, face_match, face_match]"}, "policy_refused", "face_match twice"},
		{"an unknown type", []string{set, "[civil_registry, face_match, horoscope]"}, "policy_refused", "horoscope"},
		{"an organisation for a natural person", []string{set, "[civil_registry, face_match, legal_registry]"}, "policy_refused", "names no organisation"},
		{"no organisation for its signatory", []string{"face_match, legal_registry]", "face_match]"}, "policy_refused", "no legal_registry"},
		{"a type without an age", []string{"        face_match: 24h\n", ""}, "policy_refused", "max_age has no face_match"},
		{"a register's answer that counts in another application", []string{"known: {face_match: 90d}", "known: {civil_registry: 90d}"}, "policy_refused", "only face_match counts"},
		{"a face that counts in other applications for years", []string{"known: {face_match: 90d}", "known: {face_match: 999d}"}, "policy_refused", "evidence.known of face_match is not between"},
		{"a time stamp some day", []string{"stamp_within: 24h", "stamp_within: 30d"}, "policy_refused", "stamp_within is not between"},
		{"a validity of ten years", []string{"validity: 365d", "validity: 3650d"}, "policy_refused", "validity is not between"},
		{"no validity", []string{"    validity: 365d\n", ""}, "policy_refused", "validity is not between"},
		{"a negative overlap", []string{"overlap: 14d", "overlap: -1h"}, "policy_refused", "overlap is not between"},
		{"an overlap longer than the validity", []string{"validity: 365d", "validity: 1d", "opens_before: 30d", "opens_before: 1h"}, "policy_refused", "overlap is not between"},
		{"renewal opening before issuance", []string{"opens_before: 30d", "opens_before: 366d"}, "policy_refused", "opens_before is not between"},
		{"a negative end of renewal", []string{"closes_after: 0s", "closes_after: -1s"}, "policy_refused", "closes_after is not between"},
		{"a negative depth", []string{"max_depth: 3", "max_depth: -1"}, "policy_refused", "max_depth is not between"},
		{"an endless depth", []string{"max_depth: 3", "max_depth: 1000"}, "policy_refused", "max_depth is not between"},
		{"an endless age", []string{"max_age: 1461d", "max_age: 14610d"}, "policy_refused", "max_age is not between"},
		{"renewal without registers", []string{"      evidence: [civil_registry]", "      evidence: [cert_signature]"}, "policy_refused", "asked again each time"},
		{"an organisation's renewal without its register", []string{"evidence: [civil_registry, legal_registry]", "evidence: [civil_registry]"}, "policy_refused", "no legal_registry, which is asked again"},
		{"a mandate at every renewal", []string{"evidence: [civil_registry, legal_registry]", "evidence: [civil_registry, legal_registry, mandate]"}, "policy_refused", "asked of those alone who need one"},
		{"a mandate without the register it is judged by", []string{set, "[civil_registry, face_match, mandate]"}, "policy_refused", "mandate without legal_registry"},
		{"a mandate that counts for ever", []string{"        mandate: 24h\n", ""}, "policy_refused", "evidence.max_age has no mandate"},
		{"an approval that stands for ever", []string{"approved_for: 30m", "approved_for: 8760h"}, "policy_refused", "approved_for is not between"},
		{"a face score that anyone reaches", []string{"face_score: 80", "face_score: 1"}, "policy_refused", "face_score is not between"},
		{"no terms", []string{"    terms_version: \"1\"\n", ""}, "policy_refused", "terms_version"},
		{"a strange key home", []string{"software: 2.999", "cloud: 2.999"}, "policy_refused", "no key home"},
		{"an OID that is none", []string{"2.999.1.1.1", "2.999.1.x"}, "policy_refused", "no object identifier"},
		{"an OID written another way", []string{"2.999.1.1.1", "2.999.1.01"}, "policy_refused", "no object identifier"},
		{"simulated evidence under another OID", []string{"2.999.1.1.1", "1.3.6.1.4.1.99999.1"}, "policy_refused", "where simulated evidence belongs"},
		{"simulated evidence beside the test arc", []string{"2.999.1.1.1", "2.999.11"}, "policy_refused", "where simulated evidence belongs"},
		{"one OID for two key homes", []string{"2.999.1.1.2", "2.999.1.1.1"}, "policy_refused", "already stands for"},
		{"a production policy under the test arc", []string{"environment: simulated", "environment: production"}, "policy_refused", "not for production"},
		{"an environment that does not exist", []string{"environment: simulated", "environment: staging"}, "policy_refused", "environment is neither"},
		{"no version", []string{"version: \"2026-5\"", "version: \"\""}, "policy_refused", "version is not"},
		{"too long a file", []string{"version:", strings.Repeat("# long\n", 10_000) + "version:"}, "policy_unreadable", "longer than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := evidence.ParsePolicy(policyWith(t, tt.edit...))
			if p != nil || !errors.Is(err, fault.Invalid) || fault.Code(err) != tt.code || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("got %v (%s); want %s with %q", err, fault.Code(err), tt.code, tt.reason)
			}
		})
	}
}

func TestParsePolicyTakes(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit []string
	}{
		{"a policy of short times, as the tour has", []string{"validity: 365d", "validity: 10m", "opens_before: 30d", "opens_before: 10m", "overlap: 14d", "overlap: 0s"}},
		{"a film of document and face in place of the face alone", []string{"otp_sms, face_match]", "otp_sms, face_match]\n        - [civil_registry, otp_sms, mobile_ownership, document_video]", "face_match: 24h", "face_match: 24h\n        document_video: 24h"}},
		{"a profile that is never renewed", []string{"max_depth: 3", "max_depth: 0"}},
		{"the old certificate's signature at renewal", []string{"evidence: [civil_registry]", "evidence: [cert_signature, civil_registry]"}},
		{"a low level without binding evidence for what does not sign", []string{"profiles:\n", "profiles:\n" + lowProfile}},
		{"a production policy outside the example arc", []string{"environment: simulated", "environment: production", "2.999.1.", "1.3.6.1.4.1.99999."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := evidence.ParsePolicy(policyWith(t, tt.edit...)); err != nil {
				t.Error(err)
			}
		})
	}
}

const lowProfile = `
  natural-login:
    level: low
    policy_oids: {software: 2.999.1.9.1}
    evidence: {any_of: [[civil_registry]], max_age: {civil_registry: 1h}}
    validity: 1d
    approved_for: 30m
    terms_version: "1"
`

func FuzzParsePolicy(f *testing.F) {
	b, err := os.ReadFile("policy.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("version: 1\nprofiles: {a: {policy_oids: {software: 2.999.1.1}}}"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := evidence.ParsePolicy(b)
		if (p == nil) == (err == nil) {
			t.Fatalf("%v, %v", p, err)
		}
		if err != nil {
			return
		}
		for _, name := range p.Profiles() {
			r, _ := p.Rules(name)
			if r.Level == evidence.Low {
				continue
			}
			for _, set := range r.AnyOf {
				if types := typesOf(set); !strings.Contains(types, "face_match") && !strings.Contains(types, "document_video") && !strings.Contains(types, "eid_oidc") {
					t.Errorf("%s reaches %s by %v", name, r.Level, set)
				}
			}
		}
	})
}

func typesOf(set []evidence.Type) string {
	var s []string
	for _, t := range set {
		s = append(s, string(t))
	}
	return strings.Join(s, " ")
}

func TestTextsParse(t *testing.T) {
	if _, err := i18n.Parse(evidence.Texts); err != nil {
		t.Error(err)
	}
}

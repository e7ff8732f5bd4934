package evidence_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mohr/ca/evidence"
)

// doubtful returns records of a person whose SIM was changed two days ago.
func doubtful() []evidence.Record {
	return edit(natural(), evidence.MobileOwnership, func(r *evidence.Record) { r.Claims.SIMChangedDays = days(2) })
}

// signed returns the records with what n officers signed over them.
func signed(t *testing.T, records []evidence.Record, n int) []evidence.Record {
	t.Helper()
	d := judged(t, records)
	if d.Outcome() != evidence.Review {
		t.Fatalf("got %s: %+v", d.Outcome(), d.Trace())
	}
	c := evidence.Reviewed(d, records)
	c.Officers = n
	return append(slices.Clone(records), record(evidence.OfficerReview, c))
}

func judged(t *testing.T, records []evidence.Record) evidence.Decision {
	t.Helper()
	return defaultPolicy(t).Evaluate(evidence.Case{Profile: "natural-sign", Home: evidence.Software, Records: records}, now)
}

func TestOfficersAnswerForWhatWasToBeReviewed(t *testing.T) {
	face := edit(natural(), evidence.FaceMatch, func(r *evidence.Record) { r.Claims.ScorePercent = 70 })
	noSIM := edit(natural(), evidence.MobileOwnership, func(r *evidence.Record) { r.Claims.SIMChangedDays = nil })
	denied := append(natural(), edit(natural(), evidence.CivilRegistry, func(r *evidence.Record) { r.Result = evidence.Inconclusive })[0])
	for name, records := range map[string][]evidence.Record{"a SIM changed two days ago": doubtful(), "a face less alike": face, "a SIM of unknown age": noSIM, "an unclear answer beside a clear one": denied} {
		t.Run(name, func(t *testing.T) {
			all := signed(t, records, 2)
			d := judged(t, all)
			if d.Outcome() != evidence.Approved || stepOf(d, "officer_review.signed") != "pass" {
				t.Fatalf("got %s: %+v", d.Outcome(), d.Trace())
			}
			if !slices.Contains(d.Evidence(), all[len(all)-1].Hash()) {
				t.Error("the decision does not say that it rests on the officers")
			}
			if got := judged(t, signed(t, records, 1)); got.Outcome() != evidence.Review {
				t.Errorf("one officer alone brought it to %s", got.Outcome())
			}
		})
	}
}

func TestOfficersAnswerForNothingElse(t *testing.T) {
	set := func(typ evidence.Type, f func(*evidence.Record)) func([]evidence.Record) []evidence.Record {
		return func(list []evidence.Record) []evidence.Record { return edit(list, typ, f) }
	}
	for _, tt := range []struct {
		name string
		edit func([]evidence.Record) []evidence.Record
		want evidence.Outcome
	}{
		{"another SIM since", set(evidence.MobileOwnership, func(r *evidence.Record) { r.Claims.SIMChangedDays = days(0) }), evidence.Review},
		{"another name since", set(evidence.CivilRegistry, func(r *evidence.Record) { r.Claims.LastName = "رضایی" }), evidence.Review},
		{"another doubt since", set(evidence.FaceMatch, func(r *evidence.Record) { r.Claims.ScorePercent = 70 }), evidence.Review},
		{"a dead person", set(evidence.CivilRegistry, func(r *evidence.Record) { r.Claims.Alive = &no }), evidence.Rejected},
		{"an old signature of the officers", set(evidence.OfficerReview, func(r *evidence.Record) { r.CheckedAt = now.Add(-8 * 24 * time.Hour) }), evidence.Review},
		{"rules that they did not see", set(evidence.OfficerReview, func(r *evidence.Record) { r.Claims.Rules = []string{"civil_registry.names"} }), evidence.Review},
		{"officers who said no", set(evidence.OfficerReview, func(r *evidence.Record) { r.Result = evidence.Mismatch }), evidence.Review},
		{"no face at all", func(list []evidence.Record) []evidence.Record {
			return slices.DeleteFunc(list, func(r evidence.Record) bool { return r.Type == evidence.FaceMatch })
		}, evidence.Review},
		{"a SIM that has grown older", set(evidence.MobileOwnership, func(r *evidence.Record) { r.Claims.SIMChangedDays = days(3) }), evidence.Approved},
		{"the same answer again", func(list []evidence.Record) []evidence.Record {
			again := list[0]
			again.ID, again.CheckedAt = "e-again", now
			return append(list, again)
		}, evidence.Approved},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := judged(t, tt.edit(signed(t, doubtful(), 2))); d.Outcome() != tt.want {
				t.Errorf("got %s, want %s: %+v", d.Outcome(), tt.want, d.Trace())
			}
		})
	}
	t.Run("a policy without officers", func(t *testing.T) {
		p, err := evidence.ParsePolicy([]byte(policyWith(t, "officers: 2", "officers: 0")))
		if err != nil {
			t.Fatal(err)
		}
		if d := p.Evaluate(evidence.Case{Profile: "natural-sign", Home: evidence.Software, Records: signed(t, doubtful(), 2)}, now); d.Outcome() != evidence.Review {
			t.Errorf("got %s", d.Outcome())
		}
	})
}

func TestAPolicyWithOneOfficerOrOfficersInASetIsRefused(t *testing.T) {
	for what, text := range map[string][]byte{
		"evidence.officers is 1":        []byte(policyWith(t, "officers: 2", "officers: 1")),
		"evidence.officers is not":      []byte(policyWith(t, "officers: 2", "officers: 6")),
		"answers for doubts":            []byte(policyWith(t, "otp_sms, face_match]", "otp_sms, face_match, officer_review]")),
		"max_age has no officer_review": []byte(policyWith(t, "officer_review: 7d", "emrtd_chip: 7d")),
	} {
		if _, err := evidence.ParsePolicy(text); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want %q", err, what)
		}
	}
}

package evidence_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/fault"
)

// chipPolicy asks for chip and face; more edits follow.
func chipPolicy(more ...string) []string {
	return append([]string{
		"[civil_registry, mobile_ownership, otp_sms, face_match]", "[civil_registry, mobile_ownership, otp_sms, emrtd_chip, face_match]",
		"        face_match: 24h\n", "        face_match: 24h\n        emrtd_chip: 24h\n",
	}, more...)
}

func chipRecord(edit func(*evidence.Record)) evidence.Record {
	r := record(evidence.EMRTDChip, evidence.Claims{
		NationalCode: code, FirstName: "عليرضا", LastName: "کریمی", LatinName: "KARIMI ALIREZA", BirthDate: "1990-03-21",
		DocumentNumber: "U12345678", DocumentState: "IRN", ChipProof: evidence.ChipProven,
	})
	r.ValidTo = now.AddDate(3, 0, 0)
	if edit != nil {
		edit(&r)
	}
	return r
}

func chipCases() []ruleCase {
	chip := func(edit func(*evidence.Record)) []evidence.Record { return with(natural(), chipRecord(edit)) }
	proof := func(p evidence.ChipProof) []evidence.Record {
		return chip(func(r *evidence.Record) { r.Claims.ChipProof = p })
	}
	original := "emrtd_chip.original"
	beside := []string{"        - [civil_registry, mobile_ownership, otp_sms, emrtd_chip, face_match]\n", "        - [civil_registry, mobile_ownership, otp_sms, face_match]\n        - [civil_registry, mobile_ownership, otp_sms, emrtd_chip, face_match]\n"}
	return []ruleCase{
		{name: "chip and face", policy: chipPolicy(), records: chip(nil), want: evidence.Approved, rule: original, outcome: "pass"},
		{name: "a face and no chip where the policy asks for both", policy: chipPolicy(), records: natural(), want: evidence.Waiting, rule: "emrtd_chip.fresh", outcome: "wait"},
		{name: "a chip without a key", policy: chipPolicy(), records: proof(evidence.ChipUnproven), want: evidence.Review, rule: original, outcome: "review"},
		{name: "a chip without a key where the policy rejects it", policy: chipPolicy("      sim_quiet: 7d", "      sim_quiet: 7d\n      chip_unproven: reject"), records: proof(evidence.ChipUnproven), want: evidence.Rejected, rule: original, outcome: "fail"},
		{name: "a chip of which nothing is said", policy: chipPolicy(), records: proof(""), want: evidence.Review, rule: original, outcome: "review"},
		{name: "a copied chip", policy: chipPolicy(), records: proof(evidence.ChipCopied), want: evidence.Rejected, rule: original, outcome: "fail"},
		{name: "a copied chip where the policy wants to see it", policy: chipPolicy("      sim_quiet: 7d", "      sim_quiet: 7d\n      chip_copied: review"), records: proof(evidence.ChipCopied), want: evidence.Review, rule: original, outcome: "review"},
		{name: "a copied chip beside a set that does without", policy: chipPolicy(beside...), records: proof(evidence.ChipCopied), want: evidence.Rejected, rule: original, outcome: "fail"},
		{name: "a copied chip, and an original", policy: chipPolicy(), records: with(proof(evidence.ChipCopied), chipRecord(func(r *evidence.Record) { r.ID = "e-2" })), want: evidence.Rejected, rule: original, outcome: "fail"},
		{name: "a copied chip where the policy asks for none", records: proof(evidence.ChipCopied), want: evidence.Approved, rule: original, outcome: ""},
		{name: "somebody else's chip", policy: chipPolicy(), records: chip(func(r *evidence.Record) { r.Claims.NationalCode = "0012345687" }), want: evidence.Rejected, rule: "person.one", outcome: "fail"},
		{name: "a chip that names nobody", policy: chipPolicy(), records: chip(func(r *evidence.Record) { r.Claims.NationalCode = "" }), want: evidence.Rejected, rule: "person.one", outcome: "fail"},
		{name: "another name on the chip", policy: chipPolicy(), records: chip(func(r *evidence.Record) { r.Claims.LastName = "رضایی" }), want: evidence.Review, rule: "person.names_agree", outcome: "review"},
		{name: "a chip with Latin names only", policy: chipPolicy(), records: chip(func(r *evidence.Record) { r.Claims.FirstName, r.Claims.LastName = "", "" }), want: evidence.Approved, rule: "person.names_agree", outcome: "pass"},
		{name: "another date of birth on the chip", policy: chipPolicy(), records: chip(func(r *evidence.Record) { r.Claims.BirthDate = "1991-03-21" }), want: evidence.Review, rule: "person.names_agree", outcome: "review"},
		{name: "a chip read the day before yesterday", policy: chipPolicy(), records: chip(func(r *evidence.Record) { r.CheckedAt = now.Add(-48 * time.Hour) }), want: evidence.Waiting, rule: "emrtd_chip.fresh", outcome: "wait"},
		{name: "a document that has expired since", policy: chipPolicy(), records: chip(func(r *evidence.Record) { r.ValidTo = now.Add(-time.Second) }), want: evidence.Waiting, rule: "emrtd_chip.fresh", outcome: "wait"},
	}
}

func TestChipsAreJudged(t *testing.T) { runRules(t, chipCases()) }

// TestAChipAloneBindsNobodyR5: whoever holds a genuine document need not be
// the person in it.
func TestAChipAloneBindsNobodyR5(t *testing.T) {
	_, err := evidence.ParsePolicy(policyWith(t, chipPolicy("emrtd_chip, face_match]", "emrtd_chip]")...))
	if fault.Code(err) != "policy_refused" || !strings.Contains(err.Error(), "no binding evidence") {
		t.Errorf("got %v", err)
	}
}

func TestPoliciesSayReviewOrRejectOfChips(t *testing.T) {
	for _, key := range []string{"chip_unproven", "chip_copied"} {
		_, err := evidence.ParsePolicy(policyWith(t, "      sim_quiet: 7d", "      sim_quiet: 7d\n      "+key+": accept"))
		if !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: got %v", key, err)
		}
	}
}

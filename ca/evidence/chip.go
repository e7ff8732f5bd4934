package evidence

import "slices"

// ChipProof is what a genuine document's chip showed of its own key.
type ChipProof string

// The proofs. Without a key a chip can be copied, and nobody can tell.
const (
	ChipProven   ChipProof = "proven"   // it answered our challenge
	ChipUnproven ChipProof = "unproven" // it has no key
	ChipCopied   ChipProof = "copied"   // it has one and did not answer
)

// chipOutcome is "review" or "reject" in a policy file; "" takes the default.
type chipOutcome string

func (o chipOutcome) known() bool { return o == "" || o == "review" || o == "reject" }

func (o chipOutcome) or(usual Outcome) Outcome {
	switch o {
	case "review":
		return Review
	case "reject":
		return Rejected
	}
	return usual
}

// chip asks whether the chip that was read is the one that was issued. A copy
// speaks against the case even where the set does without a chip.
func (j *judge) chip() {
	if !slices.Contains(j.accepts(), EMRTDChip) {
		return
	}
	step := func(o Outcome, why string) {
		outcome := stepFail
		if o == Review {
			outcome = stepReview
		}
		j.step(ruleChipOriginal, outcome, "%s", why)
	}
	copied := slices.ContainsFunc(having(j.of(EMRTDChip), Match), func(r Record) bool { return r.Claims.ChipProof == ChipCopied })
	counted, ok := j.counted[EMRTDChip]
	switch {
	case copied:
		step(j.rules.ChipCopied, "the chip has not the key of its document")
	case !ok:
	case counted.Claims.ChipProof == ChipProven:
		j.step(ruleChipOriginal, stepPass, "the chip answered our challenge with the key of its document")
	default:
		step(j.rules.ChipUnproven, "the chip has no key with which it could show that it is no copy")
	}
}

package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// Seen names what records say, for officers who answer for it: the hex SHA-256
// of each type, result and claim, however often it was said. What changes from
// one answer to the next, the age of a SIM and the score of a face, is left
// out, and so are silence and officers' own records: an answer that repeats
// another leaves it as it is, one that says something new does not.
func Seen(records []Record) string {
	type said struct {
		Type   Type   `json:"type"`
		Result Result `json:"result"`
		Claims Claims `json:"claims"`
	}
	list := []string{}
	for _, r := range records {
		if r.Type == OfficerReview || r.Result == Unavailable {
			continue
		}
		r.Claims.SIMChangedDays, r.Claims.ScorePercent = nil, 0
		b, err := json.Marshal(said{r.Type, r.Result, r.Claims})
		if err != nil { // no JSON form: Hash has none either, and it counts nowhere
			continue
		}
		list = append(list, string(b))
	}
	slices.Sort(list)
	h := sha256.New()
	for _, s := range slices.Compact(list) {
		h.Write([]byte(s + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Reviewed returns the claims of officers who answer for every rule that the
// decision sent to review, over the records it rests on. Officers is for the
// caller to fill in.
func Reviewed(d Decision, records []Record) Claims {
	c := Claims{SeenSHA256: Seen(records)}
	for _, s := range d.trace {
		if s.Outcome == stepReview && !slices.Contains(c.Rules, s.Rule) {
			c.Rules = append(c.Rules, s.Rule)
		}
	}
	j := &judge{c: Case{Records: records}}
	for _, r := range having(j.of(MobileOwnership), Match) {
		c.SIMChangedDays = r.Claims.SIMChangedDays
	}
	for _, t := range scoredTypes() {
		seen := having(j.of(t), Match)
		if len(seen) == 0 {
			continue
		}
		if c.Scores == nil {
			c.Scores = map[Type]int{}
		}
		c.Scores[t] = seen[len(seen)-1].Claims.ScorePercent
	}
	return c
}

// officers looks for officers who answer for this case (ETSI TS 119 461, 8.4;
// R9): as many as the policy asks, over what the records say now.
func (j *judge) officers() {
	if j.rules.Officers == 0 {
		return
	}
	seen := Seen(j.c.Records)
	for _, r := range slices.Backward(having(j.of(OfficerReview), Match)) {
		if r.Claims.Officers >= j.rules.Officers && r.Claims.SeenSHA256 == seen && j.stale(r, r.Hash()) == "" {
			j.step(ruleOfficers, stepPass, "%d officers have signed their decision on what was to be reviewed", r.Claims.Officers)
			j.review = &r
			return
		}
	}
}

// covered reports whether officers were shown the rule and signed.
func (j *judge) covered(rule string) bool {
	return j.review != nil && slices.Contains(j.review.Claims.Rules, rule)
}

// answered reports whether officers answer for the rule, and notes that the
// decision rests on them. For a SIM they answer while it is at least as old
// as they saw it, for a face while it is at least as alike.
func (j *judge) answered(rule string) bool {
	if !j.covered(rule) {
		return false
	}
	seen := j.review.Claims
	if rule == ruleSIM {
		now := j.counted[MobileOwnership].Claims.SIMChangedDays
		if (now == nil) != (seen.SIMChangedDays == nil) || now != nil && *now < *seen.SIMChangedDays {
			return false
		}
	}
	j.rested = true
	return true
}

// alike reports whether officers answer for a face as alike as this.
func (j *judge) alike(t Type, score int) bool {
	if !j.covered(ruleScore(t)) {
		return false
	}
	seen := j.review.Claims.Scores[t]
	if j.review.Claims.Scores == nil && len(j.faces()) == 1 {
		// Reviews once kept the lowest score alone: of one face it is that one's.
		seen = j.review.Claims.ScorePercent
	}
	return seen > 0 && score >= seen
}

// faces are the types that show a face here.
func (j *judge) faces() (list []Type) {
	for _, t := range scoredTypes() {
		if len(having(j.of(t), Match)) > 0 {
			list = append(list, t)
		}
	}
	return list
}

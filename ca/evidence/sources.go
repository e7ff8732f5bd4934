package evidence

import (
	"cmp"
	"slices"
	"time"
)

// sources asks each type of evidence for one record that counts.
func (j *judge) sources() {
	for _, t := range j.accepts() {
		records := j.of(t)
		if len(records) == 0 || t == Mandate && records[0].Result != Match {
			continue // that there is no mandate speaks against nobody
		}
		j.result(t, records)
		j.consistent(t, records)
		if r, ok := j.best(t, records); ok {
			j.counted[t] = r
			if t.scored() && r.Claims.ScorePercent < j.rules.FaceScore {
				j.step(ruleScore(t), stepReview, "%s", unlike)
			}
		}
	}
}

// of returns the records of the type, oldest first. Of mandates only the last
// look counts: one given or ended since is no contradiction.
func (j *judge) of(t Type) []Record {
	var list []Record
	for _, r := range j.c.Records {
		if r.Type == t {
			list = append(list, r)
		}
	}
	slices.SortStableFunc(list, func(a, b Record) int {
		return cmp.Or(a.CheckedAt.Compare(b.CheckedAt), cmp.Compare(a.Hash(), b.Hash()))
	})
	if t == Mandate && len(list) > 1 {
		list = list[len(list)-1:]
	}
	return list
}

func having(records []Record, result Result) []Record {
	var list []Record
	for _, r := range records {
		if r.Result == result {
			list = append(list, r)
		}
	}
	return list
}

// result looks at all records whatever their age: what a source once denied
// does not become true by waiting. A source that was down has said nothing,
// and if its evidence is needed, lack says so.
func (j *judge) result(t Type, records []Record) {
	match, mismatch := len(having(records, Match)), len(having(records, Mismatch))
	unsure, down := len(having(records, Inconclusive)), len(having(records, Unavailable))
	rule := string(t) + suffixResult
	switch {
	case match+mismatch+unsure+down < len(records):
		j.step(rule, stepFail, "a record has a result that does not exist")
	case match > 0 && mismatch > 0:
		j.step(rule, stepReview, "the source said yes and no")
	case mismatch > 0:
		j.step(rule, stepFail, "the source says that this is not so")
	case unsure > 0:
		j.step(rule, stepReview, "the source gave no clear answer")
	case match > 0:
		j.step(rule, stepPass, "the source says yes")
	}
}

// consistent compares what the matches of one type claim.
func (j *judge) consistent(t Type, records []Record) {
	matches := having(records, Match)
	for i, a := range matches {
		for _, b := range matches[i+1:] {
			if !agree(a.Claims, b.Claims) {
				j.step(string(t)+suffixConsistent, stepReview, "two answers of the source contradict each other")
				return
			}
		}
	}
}

// agree reports whether no claim of a is another in b. What may change from
// one answer to the next, a score or the age of a SIM, is left out.
func agree(a, b Claims) bool {
	same := func(x, y string) bool { return x == "" || y == "" || x == y }
	named := func(x, y string) bool { return x == "" || y == "" || SameName(x, y) }
	alive := a.Alive == nil || b.Alive == nil || *a.Alive == *b.Alive
	legal := a.LegalID == "" || b.LegalID == "" || (a.LegalStatus == b.LegalStatus && a.Role == b.Role && a.SignsAlone == b.SignsAlone)
	return alive && legal && same(a.NationalCode, b.NationalCode) && same(a.BirthDate, b.BirthDate) &&
		same(a.Mobile, b.Mobile) && same(a.LegalID, b.LegalID) &&
		named(a.FirstName, b.FirstName) && named(a.LastName, b.LastName) && named(a.LegalName, b.LegalName)
}

// best returns the youngest match that is fresh and strong enough.
func (j *judge) best(t Type, records []Record) (counted, bool) {
	for _, r := range slices.Backward(having(records, Match)) {
		if hash := r.Hash(); j.stale(r, hash) == "" && j.strong(r) {
			return counted{r, hash}, true
		}
	}
	return counted{}, false
}

// stale says why the record of the hash is out of its time, "" if it is not.
func (j *judge) stale(r Record, hash string) string {
	switch {
	case hash == "" || r.CheckedAt.IsZero():
		return "the answer has no time"
	case r.CheckedAt.After(j.now.Add(clockSkew)):
		return "the answer comes from the future"
	case j.maxAge(r) <= 0 || j.now.Sub(r.CheckedAt) > j.maxAge(r):
		return "the answer is too old"
	case !r.ValidTo.IsZero() && !j.now.Before(r.ValidTo):
		return "the answer is no longer valid"
	}
	return ""
}

// maxAge returns how old the record may be; zero if the policy does not say,
// and then nothing counts.
func (j *judge) maxAge(r Record) time.Duration {
	if r.Earlier != "" {
		return j.rules.KnownAges[r.Type]
	}
	return j.rules.EvidenceAges[r.Type]
}

func (j *judge) strong(r Record) bool {
	if r.Type == EIDOIDC {
		return j.rules.Takes(r.Claims.Level)
	}
	if r.Type == DeviceAttestation {
		return r.Claims.SPKISHA256 != "" && slices.Contains(j.rules.Attestation[j.c.Home], r.Claims.Attestation)
	}
	return !r.Type.scored() || r.Claims.ScorePercent >= j.rules.FaceScore || j.alike(r.Type, r.Claims.ScorePercent)
}

// unlike is said of a face below the policy's score.
const unlike = "the face is less alike than the policy asks"

// lack says why no record of the type counts.
func (j *judge) lack(t Type) {
	records := j.of(t)
	matches := having(records, Match)
	rule := string(t) + suffixFresh
	if len(matches) == 0 {
		why := "there is no answer yet"
		if len(having(records, Unavailable)) > 0 {
			why = "the source could not be asked"
		}
		j.step(rule, stepWait, "%s", why)
		return
	}
	youngest := matches[len(matches)-1]
	if why := j.stale(youngest, youngest.Hash()); why != "" {
		j.step(rule, stepWait, "%s", why)
		return
	}
	switch t {
	case EIDOIDC:
		j.login()
		return
	case DeviceAttestation:
		j.step(ruleDevice, stepWait, "the device vouches in a way that the policy does not take for this home of the key")
		return
	}
	j.step(ruleScore(t), stepReview, "%s", unlike)
}

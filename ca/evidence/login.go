package evidence

import (
	"fmt"
	"slices"

	"mohr/internal/eid"
)

// LoginRecord is what a login at an eID provider proves of the person with
// the national code. Another person's login is a mismatch and says nothing of
// them. A login whose claims cannot be read is of nobody: eid.ErrNobody.
//
// It was checked when the person authenticated, so that a policy's max_age
// bounds the age of that.
func LoginRecord(l eid.Login, nationalCode string) (Record, error) {
	r := Record{ID: NewID(), Type: EIDOIDC, Source: l.Source, Environment: Environment(l.Environment), Result: Mismatch, CheckedAt: l.AuthAt}
	code, err := ParseNationalCode(l.NationalCode)
	if err != nil {
		return Record{}, fmt.Errorf("%w: the national code of the login", eid.ErrNobody)
	}
	if code != nationalCode {
		return r, nil
	}
	r.Result, r.RawSHA256 = Match, l.SHA256
	r.Claims = Claims{NationalCode: code, FirstName: l.FirstName, LastName: l.LastName, ACR: l.ACR, Level: Level(l.Level)}
	if l.BirthDate == "" {
		return r, nil
	}
	if r.Claims.BirthDate, err = ParseBirthDate(l.BirthDate); err != nil {
		return Record{}, fmt.Errorf("%w: the date of birth of the login", eid.ErrNobody)
	}
	return r, nil
}

// Takes reports whether a login at level l counts for the profile: one that is
// at least its own. An unknown level counts for none.
func (r Rules) Takes(l Level) bool {
	order := []Level{Low, Substantial, High}
	got := slices.Index(order, l)
	return got >= 0 && got >= slices.Index(order, r.Level)
}

// login notes that the policy asks for more than the login's level.
func (j *judge) login() {
	j.step(ruleLogin, stepWait, "the login is of a lower level than the policy asks")
}

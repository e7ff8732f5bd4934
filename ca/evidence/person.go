package evidence

import (
	"slices"
	"time"
)

// adult is the age at which a person may hold a signature certificate, years.
const adult = 18

// person asks the civil registry's record, which alone names the subject.
func (j *judge) person() {
	r, ok := j.counted[CivilRegistry]
	if !ok {
		return
	}
	c := r.Claims
	code, err := ParseNationalCode(c.NationalCode)
	j.rule(ruleCode, err == nil && code == c.NationalCode, "the national code holds", stepFail, "the national code does not hold")
	switch {
	case c.Alive == nil:
		j.step(ruleAlive, stepReview, "the register does not say whether the person is alive")
	default:
		j.rule(ruleAlive, *c.Alive, "the person is alive", stepFail, "the register says that the person has died")
	}
	j.adult(c.BirthDate)
	first, errFirst := ParseName(c.FirstName)
	last, errLast := ParseName(c.LastName)
	j.rule(ruleNames, errFirst == nil && errLast == nil, "given name and surname are there and follow the rule of names", stepReview, "a name in the register does not follow the rule of names")
	j.identity = Identity{NationalCode: c.NationalCode, GivenName: first.Normal(), Surname: last.Normal(), BirthDate: c.BirthDate}
	j.onePerson(c)
}

func (j *judge) adult(birthDate string) {
	born, err := time.Parse(time.DateOnly, birthDate)
	if err != nil {
		j.step(ruleAdult, stepReview, "the register gives no date of birth")
		return
	}
	// A birthday on 29 February counts on 1 March of other years.
	j.rule(ruleAdult, !j.now.Before(born.AddDate(adult, 0, 0)), "the person is of age", stepFail, "the person is under 18")
}

// onePerson ties the other records to the person the register names.
func (j *judge) onePerson(civil Claims) {
	same, dated, names := true, true, Identical
	for t, r := range j.counted {
		c := r.Claims
		if c.NationalCode != civil.NationalCode && (c.NationalCode != "" || t.namesPerson()) {
			same = false
		}
		if c.FirstName != "" {
			names = further(names, CompareNames(c.FirstName, civil.FirstName))
		}
		if c.LastName != "" {
			names = further(names, CompareNames(c.LastName, civil.LastName))
		}
		dated = dated && (c.BirthDate == "" || c.BirthDate == civil.BirthDate)
	}
	j.rule(ruleOnePerson, same, "all evidence is of one person", stepFail, "the evidence is of more than one person, or does not say of whom")
	switch {
	case !dated:
		j.step(ruleAgree, stepReview, "a date of birth differs between two sources")
	case !names.Same():
		j.step(ruleAgree, stepReview, "a name differs between two sources: %s", names.Why())
	default:
		j.step(ruleAgree, stepPass, "names and dates of birth agree: %s", names.Why())
	}
}

// namesPerson reports whether evidence of the type must say whose it is. A
// one-time code is tied to the person through the mobile number, an
// attestation through the key.
func (t Type) namesPerson() bool { return t != OTPSMS && t != DeviceAttestation }

// mobile asks whose number it is, how long its SIM has been in it, and that
// the code went to it.
func (j *judge) mobile() {
	owned, ok := j.counted[MobileOwnership]
	if !ok {
		return
	}
	c := owned.Claims
	number, err := ParseMobile(c.Mobile)
	j.rule(ruleMobile, err == nil && number == c.Mobile, "the register names the mobile number", stepFail, "the register's record has no mobile number")
	j.identity.Mobile = c.Mobile
	if code, ok := j.counted[OTPSMS]; ok {
		j.rule(ruleOTP, code.Claims.Mobile == c.Mobile, "the code went to the number in the register", stepFail, "the code went to another number than the one in the register")
	}
	if j.rules.SIMQuiet == 0 {
		return
	}
	if c.SIMChangedDays == nil {
		j.step(ruleSIM, stepReview, "the register does not say when the SIM was changed")
		return
	}
	quiet := int((j.rules.SIMQuiet + day - 1) / day)
	j.rule(ruleSIM, *c.SIMChangedDays >= quiet, "the SIM has been in use long enough", stepReview, "the SIM was changed a short time ago")
}

// byMandate reports whether the right to act for the organisation comes from
// a mandate: its register does not let the person bind it alone, the policy
// takes mandates, and the last look found one.
func (j *judge) byMandate() bool {
	r, ok := j.counted[LegalRegistry]
	takes := slices.ContainsFunc(j.rules.AnyOf, func(set []Type) bool { return slices.Contains(set, Mandate) })
	return ok && takes && !(r.Claims.SignsAlone && r.Claims.Role != "") && len(having(j.of(Mandate), Match)) > 0
}

// mandate asks whether the mandate is for the organisation, and says which
// one it is and when it ends: without these nothing may rest on it.
func (j *judge) mandate(r Record, legalID string) {
	whole := r.Claims.Mandate != "" && !r.ValidTo.IsZero()
	j.rule(ruleMandate, whole && r.Claims.LegalID == legalID, "a mandate lets the person act for the organisation", stepFail, "the mandate is for another organisation, or does not say which it is and when it ends")
}

// organisation asks for the legal person and the right to bind it (R8).
func (j *judge) organisation() {
	r, ok := j.counted[LegalRegistry]
	if !ok {
		return
	}
	c := r.Claims
	id, err := ParseLegalID(c.LegalID)
	j.rule(ruleLegalID, err == nil && id == c.LegalID, "the legal id holds", stepFail, "the legal id does not hold")
	name, err := ParseLegalName(c.LegalName)
	j.rule(ruleLegalName, err == nil, "the organisation's name follows the rule of names", stepReview, "the organisation's name in the register does not follow the rule of names")
	j.rule(ruleLegalActive, c.LegalStatus == LegalActive, "the organisation is active", stepFail, "the organisation is not active in the register")
	mandate, mandated := j.counted[Mandate]
	if mandated {
		c.Role = mandate.Claims.Role
	}
	title, errTitle := ParseName(c.Role)
	switch {
	case mandated:
		j.mandate(mandate.Record, c.LegalID)
		j.rule(ruleTitle, errTitle == nil, "the mandate's title follows the rule of names", stepReview, "the mandate's title does not follow the rule of names")
	case j.byMandate(): // it lacks, and that was said
	case c.Role == "":
		j.step(ruleSignatory, stepFail, "the person is no signatory of the organisation")
	case !c.SignsAlone:
		j.step(ruleSignatory, stepFail, "the person may bind the organisation only together with others, and applies alone")
	default:
		j.rule(ruleSignatory, errTitle == nil, "the person may bind the organisation alone", stepReview, "the person's role in the register does not follow the rule of names")
	}
	j.identity.LegalID, j.identity.LegalName, j.identity.Title = c.LegalID, name.Normal(), title.Normal()
}

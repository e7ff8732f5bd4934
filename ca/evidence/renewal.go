package evidence

// renewable asks whether a renewal may still rest on the last full proofing
// (R13; ETSI EN 319 411-2, REG-6.2.2-02).
func (j *judge) renewable() {
	r := j.c.Renewal
	j.rule(ruleDepth, r.Depth >= 1 && r.Depth <= j.rules.MaxDepth,
		"the renewals since the last full proofing are within the policy", stepFail, "too many renewals rest on the last full proofing; a new one is due")
	known := !r.ProofAt.IsZero() && !r.ProofAt.After(j.now.Add(clockSkew))
	j.rule(ruleProofAge, known && j.now.Sub(r.ProofAt) <= j.rules.MaxAge,
		"the last full proofing is young enough", stepFail, "the last full proofing is too old or unknown; a new one is due")
}

// changes compares the person with the one the old certificate names (R12).
// The register's word is taken for what may change in a life.
func (j *judge) changes() {
	if _, ok := j.counted[CivilRegistry]; !ok {
		return
	}
	old, now := j.c.Renewal.Previous, j.identity
	j.rule(ruleSamePerson, old.NationalCode != "" && old.NationalCode == now.NationalCode,
		"the person is the holder of the old certificate", stepFail, "the person is not the holder of the old certificate")
	j.note(ruleNewName, SameName(old.GivenName, now.GivenName) && SameName(old.Surname, now.Surname),
		"the name is as before", "the register holds another name than the old certificate; the register's is used")
	if old.BirthDate != "" {
		j.rule(ruleBirthDate, old.BirthDate == now.BirthDate, "the date of birth is as before", stepReview, "the register holds another date of birth than before")
	}
	if _, asked := j.counted[MobileOwnership]; !asked {
		j.identity.Mobile = old.Mobile
	} else if old.Mobile != "" {
		j.note(ruleNewMobile, old.Mobile == now.Mobile, "the mobile number is as before", "the register holds another mobile number; it is used")
	}
	j.business(old, now)
}

// business compares the organisation, once its register has answered.
func (j *judge) business(old, now Identity) {
	_, answered := j.counted[LegalRegistry]
	if !answered && (old.LegalID == "" || j.rules.Asks(LegalRegistry)) {
		return
	}
	j.rule(ruleSameBusiness, old.LegalID == now.LegalID, "the organisation is as before", stepFail, "the old certificate is for another organisation, or for none")
	j.note(ruleNewBusiness, SameName(old.LegalName, now.LegalName) && SameName(old.Title, now.Title),
		"the organisation's name and the role are as before", "the register holds another name of the organisation or another role; the register's are used")
}

// note passes either way and says which.
func (j *judge) note(rule string, as bool, before, changed string) {
	if as {
		changed = before
	}
	j.step(rule, stepPass, "%s", changed)
}

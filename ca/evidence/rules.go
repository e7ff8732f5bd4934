package evidence

// The rules, by the names that traces carry. Pages have a text for each
// (texts.yaml, "rule." and the name); a rule of one type of evidence has the
// type before its suffix: "civil_registry.result".
const (
	ruleProfile     = "profile.known"
	ruleHome        = "home.allowed"
	ruleEnvironment = "environment.allowed"
	ruleComplete    = "set.complete"

	suffixResult     = ".result"
	suffixConsistent = ".consistent"
	suffixFresh      = ".fresh"
	suffixScore      = ".score"
	ruleOfficers     = "officer_review.signed"
	ruleLogin        = "eid_oidc.level"

	ruleCode      = "civil_registry.code"
	ruleAlive     = "civil_registry.alive"
	ruleAdult     = "civil_registry.adult"
	ruleNames     = "civil_registry.names"
	ruleOnePerson = "person.one"
	ruleAgree     = "person.names_agree"
	ruleMobile    = "mobile_ownership.number"
	ruleSIM       = "mobile_ownership.sim"
	ruleOTP       = "otp_sms.number"

	ruleDevice       = "device_attestation.kind"
	ruleChipOriginal = "emrtd_chip.original"

	ruleLegalID     = "legal_registry.id"
	ruleLegalName   = "legal_registry.name"
	ruleLegalActive = "legal_registry.active"
	ruleSignatory   = "legal_registry.signatory"
	ruleMandate     = "mandate.organisation"
	ruleTitle       = "mandate.title"

	ruleDepth        = "renewal.depth"
	ruleProofAge     = "renewal.proof_age"
	ruleSamePerson   = "renewal.same_person"
	ruleNewName      = "renewal.name"
	ruleBirthDate    = "renewal.birth_date"
	ruleNewMobile    = "renewal.mobile"
	ruleSameBusiness = "renewal.same_organisation"
	ruleNewBusiness  = "renewal.organisation"
)

// ruleScore asks how alike a face is.
func ruleScore(t Type) string { return string(t) + suffixScore }

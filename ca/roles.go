package ca

import "slices"

// Role is what an operator is; roles come from the store, not from the certificate.
type Role string

// The roles.
const (
	RoleRegistrar  Role = "registrar"
	RoleRevocation Role = "revocation-officer"
	RoleOfficer    Role = "officer"
	RoleCustodian  Role = "custodian"
	RoleAuditor    Role = "auditor"
)

// Right is what a role may do here.
type Right string

// The rights.
const (
	MayRead     Right = "read"      // the register, plans, approvals, operators, blocked keys, look-ups
	MayFind     Right = "find"      // a person's certificates by the national code
	MayEnd      Right = "end"       // revoke, suspend and resume one owner's certificates
	MayIncident Right = "incidents" // plan, approve and carry out what concerns many
	MayReview   Right = "review"    // see applications at review, and sign what is decided of them
	MayRoles    Right = "roles"     // plan, approve and carry out changes of operators' roles
	MayRule     Right = "rule"      // decide of complaints and of publication, remove words, let clocks rest for an outage
)

// Duty is a role with what it may do, for help texts.
type Duty struct {
	Role   Role
	Rights []Right
	Words  string
}

// Duties is the table of who may do what; a role that is not here may do nothing.
func Duties() []Duty {
	return []Duty{
		{RoleRegistrar, []Right{MayRead, MayFind, MayEnd}, "reads the register, finds holders, revokes, suspends and resumes one owner's certificates"},
		{RoleRevocation, []Right{MayRead, MayFind, MayEnd, MayIncident}, "a registrar who also plans, approves and carries out what concerns many: bulk revocation, renew now, blocked keys"},
		{RoleOfficer, []Right{MayReview, MayRule}, "decides, with a second officer, of applications that the policy sent to review; answers for complaints and publication"},
		{RoleCustodian, []Right{MayRead, MayRoles}, "reads the register; plans, approves and carries out changes of operators' roles"},
		{RoleAuditor, []Right{MayRead}, "reads everything and changes nothing; has no other role beside it"},
	}
}

// known reports whether r is one of the table.
func (r Role) known() bool {
	return slices.ContainsFunc(Duties(), func(d Duty) bool { return d.Role == r })
}

// rolesWith returns the roles that have the right.
func rolesWith(right Right) (list []Role) {
	for _, d := range Duties() {
		if slices.Contains(d.Rights, right) {
			list = append(list, d.Role)
		}
	}
	return list
}

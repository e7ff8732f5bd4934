// Package enroll takes an applicant from proof of identity to a delivered certificate.
//
// An application moves along the stages of application.go. Each step reloads
// it, checks its stage and saves it at the version it was read at, with an
// event, in one transaction. What the registers say becomes evidence, the
// policy judges the evidence, and only an approved decision together with a
// proven key orders a certificate from ca.
//
// Until the code sent to the applicant's phone is in and the register says
// that the phone is theirs, the outside sees nothing of what the registers
// answered and no face is compared: an unknown person, a dead one and a
// mistyped phone look alike, and end alike once the code is in.
//
// Anybody may apply in anybody's name, so an application counts towards the
// limit of a national code for an hour only, and for a day once the phone was
// proven so; a code counts for its phone only if it was sent.
package enroll

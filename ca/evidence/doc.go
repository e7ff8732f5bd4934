// Package evidence says what was proven of a person and which certificate that allows.
//
// Records are single proofs, a Policy says which of them together give which
// level and profile, and the pure Evaluate joins the two into a Decision. Only
// an approved Decision can order a person's certificate.
package evidence

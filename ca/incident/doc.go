// Package incident ends, marks and blocks what an incident concerns, by plan.
//
// A plan is made first and changes nothing: it counts and lists what it would
// concern and has a hash. What concerns many waits for the signed approval of
// two persons over that hash. Then exactly the plan is carried out, in short
// transactions that go on where a crash left them, each target once.
//
// Two things need no plan. A key that signs the words "this key is
// compromised" is blocked with all its certificates, whoever sends that. A
// holder ends or suspends a certificate by a statement signed with a good one.
//
// The files follow the journey: plan, gather, propose, approve, execute; key
// and statement are the two short ways.
package incident

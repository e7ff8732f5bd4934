// Package approval collects signed approvals of a matter by different persons.
//
// A matter is whatever has an id and a hash. An approval is a statement over
// both, signed with an operator's key; it is kept with its signature and is a
// leaf of the log, in the transaction that counts it. Two approvals count as
// two only if operators, keys and the persons behind them differ. One counts
// only as long as its operator's certificate is good and has the right.
package approval

// Package plan reads the one file that a ceremony is held from.
//
// Everything that will be in a certificate stands in it in words: names,
// algorithms, lives, path lengths, policies, addresses, and where the keys
// are. The custodians review it and sign its exact bytes; a Plan is only made
// from bytes that hold every rule, and approvals are counted against the keys
// that the file lists.
package plan

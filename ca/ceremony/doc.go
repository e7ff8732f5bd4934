// Package ceremony makes, renews and ends the hierarchy: roots, issuing CAs, CRLs.
//
// A ceremony is held from one reviewed file (package plan), whose exact bytes
// the custodians signed. Everything is built and linted first with keys that
// nobody keeps; then each step is recorded before it is signed and again when
// it is done, so that a ceremony that was cut off is finished by holding it
// again, and nothing is ever made twice. It leaves minutes, which the
// custodians sign, in a record that a service imports and anybody verifies.
//
// A development service makes its hierarchy by itself, from a file that comes
// with the program.
package ceremony

// Package mandate keeps who acts for a legal person by the word of those who bind it.
//
// A company register names those who bind a legal person, alone or jointly.
// They let others act for it by signed statements: one who binds it alone, as
// many as the register says jointly, or an administrator whom these appointed,
// within his own scopes and time. A mandate stands from its grant until its
// end or its revocation, whoever leaves the register meanwhile; what is done
// by it asks for it again, in the transaction of the deed.
//
// The files follow the journey: terms are what is signed, read checks the
// statement, company asks the register, binds judges who may bind, give acts;
// plan and revoke take a mandate back, order does so for an operator; use is
// what other rooms ask.
package mandate

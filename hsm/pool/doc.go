// Package pool keeps one connection to a key store open and bounds every call on it.
//
// A call ends within its time, for its caller, whatever the driver does. When
// a connection is lost, calls under way are let end, the connection is closed
// and a goroutine opens another, again and again with growing pauses, until
// that works or the pool is closed. Meanwhile callers fail at once with the
// reason: a dead store costs them nothing.
//
// Connections that can only be closed together, those of all tokens of one
// PKCS#11 module, share a Group. Everything is safe for concurrent use.
package pool

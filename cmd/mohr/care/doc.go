// Package care looks after a service's data: what ails it, and what may go.
//
// Both work on the data of a running service, which does it itself, and on
// that of a stopped one, without its keys where they are not asked for.
package care

// Package trace follows a request through the rooms, where an operator asks for it.
//
// A span begins below the span of its context and nowhere else: without one,
// which is the case unless a collector is configured, nothing is measured and
// nothing is sent. What a span may say comes from the Facts of this package,
// and an error only as its code: nothing personal can get in.
package trace

// Package fault classes errors by what the caller can do about them.
//
// A fault carries a stable code, which is part of the API, and an English
// text that may be shown to the caller; other languages look the code up in
// a catalogue (internal/i18n). Every error that is not a fault is internal:
// its text stays in the log.
package fault

import (
	"errors"
	"fmt"
)

// Kind is the class of a failure. Kinds are errors themselves, so that
// errors.Is(err, fault.Denied) holds through any wrapping.
type Kind string

// The kinds, and what a caller can do.
const (
	Invalid     Kind = "invalid"     // the request is wrong: mend it
	Denied      Kind = "denied"      // the caller may not do this
	NotFound    Kind = "not_found"   // there is no such thing
	Conflict    Kind = "conflict"    // the thing is in a state that forbids this
	Limited     Kind = "limited"     // too many tries: wait
	Unavailable Kind = "unavailable" // something we need is down: try again later
)

// Error makes a Kind usable as the target of errors.Is.
func (k Kind) Error() string { return string(k) }

// Fault is an error whose text may reach the caller. Only New makes one.
type Fault struct {
	kind   Kind
	code   string
	format string
	args   []any
}

// New returns a fault with a stable code ("csr_trailing_bytes": lower case,
// unique to its meaning) and an English text in the form of fmt.Sprintf.
// Nothing personal and nothing secret may be among args.
func New(k Kind, code, format string, args ...any) error {
	return &Fault{kind: k, code: code, format: format, args: args}
}

// Error returns the English text.
func (f *Fault) Error() string { return fmt.Sprintf(f.format, f.args...) }

// Unwrap returns the kind.
func (f *Fault) Unwrap() error { return f.kind }

// Code returns the stable code.
func (f *Fault) Code() string { return f.code }

// Kind returns the class.
func (f *Fault) Kind() Kind { return f.kind }

// Args returns the values of the text's verbs, for a translation.
func (f *Fault) Args() []any { return f.args }

// Of returns the fault in err's chain, and whether there is one.
func Of(err error) (*Fault, bool) {
	var f *Fault
	ok := errors.As(err, &f)
	return f, ok
}

// Code returns the code of the fault in err's chain, "" if there is none.
func Code(err error) string {
	if f, ok := Of(err); ok {
		return f.code
	}
	return ""
}

// At returns err, said to be about the part of the request with this name; nil
// for nil. It is for faults whose code alone does not tell.
func At(part string, err error) error {
	if err == nil {
		return nil
	}
	return &placed{part, err}
}

// placed is an error about a part of a request.
type placed struct {
	part  string
	cause error
}

func (p *placed) Error() string { return p.cause.Error() }
func (p *placed) Unwrap() error { return p.cause }

// Each calls fn with every fault in err's tree, in order, and the part of the
// request that the nearest At around it names, "" if none does. The first is
// the one that Of finds.
func Each(err error, fn func(part string, f *Fault)) { each(err, "", fn) }

func each(err error, part string, fn func(part string, f *Fault)) {
	switch e := err.(type) {
	case *Fault:
		fn(part, e)
	case *placed:
		each(e.cause, e.part, fn)
	case interface{ Unwrap() error }:
		each(e.Unwrap(), part, fn)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			each(one, part, fn)
		}
	}
}

package client

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Problem is what the service refuses with (RFC 9457). Where something
// between the service and here answered, Code is "".
type Problem struct {
	Title    string         `json:"title"`  // what kind of problem this is
	Detail   string         `json:"detail"` // what is wrong and what to do next, in the client's Locale
	Status   int            `json:"status"` // of HTTP
	Code     string         `json:"code"`   // stable: what a program branches on
	Instance string         `json:"instance"`
	Errors   []FieldProblem `json:"errors"` // which parts of the request are wrong

	RetryAfter time.Duration `json:"-"` // when to ask again; 0: the service does not say
}

// FieldProblem names one part of a request, as body.person.mobile, and what
// is wrong with it.
type FieldProblem struct {
	Field string `json:"field"`
	Text  string `json:"text"`
}

// Error is the detail with the code.
func (p *Problem) Error() string {
	if p.Code == "" {
		return p.Detail
	}
	return fmt.Sprintf("%s [%s]", p.Detail, p.Code)
}

// Code is the stable code of the Problem in err, "" if there is none.
func Code(err error) string {
	var p *Problem
	if !errors.As(err, &p) {
		return ""
	}
	return p.Code
}

// refused reports whether the service itself said no, for good: not that it
// has too much to do, nor that it is still busy with the same.
func refused(err error) bool {
	var p *Problem
	if !errors.As(err, &p) || p.Code == "" || p.Code == "idempotency_in_progress" {
		return false
	}
	return p.Status < 500 && p.Status != http.StatusRequestTimeout && p.Status != http.StatusTooManyRequests
}

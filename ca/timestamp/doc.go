// Package timestamp is a time-stamping unit (RFC 3161, RFC 5816).
//
// A token says that a digest existed at a time. The unit refuses to say so
// while its clock is not trusted, and answers every request it cannot grant
// with the failure the standard has for it. Verify checks a token with nothing
// but the root.
package timestamp

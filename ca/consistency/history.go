package consistency

import (
	"slices"

	"mohr/ca"
	"mohr/internal/ledger"
)

// history is what the log says of one certificate.
type history struct {
	issued string // hex SHA-256 of the certificate; "" while there is no such entry
	twice  bool   // it was issued more than once
	// The changes of its status at the last moment there was one. Entries of
	// one second have no order among them, so all of that second count.
	at      int64 // Unix seconds; 0: none
	changes []change
	held    int64 // when it was last suspended
}

// change is one entry on a certificate's status: the reason it ends or rests
// for, "" for one that counts again.
type change ca.Reason

// histories are what the log says of certificates, by serial.
type histories map[string]*history

// add takes one entry of the log.
func (h histories) add(e ledger.Event) {
	c := change(e.Note)
	switch e.Kind {
	case "certificate.issued", "certificate.revoked", "certificate.suspended":
	case "certificate.resumed":
		c = ""
	default:
		return
	}
	one := h[e.Subject]
	if one == nil {
		one = &history{}
		h[e.Subject] = one
	}
	if e.Kind == "certificate.issued" {
		one.twice = one.twice || one.issued != ""
		one.issued = e.Hash
		return
	}
	at := e.At.Unix()
	if e.Kind == "certificate.suspended" {
		one.held = max(one.held, at)
	}
	switch {
	case at > one.at:
		one.at, one.changes = at, []change{c}
	case at == one.at:
		one.changes = append(one.changes, c)
	}
}

// says reports whether the log ends with the status.
func (h *history) says(r *ca.Revoked) bool {
	if r == nil {
		return len(h.changes) == 0 || slices.Contains(h.changes, "")
	}
	// One that was suspended and then ended, ended as of its suspension.
	at := r.At.Unix()
	return slices.Contains(h.changes, change(r.Reason)) && (at == h.at || at == h.held)
}

package renew

import (
	"time"

	"mohr/ca/evidence"
	"mohr/internal/fault"
)

// Window is the time in which a certificate may be renewed; both ends count.
type Window struct {
	Opens, Closes time.Time
}

// WindowOf returns the window of a certificate valid from notBefore to
// notAfter: it never opens before the certificate is valid. It is pure.
func WindowOf(notBefore, notAfter time.Time, r evidence.Rules) Window {
	w := Window{Opens: notAfter.Add(-r.OpensBefore), Closes: notAfter.Add(r.ClosesAfter)}
	if w.Opens.Before(notBefore) {
		w.Opens = notBefore
	}
	return w
}

// Fault returns nil inside the window; before it a Conflict (renewal_early),
// after it a Denied (renewal_late). It is pure.
func (w Window) Fault(now time.Time) error {
	switch {
	case now.Before(w.Opens):
		return fault.New(fault.Conflict, "renewal_early", "this certificate can be renewed from %[1]s on; come back then", w.Opens.UTC().Format(time.RFC3339))
	case now.After(w.Closes):
		return fault.New(fault.Denied, "renewal_late", "the time to renew this certificate ended at %[1]s; apply for a new one", w.Closes.UTC().Format(time.RFC3339))
	}
	return nil
}

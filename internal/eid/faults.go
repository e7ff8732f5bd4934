package eid

import "mohr/internal/fault"

// What a login can end with, other than well. None of them says anything
// against the person: they may try again, or prove themselves otherwise.
var (
	// ErrUnavailable: the provider is down, slow, or answers nonsense.
	ErrUnavailable = fault.New(fault.Unavailable, "eid_unavailable", "the eID provider does not answer now; nothing is lost: try again in some minutes, or take another way")
	// ErrSetUp: the provider refuses this service, not the person.
	ErrSetUp = fault.New(fault.Unavailable, "eid_set_up", "the eID provider does not accept this service now; the operator is told; take another way, or try again later")
	// ErrCancelled: the person, or the provider, said no (access_denied).
	ErrCancelled = fault.New(fault.Denied, "eid_cancelled", "the login was cancelled or refused at the eID provider; log in again, or take another way")
	// ErrInteraction: the provider wants something of the person first (login_required and its kin).
	ErrInteraction = fault.New(fault.Denied, "eid_interaction", "the eID provider wants you to log in or to agree there first; log in again and finish each of its steps")
	// ErrToken: the answer does not hold, or is not the answer to this login.
	ErrToken = fault.New(fault.Denied, "eid_token", "the eID provider's answer does not hold, so it does not count; log in again from here")
	// ErrStale: the person logged in too long ago.
	ErrStale = fault.New(fault.Denied, "eid_stale", "this login at the eID provider is too old; log in again, with your password, card or app")
	// ErrLevel: the provider does not say how surely it knows the person, or in words that are not configured.
	ErrLevel = fault.New(fault.Denied, "eid_level", "this login is not sure enough for a certificate; log in again with a stronger means, a card or an app with confirmed identity")
	// ErrNobody: the provider does not say whose login it is.
	ErrNobody = fault.New(fault.Denied, "eid_nobody", "the eID provider does not say whose login this is; let it pass on your national code, or take another way")
)

// Faults are all of them.
func Faults() []error {
	return []error{ErrUnavailable, ErrSetUp, ErrCancelled, ErrInteraction, ErrToken, ErrStale, ErrLevel, ErrNobody}
}

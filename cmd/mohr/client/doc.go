// Package client lets Go programs do what holders do at a service of Mohr.
//
// A [Client] speaks to one service, and [Client.Apply] opens an application for
// a certificate. [Application.Run] takes it to the end by callbacks ([Steps]);
// its other methods take one step each. [Client.RenewalWindow] says when a
// certificate should be renewed, [Client.BeginRenewal] and [Client.Renew] do it,
// [Client.RenewTo] keeps it in files that outlive a crash, and a [Keeper] does
// all of this from time to time. [SignDocument] signs without the service.
// [Client.NewBadgeRequest] and [Client.SendBadgeRequest] ask for a badge,
// [Client.AnswerComplaint] answers, [Client.Revoke] ends a certificate.
//
// # Errors
//
// What the service refuses is a [*Problem]: its Detail says, in the language of
// Client.Locale, what is wrong and what to do next; its Code is stable, and
// [Code] finds it in any error. All other errors are of this side: a network,
// a file, a key.
//
// # Repeating
//
// A service that is away or busy is asked again, within Client.Patience; see
// [Client.Do]. The steps of an application and what was signed once (a
// [Renewal], a [BadgeRequest]) may be sent again by the caller and bring the
// same answer. What signs and sends in one call, as [Client.AnswerComplaint],
// signs anew each time: called twice it is said twice.
//
// # Keys
//
// A [Key] is any crypto.Signer with its certificate. [OpenSigner] makes and
// opens keys in files, PKCS#11 tokens and TPMs by their URIs.
//
// Nothing here prints, ends the process or keeps state between calls.
package client

// Package client lets Go programs do what holders do at a service of Mohr.
//
// A [Client] speaks to one service, and [Client.Apply] opens an application for
// a certificate. [Application.Run] takes it to the end by callbacks ([Steps]);
// its other methods take one step each. [Client.RenewalWindow] says when a
// certificate should be renewed, [Client.BeginRenewal] and [Client.Renew] do it,
// [Client.RenewTo] keeps it in files that outlive a crash, and a [Keeper] does
// all of this from time to time.
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
// [Client.Do]. Every call here may be repeated by the caller too: an
// application's steps and a signed statement bring the same answer again.
//
// # Keys
//
// A [Key] is any crypto.Signer with its certificate. This package never writes
// a key; [OpenSigner] makes and opens keys in files, PKCS#11 tokens and TPMs by
// their URIs.
//
// Nothing here prints, ends the process or keeps state between calls.
package client

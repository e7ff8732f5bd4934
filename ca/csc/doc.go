// Package csc lets other software sign with a held key, if its holder says so.
//
// It speaks the API of the Cloud Signature Consortium, version 2 (ETSI TS 119
// 432): a registered client sends the holder's browser here (request.go) with
// the hashes that it wants signed; the holder's passkey answers on our own page,
// and ca/held signs at that moment (authorise.go). What the client then takes,
// by a code (token.go) and once (signhash.go), are signatures that are there
// already: no token of this room opens a key.
package csc

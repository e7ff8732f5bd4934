// Package cmp takes enrollments, renewals and revocations over CMP (RFC 9810, 9483).
//
// It issues nothing on its own word. ir, cr and p10cr hand in the key of an
// approved application and are protected by a MAC with its one-time secret
// (RFC 9481: password-based MAC or PBMAC1); kur and rr are signed with the
// certificate that is renewed or revoked, and go through the same window,
// registers and policy as any other way. Of a template only the public key and
// the proof of its possession are read.
//
// A certificate counts until it is confirmed (certConf) or rejected; what
// nobody confirms within an hour is revoked by a job. A transaction is in the
// store from the intent of its certificate on, so no crash leaves one that
// nobody waits for. Stricter than the standards: one request a message, no
// SHA-1, bounded iterations, no implicit confirmation, nonces and
// transactionIDs of at least 128 bits, message times within an hour of ours.
package cmp

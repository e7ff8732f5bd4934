// Package est carries enrollment and renewal over EST (RFC 7030, 8951) to their desks.
//
// It issues nothing on its own word: a first key is handed in for an approved
// application, by its one-time secret or by the holder's certificate, and a
// renewal goes through the same window, registers and policy as any other.
// Of a request only the public key and the proof of its possession are read.
package est

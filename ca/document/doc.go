// Package document judges signed documents in the manner of ETSI EN 319 102-1.
//
// Readers (cades, jades) take signatures apart and believe nothing; whoever asks
// adds roots and what is known of revocations; Validate judges all of it, at an
// instant, and returns a Report with an indication for each signature. It asks
// nobody and reads no clock: the same Proof at the same time has the same Report.
package document

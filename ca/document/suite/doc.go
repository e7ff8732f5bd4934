// Package suite names, makes and checks the algorithms of signed documents.
//
// It knows weak algorithms too, so that whoever judges a document can say that
// its signature is right and yet proves nothing; Weak tells which those are. What
// it signs with is never weak.
package suite

// Package signing is the page on which holders sign documents with their own key.
//
// The key is in the browser or held for the holder (ca/held); neither is seen
// here. The service writes what the key has to sign, and joins it with the
// value that comes back: Prepare and Finish. Between them nothing is kept: a
// nonce carries, in its MAC, who wants what signed with which certificate, and
// serves once. Of a document that is signed beside itself only the hash comes
// here; a PDF comes twice and is forgotten after each answer.
package signing

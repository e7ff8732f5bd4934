// Package pdf reads PDF files strictly, adds signatures to them and says what they cover.
//
// It knows PDF (ISO 32000-1) and the form that PAdES gives to a signature in
// it (ETSI EN 319 142-1), but nothing of what is in the signature: a CMS
// SignedData or a time-stamp token goes in and comes out as octets.
//
// What is added is always an incremental update, so that no octet of the file
// changes and earlier signatures go on holding: Prepare makes room for a
// signature, Prepared.Complete fills it in, AddEvidence adds the certificates
// and the answers about them (a document security store). Open reads a file and
// File.Signatures lists its signatures, each with what came after it.
//
// A reader that mends broken files shows people what nobody signed. So the
// reader is stricter than the standard asks and than viewers are: the file
// begins with its header and ends with its end mark, each object stands exactly
// where the cross-reference says, no dictionary has a key twice. Encrypted
// files are refused, and of filters it applies Flate alone, to cross-references
// and object streams.
package pdf

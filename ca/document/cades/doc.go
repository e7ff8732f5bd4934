// Package cades writes and reads signatures of documents as CMS (ETSI EN 319 122-1).
//
// It writes the baseline levels B-B, B-T and B-LT, detached or with the document
// inside, and reads what others write, with several signers, as strict DER. A
// signature it writes says of which kind the document is (mime-type): that keeps
// it apart from a statement to this service, which never does, and whose reader
// refuses it.
package cades

// Package jades writes and reads signatures of documents as JWS (ETSI TS 119 182-1).
//
// It writes the baseline levels B-B, B-T and B-LT in the flattened JSON form,
// with the document as payload or detached by its digest, and reads compact,
// flattened and general ones. A JWS of another typ than JOSE is no document: that
// keeps statements to this service apart.
package jades

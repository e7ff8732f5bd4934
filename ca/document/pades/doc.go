// Package pades writes and reads signatures in PDF files (ETSI EN 319 142-1).
//
// It joins pdf, which knows the file, with cades, which knows the signature in
// it: the baseline levels B-B and B-T, and B-LT with the evidence in the file's
// document security store. Time stamps over the whole document are not written
// and, where others wrote them, not counted as proof of time.
package pades

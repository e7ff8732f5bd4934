// Package status says which certificates are good: OCSP, CRLs, authorities' certificates.
//
// The record in the store decides, at the moment of the question: a response
// that was signed earlier is handed out only while the record is the one it
// speaks of. A serial is good from the transaction that recorded its
// certificate on, and never again once revoked; what was never issued, or is
// still being issued, is unknown.
package status

// Package status says which certificates are good: OCSP, CRLs, authorities' certificates.
//
// The record in the store decides, at the moment of the question: a response
// that was signed earlier is handed out only while the record is the one it
// speaks of. A serial is good from the transaction that recorded its
// certificate on, and never again once revoked, but for a suspension that is
// lifted; what was never issued, or is still being issued, is unknown.
//
// CRLs come in shards of bounded size: a revocation has one of them signed
// anew, for which only that shard is read. Jobs sign ahead what will run out,
// so that readers rarely wait for a key; when a key is out of reach, or the
// time is not to be trusted, what was signed serves on to its nextUpdate, but
// never past a change of the record.
package status

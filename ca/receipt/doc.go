// Package receipt gives out signed receipts that anyone can check offline.
//
// A receipt is a JWS by the service's audit key over what was received or
// decided and the id of the ledger's leaf that records it. With the leaf's
// inclusion proof beside it, it makes a receipt.json that needs nothing but
// the root certificate and the log's verifier key.
package receipt

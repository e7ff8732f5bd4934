// Package ledger keeps every deed in a Merkle tree that anyone can check.
//
// Append records an event in the transaction of the deed. The sequencer gives
// waiting leaves their indices, extends the tree (RFC 6962 section 2.1) and
// signs a checkpoint (C2SP tlog-checkpoint) once the tree is durable; any
// number of nodes may run it. A proof needs the verifier key and no service.
//
// A witness file outside the store has the newest checkpoint: a store that was
// brought back without its last entries is found by it, and nothing is signed
// until the loss is stated (Continue).
//
// The tree is stored and published as tiles of 256 hashes (C2SP tlog-tiles);
// what lies between the tiles' levels is hashed when it is asked for.
package ledger

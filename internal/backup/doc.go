// Package backup copies a store that works, and brings a copy back whole or not at all.
//
// A backup is a tar of two members: the store's file as of one moment, and a
// manifest with its hash and the log's checkpoint. What is brought back has
// its whole log recomputed first, and must extend every checkpoint that is
// known to have been signed. Keys are not in a backup.
package backup

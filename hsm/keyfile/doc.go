// Package keyfile reads and writes small files that only their owner may read.
//
// Writing is whole or not at all, durable, and never replaces: a key is not
// overwritten. Reading is bounded and refuses what others may have seen.
package keyfile

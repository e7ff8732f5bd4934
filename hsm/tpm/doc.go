// Package tpm makes, loads and uses keys that only one TPM 2.0 can use.
//
// A key is a file, encrypted by the TPM under its storage root key. It is
// loaded, used and flushed in each operation: a TPM has room for three or so.
// The TPM is a character device (/dev/tpmrm0) or a UNIX socket (swtpm); a
// connection is held for one operation only, so that others get their turn.
package tpm

// Package narrow has a certificate signed by the node that has the keys.
//
// The node without keys records the intent and sends its serial with the papers
// (Client). The node with the keys believes neither: Judge decides again by what
// the registers and the old key signed, ca builds the certificate again, and
// only equal octets are signed (Desk). The node without keys records what comes
// back. Every call may be repeated.
package narrow

// Package gateway asks the registries, and dials the outside world, with care.
//
// A Client puts questions to a registry over HTTP and hands out answers whose
// digest, signature and shape were checked; it decides nothing. A Dialer is
// the one way out: it checks the address it really dials.
package gateway

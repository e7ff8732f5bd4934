// Package badge grants online shops a public mark of good standing, and shows it.
//
// A request is a statement signed by the merchant's certificate. What is
// known of the merchant is gathered once into Facts, pure rules judge them,
// and the decision is recorded with all it rested on, so that it can be
// replayed. What cannot be found out neither grants nor rejects: the request
// waits, and says for whom. A badge lives by the certificate that asked for
// it: whatever ends that certificate but a renewal ends the badge with it, at
// once and everywhere it is shown.
package badge

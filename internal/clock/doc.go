// Package clock says whether this machine's time may go into signatures.
//
// A Guard distrusts a clock that went back behind what was trusted before,
// that was stepped, or that a time reference contradicts. It never sets the
// clock, and trusts it again by itself once it is right.
package clock

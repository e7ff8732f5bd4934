// Package lookup tells anyone what a certificate is and whether it counts now.
//
// Who brings the certificate itself is told what stands in it; who brings a
// serial number only is told nothing of a person or a business. Nothing that
// is brought is kept.
package lookup

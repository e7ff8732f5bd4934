// Package custody keeps which key of the service serves which purpose.
//
// A purpose ("tls", "ocsp-sign-p256") has generations of keys, numbered from 1;
// the newest that is made and not retired serves. A key that was in use and is
// lost, or is another now, is an error: nothing is made in its place, for it
// would stand under certificates of the old one. A new generation is made only
// by Rotate, and its certificate is issued when the job that renews it comes by.
package custody

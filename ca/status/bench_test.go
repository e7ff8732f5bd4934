package status_test

import (
	"crypto"
	"testing"
)

// The targets count answers a second of a whole server; these are the parts.

func BenchmarkOCSPFromCache(b *testing.B) {
	s := serve(b, newClock())
	cert, _ := s.issue(b, "application-1")
	der := request(b, cert, s.issuer, crypto.SHA1)
	for b.Loop() {
		s.askRaw(b, der)
	}
}

func BenchmarkOCSPSigned(b *testing.B) {
	s := serve(b, newClock())
	cert, _ := s.issue(b, "application-1")
	der := build([][]byte{singleOf(b, request(b, cert, s.issuer, crypto.SHA1))}, nonce(16))
	for b.Loop() {
		s.askRaw(b, der)
	}
}

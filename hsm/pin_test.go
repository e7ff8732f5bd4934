//go:build cgo && !nopkcs11

package hsm

import (
	"os"
	"strings"
	"testing"

	"mohr/hsm/keyuri"
	"mohr/internal/fault"
	"mohr/internal/pkitest"
)

// TestAWrongPINIsTriedOnce: a token locks after a few wrong ones.
func TestAWrongPINIsTriedOnce(t *testing.T) {
	u, err := keyuri.Parse(pkitest.SoftHSM(t))
	if err != nil {
		t.Fatal(err)
	}
	write := func(pin string) {
		t.Helper()
		if err := os.WriteFile(u.PINSource, []byte(pin), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &token{where: u}
	for i, wrong := range []string{"000000", "111111"} {
		write(wrong)
		_, err := s.open(t.Context())
		if err = s.explain(err); fault.Code(err) != "token_pin_refused" || !strings.Contains(err.Error(), "CKR_PIN_INCORRECT") {
			t.Fatalf("PIN %d: the token was not asked: %v", i, err)
		}
		for range 3 {
			if _, err := s.open(t.Context()); fault.Code(err) != "token_pin_refused" || strings.Contains(err.Error(), "CKR_") {
				t.Fatalf("PIN %d: the same one was tried again: %v", i, err)
			}
		}
	}
	write(pkitest.PIN)
	l, err := s.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
}

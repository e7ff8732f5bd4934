package hsm

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"mohr/internal/fault"
)

func TestErrorsOfATokenAreClassed(t *testing.T) {
	tests := []struct {
		name, text string
		lost       bool
		kind       fault.Kind
		code       string
	}{
		{"a lost session is opened again", "pkcs11: 0xB3: CKR_SESSION_HANDLE_INVALID", true, fault.Unavailable, "key_unavailable"},
		{"a lost login too", "sign: pkcs11: 0x101: CKR_USER_NOT_LOGGED_IN", true, fault.Unavailable, "key_unavailable"},
		{"a token that was pulled", "pkcs11: 0x32: CKR_DEVICE_REMOVED", true, fault.Unavailable, "key_unavailable"},
		{"a closed context", "context is closed", true, fault.Unavailable, "key_unavailable"},
		{"a busy token is not opened again", "pkcs11: 0xB1: CKR_SESSION_COUNT", false, fault.Unavailable, "key_unavailable"},
		{"a token that is not there", "could not find PKCS#11 token", false, fault.Unavailable, "token_not_found"},
		{"a wrong PIN", "login: pkcs11: 0xA0: CKR_PIN_INCORRECT", false, fault.Denied, "token_pin_refused"},
		{"a locked PIN", "login: pkcs11: 0xA4: CKR_PIN_LOCKED", false, fault.Denied, "token_pin_refused"},
		{"a mechanism that the token has not", "pkcs11: 0x70: CKR_MECHANISM_INVALID", false, fault.Denied, "key_store_refused"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			cause := errors.New(tc.text)
			err := (&token{}).explain(cause)
			if !errors.Is(err, tc.kind) || fault.Code(err) != tc.code || !errors.Is(err, cause) {
				t.Errorf("error %v, code %q", err, fault.Code(err))
			}
			if got := (&token{}).lost(cause); got != tc.lost {
				t.Errorf("lost: %v", got)
			}
		})
	}
}

func TestAnErrorThatIsToldStays(t *testing.T) {
	told := fmt.Errorf("x: %w", errPIN())
	if err := (&token{}).explain(told); err != told {
		t.Errorf("error %v", err)
	}
	if err := (&token{}).explain(errors.New("elsewhere")); !strings.HasPrefix(err.Error(), "pkcs11: ") || fault.Code(err) != "" {
		t.Errorf("error %v", err)
	}
}

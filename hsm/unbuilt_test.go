//go:build !cgo || nopkcs11

package hsm_test

import (
	"strings"
	"testing"

	"mohr/internal/fault"
)

var wrappingTokens []wrappingHome // none without PKCS#11

func TestWithoutCgoATokenSaysWhatIsMissing(t *testing.T) {
	uri := "pkcs11:token=mohr;object=root?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/pin"
	_, err := open(t).Signer(t.Context(), uri)
	wantFault(t, err, fault.Unavailable, "pkcs11_not_built")
	if !strings.Contains(err.Error(), "CGO_ENABLED=1") {
		t.Errorf("it does not say what to do: %v", err)
	}
}

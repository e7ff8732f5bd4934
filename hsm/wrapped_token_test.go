//go:build cgo && !nopkcs11

package hsm_test

import (
	"strings"
	"testing"

	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/pkitest"
)

var wrappingTokens = []wrappingHome{{"pkcs11", func(t testing.TB) string { return pkitest.SoftHSM(t) }}}

// TestATokenIsNotFilledWithHoldersKeys: it holds the key that wraps, which
// cannot leave it, and nothing else.
func TestATokenIsNotFilledWithHoldersKeys(t *testing.T) {
	base := pkitest.SoftHSM(t)
	uri, k := hsm.KeyURI(base, "holders"), hsm.Open(hsm.Config{})
	var last hsm.Wrapped
	for range 5 {
		w, err := k.Wrap(t.Context(), uri)
		if err != nil {
			t.Fatal(err)
		}
		last = w
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	objects := listObjects(t, base)
	if strings.Count(objects, "Object") != 1 || !strings.Contains(objects, "Secret Key Object; AES length 32") ||
		!strings.Contains(objects, "never extractable") || !strings.Contains(objects, "holders") {
		t.Errorf("the token has\n%s", objects)
	}
	pkcs11Tool(t, base, "--delete-object", "--type", "secrkey", "--label", "holders")
	err := signsWrapped(t, open(t), uri, last)
	wantFault(t, err, fault.NotFound, "key_not_found")
}

func TestAForeignSecretKeyWrapsNothing(t *testing.T) {
	base := pkitest.SoftHSM(t)
	pkcs11Tool(t, base, "--keygen", "--key-type", "AES:32", "--label", "holders", "--id", "01")
	_, err := open(t).Wrap(t.Context(), hsm.KeyURI(base, "holders"))
	wantFault(t, err, fault.Conflict, "wrapping_key_foreign")
}

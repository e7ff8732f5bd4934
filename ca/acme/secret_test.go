package acme

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestAKeyIsNeverTakenForAnOption(t *testing.T) {
	for range 3000 { // one in 64 would begin with "-"
		if s := newSecret(); len(s) != secretSize || strings.HasPrefix(base64.RawURLEncoding.EncodeToString(s), "-") {
			t.Fatalf("a key of %d octets begins with %#x", len(s), s[0])
		}
	}
}

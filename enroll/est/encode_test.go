package est

import (
	"bytes"
	"strings"
	"testing"

	"mohr/internal/fault"
)

func TestBodiesAreBase64AndNothingElse(t *testing.T) {
	for _, c := range []struct {
		name, body, want, code string
	}{
		{"one line", "MAA=", "0\x00", ""},
		{"lines, as openssl writes them", "M\nAA\r\n=\n", "0\x00", ""},
		{"nothing", " \r\n", "", "est_base64"},
		{"armour", "-----BEGIN X-----\nMAA=\n-----END X-----\n", "", "est_base64"},
		{"base64url", "-_8=", "", "est_base64"},
		{"no padding", "MAA", "", "est_base64"},
		{"bits left over", "MAB=", "", "est_base64"},
		{"something after the end", "MAA=MAA=", "", "est_base64"},
		{"DER", "0\x82\x01\x00", "", "est_base64"},
		{"too much", strings.Repeat("A", maxBody+1), "", "body_too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			der, err := decode([]byte(c.body))
			if string(der) != c.want || fault.Code(err) != c.code {
				t.Errorf("%q, %v", der, err)
			}
		})
	}
}

// FuzzDecode: what decodes is written back and decodes to the same.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"MAA=", "M\nAA\r\n=", "", "=", "MAB=", "-----BEGIN"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		der, err := decode(body)
		if err != nil {
			if _, ok := fault.Of(err); !ok {
				t.Fatalf("no fault: %v", err)
			}
			return
		}
		again, err := decode(encode(der))
		if err != nil || !bytes.Equal(again, der) {
			t.Fatalf("%x became %x, %v", der, again, err)
		}
	})
}

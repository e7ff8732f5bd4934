//go:build cgo && !nopkcs11

package p11

import (
	"bytes"
	"testing"

	"mohr/internal/fault"
)

func FuzzParseWrapped(f *testing.F) {
	for _, m := range mechanisms {
		f.Add(wrapped{uint32(m), make([]byte, idSize), []byte("key")}.bytes())
	}
	f.Add(wrapped{1, make([]byte, idSize), []byte("key")}.bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := parseWrapped(b)
		if err != nil {
			if fault.Code(err) != "key_file_broken" {
				t.Fatalf("error %v", err)
			}
			return
		}
		if !bytes.Equal(w.bytes(), b) || len(w.key) == 0 {
			t.Fatalf("%x written as %x", b, w.bytes())
		}
	})
}

package tpm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"testing/iotest"

	"github.com/google/go-tpm/tpm2"

	"mohr/internal/fault"
)

func FuzzParseSealed(f *testing.F) {
	for _, seed := range []string{"", "\x00\x01a\x00\x01b", "\x00\x01a\x00\x01bc", "\x00\x00\x00\x00", "\xff\xffa", "\x00\x01a\x00\x02b"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSealed(b)
		if err != nil {
			if fault.Code(err) != "key_file_broken" {
				t.Fatalf("error %v", err)
			}
			return
		}
		again, err := s.bytes()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x written as %x, error %v", b, again, err)
		}
	})
}

// response is a response of a TPM with so many octets after its header.
func response(n int) []byte {
	b := make([]byte, headerSize+n)
	binary.BigEndian.PutUint16(b, uint16(tpm2.TPMSTNoSessions))
	binary.BigEndian.PutUint32(b[2:], uint32(len(b)))
	return b
}

func TestAResponseMayComeInPieces(t *testing.T) {
	want, p := response(100), make([]byte, maxResponse)
	n, err := readResponse(iotest.OneByteReader(bytes.NewReader(want)), p)
	if err != nil || !bytes.Equal(p[:n], want) {
		t.Errorf("%d octets, error %v", n, err)
	}
}

func FuzzReadResponse(f *testing.F) {
	for _, seed := range [][]byte{nil, response(0), response(5), response(5)[:12], append(response(5), 0), response(maxResponse)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxResponse {
			return // what follows is not looked at
		}
		p := make([]byte, maxResponse)
		n, err := readResponse(bytes.NewReader(b), p)
		if err == nil && (n < headerSize || n != len(b) || int(binary.BigEndian.Uint32(b[2:])) != n || !bytes.Equal(p[:n], b)) {
			t.Fatalf("%d octets read as %d", len(b), n)
		}
	})
}

func TestErrorsOfATPMAreClassed(t *testing.T) {
	tests := []struct {
		name string
		err  error
		lost bool
		kind fault.Kind
		code string
	}{
		{"a connection that broke", &connectionError{fs.ErrNotExist}, true, fault.Unavailable, "tpm_not_found"},
		{"a TPM that was reset and not started", tpm2.TPMRCInitialize, true, fault.Unavailable, "key_unavailable"},
		{"a TPM that is full", tpm2.TPMRCObjectMemory, true, fault.Unavailable, "key_unavailable"},
		{"a TPM that is busy", tpm2.TPMRCRetry, false, fault.Unavailable, "key_unavailable"},
		{"a TPM that locks its keys", tpm2.TPMRCLockout, false, fault.Unavailable, "tpm_locked_out"},
		{"a key of another TPM", tpm2.TPMRC(0x1df), false, fault.Denied, "key_of_another_tpm"}, // parameter 1: integrity
		{"an owner with a password", tpm2.TPMRC(0x9a2), false, fault.Denied, "tpm_owned"},      // session 1: bad auth
		{"a curve that it does not have", tpm2.TPMRC(0x2e6), false, fault.Denied, "key_store_refused"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			err := fmt.Errorf("load: %w", tc.err)
			if got := Lost(err); got != tc.lost {
				t.Errorf("lost: %v", got)
			}
			if got := Explain(err); !errors.Is(got, tc.kind) || fault.Code(got) != tc.code || !errors.Is(got, err) {
				t.Errorf("error %v, code %q", got, fault.Code(got))
			}
		})
	}
	if err := Explain(errors.New("elsewhere")); fault.Code(err) != "" {
		t.Errorf("error %v", err)
	}
}

package acme

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"mohr/internal/fault"
)

func answerOf(t testing.TB, object any) []byte {
	t.Helper()
	b, err := cbor.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return asAnswer(b)
}

func asAnswer(b []byte) []byte {
	payload, _ := json.Marshal(map[string]string{"attObj": base64.RawURLEncoding.EncodeToString(b)})
	return payload
}

func TestAttestationObjectsThatAreRefused(t *testing.T) {
	statement := func(more map[string]any) map[string]any {
		s := map[string]any{"ver": "2.0", "alg": -7, "sig": []byte{1}, "certInfo": []byte{2}, "pubArea": []byte{3}}
		for k, v := range more {
			s[k] = v
		}
		return s
	}
	object := func(format string, s any) []byte { return answerOf(t, map[string]any{"fmt": format, "attStmt": s}) }
	for _, tt := range []struct {
		name    string
		payload []byte
		ok      bool
	}{
		{"of a TPM", object("tpm", statement(nil)), true},
		{"with certificates, which are not looked at", object("tpm", statement(map[string]any{"x5c": [][]byte{{1}, {2}}})), true},
		{"of another format", object("apple", statement(nil)), false},
		{"of a TPM 1.2", object("tpm", statement(map[string]any{"ver": "1.2"})), false},
		{"with a member that there is not", object("tpm", statement(map[string]any{"epoch": 1})), false},
		{"with text for octets", object("tpm", statement(map[string]any{"sig": "AQ"})), false},
		{"a list", answerOf(t, []any{"tpm"}), false},
		{"followed by more", asAnswer(append(mustCBOR(t, map[string]any{"fmt": "tpm", "attStmt": statement(nil)}), 0)), false},
		{"a name twice", asAnswer([]byte{0xa2, 0x63, 'f', 'm', 't', 0x63, 't', 'p', 'm', 0x63, 'f', 'm', 't', 0x63, 't', 'p', 'm'}), false},
		{"a length without an end", asAnswer([]byte{0xbf, 0xff}), false},
		{"no CBOR", asAnswer([]byte("tpm")), false},
		{"no base64url", []byte(`{"attObj":"***"}`), false},
		{"no answer", []byte(`{}`), false},
	} {
		c, err := parseAttestation(tt.payload)
		if (err == nil) != tt.ok || err != nil && fault.Code(err) != "acme_attestation_malformed" {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.ok && (len(c.Key) != 1 || c.Key[0] != 3 || c.Info[0] != 2 || c.Signature[0] != 1) {
			t.Errorf("%s: read as %+v", tt.name, c)
		}
	}
}

func mustCBOR(t testing.TB, v any) []byte {
	t.Helper()
	b, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzParseAttestation(f *testing.F) {
	f.Add(mustCBOR(f, map[string]any{"fmt": "tpm", "attStmt": map[string]any{"ver": "2.0", "alg": -7, "x5c": [][]byte{{1}}, "sig": []byte{1}, "certInfo": []byte{2}, "pubArea": []byte{3}}}))
	f.Add([]byte{0xbf, 0xff})
	f.Add([]byte{0x9a, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := parseAttestation(asAnswer(b)); err != nil && fault.Code(err) == "" {
			t.Errorf("%v", err)
		}
	})
}

package acme

import (
	"encoding/base64"
	"encoding/json"

	"github.com/fxamacker/cbor/v2"

	"mohr/hsm/attest"
	"mohr/internal/fault"
)

// attestation is the object that answers device-attest-01: that of WebAuthn
// (section 8.3, TPM) without authenticator data, in CBOR (RFC 8949):
//
//	{ fmt: "tpm", attStmt: { ver: "2.0", alg: int, x5c: [* bytes], sig: bytes, certInfo: bytes, pubArea: bytes } }
//
// x5c is not looked at: which attestation key counts is known, it was
// activated in the application. Neither is alg: the key's own area has it.
type attestation struct {
	Format    string `cbor:"fmt"`
	Statement struct {
		Version   string          `cbor:"ver"`
		Algorithm cbor.RawMessage `cbor:"alg"`
		X5C       cbor.RawMessage `cbor:"x5c"`
		Signature []byte          `cbor:"sig"`
		Info      []byte          `cbor:"certInfo"`
		Key       []byte          `cbor:"pubArea"`
	} `cbor:"attStmt"`
}

// attestationMode reads no name twice, none that is not there, no lengths
// without an end, no tags, nothing deep.
var attestationMode = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, MaxNestedLevels: 4, MaxArrayElements: 16, MaxMapPairs: 16,
	}.DecMode()
	if err != nil {
		panic(err) // constants that do not fit
	}
	return mode
}()

// parseAttestation reads the payload of an answer to device-attest-01.
func parseAttestation(payload []byte) (c attest.Certification, err error) {
	refused := fault.New(fault.Invalid, "acme_attestation_malformed", "the answer to device-attest-01 is no attestation object of the format tpm, in CBOR and base64url; see draft-ietf-acme-device-attest section 5")
	var doc struct {
		AttObj string `json:"attObj"`
	}
	if err := json.Unmarshal(payload, &doc); err != nil {
		return c, refused
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(doc.AttObj)
	if err != nil {
		return c, refused
	}
	var a attestation
	if err := attestationMode.Unmarshal(b, &a); err != nil || a.Format != "tpm" || a.Statement.Version != "2.0" {
		return c, refused
	}
	return attest.Certification{Key: a.Statement.Key, Info: a.Statement.Info, Signature: a.Statement.Signature}, nil
}

// keyAuthorization is RFC 8555 section 8.1.
func keyAuthorization(token string, thumbprint []byte) string {
	return token + "." + base64.RawURLEncoding.EncodeToString(thumbprint)
}

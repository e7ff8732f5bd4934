package signature

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mohr/internal/fault"
)

// jws is a parsed JWS; nothing of it is verified.
type jws struct {
	input     []byte // JWS Signing Input: protected "." payload, as received
	header    jwsHeader
	payload   []byte
	signature []byte
	chain     []*x509.Certificate // x5c, the signer first
	at        time.Time
}

// jwsHeader is the part of the protected header that we read (RFC 7515
// section 4.1, RFC 7797, ETSI TS 119 182-1 section 5). Others are ignored
// unless crit names them.
type jwsHeader struct {
	Alg     string         `json:"alg"`
	Typ     string         `json:"typ"`
	X5C     []string       `json:"x5c"`
	X5TS256 string         `json:"x5t#S256"`
	IAT     *int64         `json:"iat"`
	SigT    string         `json:"sigT"`
	B64     *bool          `json:"b64"`
	Crit    jsontext.Value `json:"crit"`
}

// flattened is the flattened JSON serialization (RFC 7515 section 7.2.2). The
// unprotected "header" is not among its members here: nothing unsigned counts.
type flattened struct {
	Payload   *string `json:"payload"`
	Protected *string `json:"protected"`
	Signature *string `json:"signature"`
}

func errJWS(code, format string, args ...any) error {
	return fault.New(fault.Invalid, code, format, args...)
}

func errJWSMalformed() error {
	return errJWS("jws_malformed", "this is not a JWS in compact or flattened form; send header.payload.signature, each in base64url without padding")
}

func errJWSHeader() error {
	return errJWS("jws_header", "the protected header of the JWS is not one JSON object with each key once and of its type; make it anew")
}

// parseJWS reads either serialization; its octets may be followed by blanks.
func parseJWS(raw []byte) (jws, error) {
	if len(raw) > maxJWS {
		return jws{}, errJWS("jws_too_large", "the JWS is larger than %d octets; send a smaller one", maxJWS)
	}
	protected, payload, sig, err := splitJWS(bytes.TrimSpace(raw))
	if err != nil {
		return jws{}, err
	}
	j := jws{input: slices.Concat([]byte(protected), []byte("."), []byte(payload))}
	b64 := base64.RawURLEncoding.Strict()
	header, err := b64.DecodeString(protected)
	if err != nil {
		return jws{}, errJWSMalformed()
	}
	if j.payload, err = b64.DecodeString(payload); err != nil {
		return jws{}, errJWSMalformed()
	}
	if j.signature, err = b64.DecodeString(sig); err != nil {
		return jws{}, errJWSMalformed()
	}
	if err := json.Unmarshal(header, &j.header); err != nil || header[0] != '{' {
		return jws{}, errJWSHeader()
	}
	return j, nil
}

func splitJWS(raw []byte) (protected, payload, sig string, err error) {
	// Go's base64 skips line ends; a JWS has none inside.
	if len(raw) == 0 {
		return "", "", "", errJWSMalformed()
	}
	if raw[0] == '{' {
		var f flattened
		if err := json.Unmarshal(raw, &f, json.RejectUnknownMembers(true)); err != nil || f.Payload == nil || f.Protected == nil || f.Signature == nil {
			return "", "", "", errJWSMalformed()
		}
		protected, payload, sig = *f.Protected, *f.Payload, *f.Signature
	} else {
		parts := bytes.Split(raw, []byte("."))
		if len(parts) != 3 {
			return "", "", "", errJWSMalformed()
		}
		protected, payload, sig = string(parts[0]), string(parts[1]), string(parts[2])
	}
	for _, s := range []string{protected, payload, sig} {
		if s == "" || bytes.ContainsAny([]byte(s), "\r\n") {
			return "", "", "", errJWSMalformed()
		}
	}
	return protected, payload, sig, nil
}

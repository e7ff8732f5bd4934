package jades

import (
	"bytes"
	"encoding/base64"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mohr/internal/fault"
)

// Bounds of what is read. MaxSize is that of a whole JWS, the document included.
const (
	MaxSize      = 64 << 20
	maxSigners   = 16
	maxHeader    = 256 << 10 // octets of a protected header
	maxChain     = 16
	maxElements  = 64 // of etsiU, and of each list in it
	maxCriticals = 16
)

// message is a JWS in its parts (RFC 7515 section 7), none of which is believed.
type message struct {
	Payload    *string `json:"payload,omitempty"` // nil or empty: detached
	Signatures []part  `json:"signatures"`
}

// part is one signature of it. Header is the unprotected one.
type part struct {
	Protected string                    `json:"protected"`
	Header    map[string]jsontext.Value `json:"header,omitempty"`
	Signature string                    `json:"signature"`
}

// flattened is a message with one signature (RFC 7515 section 7.2.2).
type flattened struct {
	Payload *string `json:"payload,omitempty"`
	part
}

// header is the part of the protected header that is read (RFC 7515 section
// 4.1, RFC 7797, ETSI TS 119 182-1 section 5).
type header struct {
	Alg     string   `json:"alg"`
	Typ     string   `json:"typ,omitempty"`
	Cty     string   `json:"cty,omitempty"`
	IAT     *int64   `json:"iat,omitempty"`
	SigT    string   `json:"sigT,omitempty"`
	X5TS256 string   `json:"x5t#S256,omitempty"`
	X5C     []string `json:"x5c,omitempty"`
	B64     *bool    `json:"b64,omitempty"`
	SigD    *sigD    `json:"sigD,omitempty"`
	Crit    []string `json:"crit,omitempty"`
}

// sigD says what is signed where it is not the payload (section 5.2.8).
type sigD struct {
	Mechanism string   `json:"mId"`
	Names     []string `json:"pars,omitempty"`
	Hash      string   `json:"hashM,omitempty"`
	Digests   []string `json:"hashV,omitempty"`
	Types     []string `json:"ctys,omitempty"`
}

// byHash is the mechanism that names an object and its digest (section 5.2.8.3.3).
const byHash = "http://uri.etsi.org/19182/ObjectIdByURIHash"

func errMalformed(what string) error {
	return fault.New(fault.Invalid, "jades_malformed", "this is no JWS signature of a document (%[1]s); take the file as its signer wrote it", what)
}

// parse reads any of the three serializations. A duplicate key in any JSON,
// and a key that a JWS has not, are refused.
func parse(raw []byte) (m message, err error) {
	if len(raw) > MaxSize {
		return m, fault.New(fault.Invalid, "jades_too_large", "the signature is larger than %[1]d octets; sign detached", MaxSize)
	}
	text := bytes.TrimSpace(raw)
	if len(text) == 0 {
		return m, errMalformed("it is empty")
	}
	if text[0] != '{' {
		fields := bytes.Split(text, []byte("."))
		if len(fields) != 3 {
			return m, errMalformed("neither three parts nor JSON")
		}
		payload := string(fields[1])
		m = message{Payload: &payload, Signatures: []part{{Protected: string(fields[0]), Signature: string(fields[2])}}}
	} else if err := json.Unmarshal(text, &m, json.RejectUnknownMembers(true)); err != nil {
		var f flattened
		if err := json.Unmarshal(text, &f, json.RejectUnknownMembers(true)); err != nil {
			return m, errMalformed("its JSON is not that of a JWS")
		}
		m = message{Payload: f.Payload, Signatures: []part{f.part}}
	}
	if len(m.Signatures) == 0 || len(m.Signatures) > maxSigners {
		return m, errMalformed("no signature, or too many")
	}
	return m, nil
}

// decode reads base64url without padding, in its one form: Go's skips the ends
// of lines.
func decode(s string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return b, err == nil && base64.RawURLEncoding.EncodedLen(len(b)) == len(s)
}

// header reads the protected header.
func (p part) header() (h header, err error) {
	raw, ok := decode(p.Protected)
	if !ok || len(raw) == 0 || len(raw) > maxHeader || raw[0] != '{' || json.Unmarshal(raw, &h) != nil {
		return h, errMalformed("a protected header that is not one JSON object with each key once")
	}
	return h, nil
}

// encode writes the flattened form where there is one signature, else the general.
func (m message) encode() ([]byte, error) {
	var v any = m
	if len(m.Signatures) == 1 {
		v = flattened{m.Payload, m.Signatures[0]}
	}
	return json.Marshal(v, json.Deterministic(true))
}

package acme

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mohr/internal/fault"
)

const (
	// maxBody bounds a request, in octets: a CSR or a certificate with an RSA
	// key of 4096 bits, in base64url twice, is below 10,000.
	maxBody = 32 << 10
	// maxKey bounds an account's JWK: RSA of 4096 bits is below 800 octets.
	maxKey = 1024
	// maxKID bounds the account's URL or the id of an external account key.
	maxKID = 512
)

// algorithms are what accounts may sign with (RFC 8555 section 6.2: no MAC,
// not "none").
var algorithms = []string{"ES256", "ES384", "EdDSA", "RS256"}

// envelope is a flattened JWS (RFC 7515 section 7.2.2) whose signature nobody
// has looked at yet.
type envelope struct {
	header    header
	signed    string // what the signature is over
	payload   []byte
	signature []byte
}

// header is the protected header of an envelope (RFC 8555 section 6.2). The
// external account binding has no nonce (section 7.3.4).
type header struct {
	Alg   string         `json:"alg"`
	Nonce string         `json:"nonce"`
	URL   string         `json:"url"`
	KID   string         `json:"kid"`
	JWK   jsontext.Value `json:"jwk"`
	Type  string         `json:"typ"`
}

func errMalformed() error {
	return fault.New(fault.Invalid, "acme_jws_malformed", "the request is not a flattened JWS with a protected header of alg, nonce, url and either jwk or kid; see RFC 8555 section 6.2")
}

// parseEnvelope reads a flattened JWS. Stricter than RFC 7515: no unprotected
// header, no name twice, and in the protected header no name but those of RFC
// 8555 and typ.
func parseEnvelope(raw []byte) (envelope, error) {
	var doc struct {
		Protected *string `json:"protected"`
		Payload   *string `json:"payload"`
		Signature *string `json:"signature"`
	}
	if len(raw) > maxBody {
		return envelope{}, errTooLarge()
	}
	if err := json.Unmarshal(raw, &doc, json.RejectUnknownMembers(true)); err != nil || doc.Protected == nil || doc.Payload == nil || doc.Signature == nil {
		return envelope{}, errMalformed()
	}
	e := envelope{signed: *doc.Protected + "." + *doc.Payload}
	protected, ok1 := unbase64(*doc.Protected)
	payload, ok2 := unbase64(*doc.Payload)
	signature, ok3 := unbase64(*doc.Signature)
	if !ok1 || !ok2 || !ok3 {
		return envelope{}, errMalformed()
	}
	if err := json.Unmarshal(protected, &e.header, json.RejectUnknownMembers(true)); err != nil {
		return envelope{}, errMalformed()
	}
	if len(e.header.JWK) > maxKey || len(e.header.KID) > maxKID || (len(e.header.JWK) == 0) == (e.header.KID == "") {
		return envelope{}, errMalformed()
	}
	// An empty payload is POST-as-GET; any other one is JSON (RFC 8555 section 6.2 and 6.3).
	if value := jsontext.Value(payload); len(payload) > 0 && (!value.IsValid() || value.Kind() != '{') {
		return envelope{}, errMalformed()
	}
	e.payload, e.signature = payload, signature
	return e, nil
}

// check refuses a request that an account may not make at url.
func (e envelope) check(url string) error {
	if !slices.Contains(algorithms, e.header.Alg) {
		return fault.New(fault.Invalid, "acme_algorithm", "accounts sign with one of %[1]s; use a key for one of these", strings.Join(algorithms, ", "))
	}
	if e.header.URL != url {
		return fault.New(fault.Denied, "acme_url", "the url in the JWS is not %[1]s; take the addresses from the directory", url)
	}
	return nil
}

// maced reports whether the envelope is signed with secret, by HS256.
func (e envelope) maced(secret []byte) bool {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(e.signed))
	return e.header.Alg == "HS256" && len(secret) > 0 && hmac.Equal(e.signature, h.Sum(nil))
}

// unbase64 decodes base64url without padding, in its one form.
func unbase64(s string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return b, err == nil && !strings.ContainsAny(s, "\r\n")
}

func errTooLarge() error {
	return fault.New(fault.Invalid, "acme_too_large", "a request has at most %[1]d octets; send less", maxBody)
}

package csc

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"mohr/ca/held"
	"mohr/internal/fault"
)

// Scope is what a token is for.
type Scope string

// The scopes (CSC API v2 section 8.4.2).
const (
	ServiceScope    Scope = "service"    // to list the holder's credentials
	CredentialScope Scope = "credential" // to take the signatures that the holder authorised
)

// What held keys are and sign with.
const (
	oidSHA256      = "2.16.840.1.101.3.4.2.1"
	oidECDSASHA256 = "1.2.840.10045.4.3.2"
	oidP256        = "1.2.840.10045.3.1.7"
)

// Bounds of a request.
const (
	maxQuery       = 8 << 10 // octets
	maxState       = 512     // octets
	maxDescription = 500     // characters (CSC API v2 section 8.4.2)
	hashText       = 43      // characters of a SHA-256 in base64url
)

// request is what a client asks a holder for: the client and the address to go
// back to are those of its registration, the rest was read strictly.
type request struct {
	Client      string   `json:"client"`
	Redirect    string   `json:"redirect"`
	State       string   `json:"state,omitempty"`
	Challenge   string   `json:"challenge"` // of PKCE, S256
	Scope       Scope    `json:"scope"`
	Credential  string   `json:"credential,omitempty"` // id of a held key
	Hashes      [][]byte `json:"hashes,omitempty"`     // SHA-256
	Description string   `json:"description,omitempty"`
}

// wanted is what the holder is to authorise.
func (r request) wanted() held.Wanted {
	return held.Wanted{Key: r.Credential, Purpose: held.Remote, Hashes: r.Hashes, For: r.Client}
}

var (
	challengeForm  = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`) // of SHA-256, base64url (RFC 7636 section 4.2)
	stateForm      = regexp.MustCompile(`^[ -~]*$`)            // RFC 6749 appendix A.5
	credentialForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// readRequest reads the query of oauth2/authorize. If the request that comes
// back with a fault has no Redirect, no browser is to be sent anywhere.
func (d *Desk) readRequest(raw string) (request, error) {
	if len(raw) > maxQuery {
		return request{}, fault.New(fault.Invalid, "csc_query", "the request has more than %[1]d octets; ask for fewer signatures at once, or describe them in fewer words", maxQuery)
	}
	q, err := url.ParseQuery(raw)
	if err != nil {
		return request{}, fault.New(fault.Invalid, "csc_query_malformed", "the request could not be read; the software that sent you here has to mend it")
	}
	id, redirect := q["client_id"], q["redirect_uri"]
	if len(id) != 1 || len(redirect) != 1 || !d.clients[id[0]].takes(redirect[0]) {
		return request{}, fault.New(fault.Invalid, "csc_client_unknown", "the software that sent you here is not registered with this service, or not with this address; you are not sent back to it")
	}
	r := request{Client: id[0], Redirect: redirect[0]}
	if s := q.Get("state"); len(s) <= maxState && stateForm.MatchString(s) {
		r.State = s
	} else {
		return r, errParameter("state")
	}
	if err := once(q); err != nil {
		return r, err
	}
	return r, r.read(q)
}

// read reads what follows client and address. What it does not know it ignores
// (RFC 6749 section 3.1), but for what would change the meaning.
func (r *request) read(q url.Values) error {
	switch {
	case q.Get("response_type") != "code":
		return fault.New(fault.Invalid, "csc_response_type", "response_type has to be code")
	case q.Has("request_uri") || q.Has("request") || q.Has("authorization_details"):
		return fault.New(fault.Invalid, "csc_request_form", "requests are not pushed here and have no authorization_details; send scope, credentialID, numSignatures, hashes and hashAlgorithmOID")
	case q.Get("code_challenge_method") != "S256":
		return errParameter("code_challenge_method") // plain is not taken
	}
	if r.Challenge = q.Get("code_challenge"); !challengeForm.MatchString(r.Challenge) {
		return errParameter("code_challenge")
	}
	if r.Description = q.Get("description"); utf8.RuneCountInString(r.Description) > maxDescription || !readable(r.Description) {
		return errParameter("description")
	}
	switch r.Scope = Scope(q.Get("scope")); r.Scope {
	case "", ServiceScope:
		r.Scope = ServiceScope
		return nil
	case CredentialScope:
		return r.readCredential(q)
	}
	return fault.New(fault.Invalid, "csc_scope_unknown", "scope has to be service or credential, and one of them")
}

// readCredential reads what is to be signed, and by which key.
func (r *request) readCredential(q url.Values) error {
	if r.Credential = q.Get("credentialID"); !credentialForm.MatchString(r.Credential) {
		return errParameter("credentialID")
	}
	if q.Get("hashAlgorithmOID") != oidSHA256 {
		return errParameter("hashAlgorithmOID")
	}
	hashes := strings.Split(q.Get("hashes"), ",")
	n, err := strconv.Atoi(q.Get("numSignatures"))
	if err != nil || n != len(hashes) || n > held.MaxHashes {
		return errParameter("numSignatures")
	}
	for _, text := range hashes {
		h, err := readHash(text)
		if err != nil {
			return err
		}
		r.Hashes = append(r.Hashes, h)
	}
	return nil
}

// readHash reads a SHA-256 in base64url, padded or not.
func readHash(text string) ([]byte, error) {
	text = strings.TrimSuffix(text, "=")
	if len(text) != hashText {
		return nil, errParameter("hashes")
	}
	h, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(h) != sha256.Size { // the decoder skips line breaks
		return nil, errParameter("hashes")
	}
	return h, nil
}

// readable reports whether s is text that a page shows as it is: nothing that
// turns its direction or hides, but for the joiner that Persian needs.
func readable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) && r != '\u200c' })
}

// errParameter is for a parameter that is missing, there twice or not of its form.
func errParameter(name string) error {
	return fault.New(fault.Invalid, "csc_parameter", "the parameter %[1]s is missing, repeated or not of its form; see docs/csc.md", name)
}

// back is the client's address with what is told it, and by whom (RFC 9207).
func (r request) back(issuer string, told url.Values) string {
	u, err := url.Parse(r.Redirect)
	if err != nil {
		return "" // registered addresses were parsed
	}
	q := u.Query()
	for name, values := range told {
		q[name] = values
	}
	if r.State != "" {
		q.Set("state", r.State)
	}
	q.Set("iss", issuer)
	u.RawQuery = q.Encode()
	return u.String()
}

// hexes are the hashes as pages and records write them.
func hexes(hashes [][]byte) (list []string) {
	for _, h := range hashes {
		list = append(list, hex.EncodeToString(h))
	}
	return list
}

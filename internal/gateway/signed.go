package gateway

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// nonceHeader carries our nonce to the registry, whose signature covers it.
const nonceHeader = "Inquiry-Nonce"

// maxAnswerAge is how far the time of a signature may lie from ours.
const maxAnswerAge = time.Minute

// covered are the components that the registry signs, in this order: its
// answer, and the question it answers (RFC 9421, section 2.4). An answer can
// then neither be altered nor given to another question, and not twice.
var covered = []string{
	`"@status"`, `"content-digest"`,
	`"@method";req`, `"@path";req`, `"content-digest";req`, `"inquiry-nonce";req`,
}

// parameters is the one form of Signature-Input we take. The list must be
// ours to the octet; only time and key name are open.
var parameters = regexp.MustCompile(`^registry=(\(([^)]*)\);created=([0-9]{1,11});keyid="[A-Za-z0-9_-]{1,64}";alg="ed25519")$`)

// contentDigest returns the value of Content-Digest (RFC 9530, section 2).
func contentDigest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// Signed is what a registry signed beside the body of its answer. Together
// with the body it shows at any later time what the registry said.
type Signed struct {
	Path      string `json:"path"`      // of the request line
	Question  string `json:"question"`  // Content-Digest of the question
	Nonce     string `json:"nonce"`     // ours
	Input     string `json:"input"`     // Signature-Input
	Signature []byte `json:"signature"` // Ed25519
}

// maxSigned bounds each text of a Signed, octets.
const maxSigned = 1024

// verify checks the digest of the answer and the registry's signature, and
// returns that.
func (g *Client) verify(resp *http.Response, body []byte, path string, question []byte, nonce string, now time.Time) (s Signed, err error) {
	if digest, ok := single(resp.Header, "Content-Digest"); !ok || digest != contentDigest(body) {
		return s, errors.New("the answer's Content-Digest does not hold")
	}
	value, _ := single(resp.Header, "Signature")
	value, label := strings.CutPrefix(value, "registry=:")
	value, end := strings.CutSuffix(value, ":")
	s = Signed{Path: g.path(path), Question: contentDigest(question), Nonce: nonce}
	if s.Signature, err = base64.StdEncoding.Strict().DecodeString(value); !label || !end || err != nil {
		return s, errors.New("the answer's signature cannot be read")
	}
	s.Input, _ = single(resp.Header, "Signature-Input")
	return s, g.holds(s, body, now)
}

// holds checks the registry's signature on an answer that was received at the
// time. Only answers of status 200 are kept.
func (g *Client) holds(s Signed, body []byte, at time.Time) error {
	if max(len(s.Path), len(s.Question), len(s.Nonce), len(s.Input)) > maxSigned {
		return errors.New("the answer's signature is too long")
	}
	m := parameters.FindStringSubmatch(s.Input)
	if m == nil || m[2] != strings.Join(covered, " ") {
		return errors.New("the answer is not signed as agreed")
	}
	created, err := strconv.ParseInt(m[3], 10, 64)
	if err != nil || at.Sub(time.Unix(created, 0)).Abs() > maxAnswerAge {
		return errors.New("the answer's signature is of another time")
	}
	base := fmt.Sprintf("\"@status\": %d\n\"content-digest\": %s\n\"@method\";req: POST\n\"@path\";req: %s\n\"content-digest\";req: %s\n\"inquiry-nonce\";req: %s\n\"@signature-params\": %s",
		http.StatusOK, contentDigest(body), s.Path, s.Question, s.Nonce, m[1])
	if !ed25519.Verify(g.PublicKey, []byte(base), s.Signature) {
		return errors.New("the answer's signature does not hold")
	}
	return nil
}

// path returns the path of the request line: a base URL may have one.
func (g *Client) path(route string) string {
	_, rest, _ := strings.Cut(g.BaseURL, "://")
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[i:] + route
	}
	return route
}

// single returns the one value of a header; not ok if it has none or several.
func single(h http.Header, name string) (string, bool) {
	v := h.Values(name)
	if len(v) != 1 {
		return "", false
	}
	return v[0], true
}

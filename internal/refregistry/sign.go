package refregistry

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// nonceShape is the form of Inquiry-Nonce.
var nonceShape = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)

// contentDigest returns the value of Content-Digest (RFC 9530, section 2).
func contentDigest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// component is one line of a signature base (RFC 9421, section 2.5).
type component struct{ id, value string }

// sign writes Content-Digest, Signature-Input and Signature for an answer of
// status 200; package documentation has what they cover.
func (s *Server) sign(h http.Header, r *http.Request, question, answer []byte) {
	h.Set("Content-Digest", contentDigest(answer))
	covered := []component{
		{`"@status"`, "200"},
		{`"content-digest"`, contentDigest(answer)},
		{`"@method";req`, r.Method},
		{`"@path";req`, r.URL.EscapedPath()},
		{`"content-digest";req`, contentDigest(question)},
		{`"inquiry-nonce";req`, r.Header.Get("Inquiry-Nonce")},
	}
	var ids, base []string
	for _, c := range covered {
		ids = append(ids, c.id)
		base = append(base, c.id+": "+c.value)
	}
	params := fmt.Sprintf(`(%s);created=%d;keyid="refregistry";alg="ed25519"`, strings.Join(ids, " "), s.now().Unix())
	base = append(base, `"@signature-params": `+params)
	sig := ed25519.Sign(s.key, []byte(strings.Join(base, "\n")))
	h.Set("Signature-Input", "registry="+params)
	h.Set("Signature", "registry=:"+base64.StdEncoding.EncodeToString(sig)+":")
}

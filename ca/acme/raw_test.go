package acme_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	client "golang.org/x/crypto/acme"
)

// raw is a client that lies as a test wants it to.
type raw struct {
	w   *world
	key *ecdsa.PrivateKey
	kid string
}

// answer is what came back.
type answer struct {
	status  int
	header  http.Header
	body    string
	problem struct{ Type, Detail string }
}

func (w *world) raw(t testing.TB, c *client.Client) *raw {
	t.Helper()
	return &raw{w, c.Key.(*ecdsa.PrivateKey), string(c.KID)}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwk is the public key as an account's.
func (r *raw) jwk() map[string]string {
	x, y := make([]byte, 32), make([]byte, 32)
	r.key.X.FillBytes(x)
	r.key.Y.FillBytes(y)
	return map[string]string{"kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y)}
}

func (r *raw) nonce(t testing.TB) string {
	t.Helper()
	res, err := r.w.http.Head(r.w.Portal() + "/acme/server-auth/new-nonce")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.Header.Get("Replay-Nonce")
}

// header is a good protected header for a request to url.
func (r *raw) header(t testing.TB, url string) map[string]any {
	t.Helper()
	h := map[string]any{"alg": "ES256", "nonce": r.nonce(t), "url": url}
	if r.kid == "" {
		h["jwk"] = r.jwk()
	} else {
		h["kid"] = r.kid
	}
	return h
}

// sign makes a flattened JWS; payload nil is POST-as-GET.
func (r *raw) sign(t testing.TB, header, payload any) map[string]any {
	t.Helper()
	doc := map[string]any{"protected": b64(encode(t, header)), "payload": ""}
	if payload != nil {
		doc["payload"] = b64(encode(t, payload))
	}
	sum := sha256.Sum256([]byte(doc["protected"].(string) + "." + doc["payload"].(string)))
	a, b, err := ecdsa.Sign(rand.Reader, r.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	sig := make([]byte, 64)
	a.FillBytes(sig[:32])
	b.FillBytes(sig[32:])
	doc["signature"] = b64(sig)
	return doc
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	if b, ok := v.([]byte); ok {
		return b
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// send posts body as it is.
func (r *raw) send(t testing.TB, url string, body []byte) answer {
	t.Helper()
	res, err := r.w.http.Post(url, "application/jose+json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header, body: string(got)}
	if res.Header.Get("Content-Type") == "application/problem+json" {
		if err := json.Unmarshal(got, &a.problem); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// post sends a good request.
func (r *raw) post(t testing.TB, url string, payload any) answer {
	t.Helper()
	return r.send(t, url, encode(t, r.sign(t, r.header(t, url), payload)))
}

// macced is an external account binding (RFC 8555 section 7.3.4).
func (r *raw) macced(t testing.TB, url, kid, alg string, secret []byte) map[string]any {
	t.Helper()
	doc := map[string]any{"protected": b64(encode(t, map[string]any{"alg": alg, "kid": kid, "url": url})), "payload": b64(encode(t, r.jwk()))}
	h := hmac.New(crypto.SHA256.New, secret)
	h.Write([]byte(doc["protected"].(string) + "." + doc["payload"].(string)))
	doc["signature"] = b64(h.Sum(nil))
	return doc
}

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"time"

	"mohr/ca/signature"
)

// challenge is what a desk gives before it takes a statement.
type challenge struct {
	Nonce       string `json:"nonce"`
	Audience    string `json:"aud"`
	Type        string `json:"type"`
	TermsSHA256 string `json:"terms_sha256"`
}

// statementLife is how long a statement made here is good: long enough for a
// slow line.
const statementLife = 5 * time.Minute

func (c *client) challenge(ctx context.Context, path string) (challenge, error) {
	var out challenge
	err := c.call(ctx, request{method: http.MethodGet, path: path}, &out)
	return out, err
}

// claims are the fields all statements of a holder share.
func (h *holder) claims(c challenge) signature.Claims {
	now := time.Now().UTC()
	return signature.Claims{
		Type: c.Type, Audience: c.Audience, CertificateSHA256: sha256Hex(h.Certificate.Raw),
		Nonce: c.Nonce, IssuedAt: now.Unix(), Expires: now.Add(statementLife).Unix(),
	}
}

// randomID names something on the holder's side.
func randomID() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

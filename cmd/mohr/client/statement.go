package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"mohr/ca/signature"
)

// Challenge is what a desk gives before it takes a statement.
type Challenge struct {
	Nonce       string `json:"nonce"`
	Audience    string `json:"aud"`
	Type        string `json:"type"`
	TermsSHA256 string `json:"terms_sha256"`
}

// statementLife is how long a statement made here is good: long enough for a
// slow line.
const statementLife = 5 * time.Minute

// Challenge asks for a nonce at path.
func (c *Client) Challenge(ctx context.Context, path string) (Challenge, error) {
	var out Challenge
	err := c.Call(ctx, Request{Method: http.MethodGet, Path: path}, &out)
	return out, err
}

// Claims are the fields that all statements share, for a statement signed
// with key now. It is good for five minutes.
func (c Challenge) Claims(key Key) signature.Claims {
	now, sum := time.Now().UTC(), sha256.Sum256(key.Certificate.Raw)
	return signature.Claims{
		Type: c.Type, Audience: c.Audience, CertificateSHA256: hex.EncodeToString(sum[:]),
		Nonce: c.Nonce, IssuedAt: now.Unix(), Expires: now.Add(statementLife).Unix(),
	}
}

// SignStatement signs, as a JWS, the statement of type typ that say makes of its
// claims; its nonce comes from the path. It serves the desks that have no
// method here.
func (c *Client) SignStatement(ctx context.Context, key Key, typ, path string, say func(signature.Claims) any) (payload, jws []byte, err error) {
	ch, err := c.Challenge(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	if ch.Type != typ {
		return nil, nil, errors.New("the service takes another type of statement than is made here; take a newer version of mohr")
	}
	if payload, err = json.Marshal(say(ch.Claims(key))); err != nil {
		return nil, nil, err
	}
	if jws, err = signature.SignJWS(key, typ, payload); err != nil {
		return nil, nil, fmt.Errorf("sign the statement: %w", err)
	}
	return payload, jws, nil
}

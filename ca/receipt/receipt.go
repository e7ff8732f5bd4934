package receipt

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mohr/ca"
	"mohr/ca/signature"
)

// Type is the typ of a receipt's JWS.
const Type = "mohr-receipt+jwt"

// Config is what an Issuer needs.
type Config struct {
	Key    func() ca.SigningKey // the current one of the audit profile; it may be another each time
	Issuer string               // iss: base URL of the portal
	Now    func() time.Time     // nil: time.Now
}

// Issuer signs receipts. It is safe for concurrent use.
type Issuer struct {
	key    func() ca.SigningKey
	now    func() time.Time
	issuer string
}

// New returns an Issuer of receipts.
func New(c Config) *Issuer {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Issuer{key: c.Key, now: c.Now, issuer: c.Issuer}
}

// own are the claims that the issuer adds.
type own struct {
	Issuer   string `json:"iss"`
	IssuedAt int64  `json:"iat"`
	Kind     string `json:"kind"`
}

// Issue returns a receipt of a kind ("complaint-filed") as a compact JWS.
// claims must marshal to a JSON object without iss, iat and kind, which are
// added. The claim "leaf", hex SHA-256 of the ledger's leaf (Event.ID), is
// what an inclusion proof is matched with: a receipt of a deed should have it.
func (i *Issuer) Issue(ctx context.Context, kind string, claims any) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	payload, err := i.payload(kind, claims)
	if err != nil {
		return nil, fmt.Errorf("receipt of %s: %w", kind, err)
	}
	out, err := (signature.Signer{Key: i.key(), Now: i.now}).JWS(Type, payload)
	if err != nil {
		return nil, fmt.Errorf("receipt of %s: %w", kind, err)
	}
	return out, nil
}

// payload returns the claims with our own among them, as canonical JSON (RFC 8785).
func (i *Issuer) payload(kind string, claims any) ([]byte, error) {
	if kind == "" || i.issuer == "" {
		return nil, errors.New("no kind or no issuer")
	}
	members, err := object(claims)
	if err != nil {
		return nil, err
	}
	added, err := object(own{Issuer: i.issuer, IssuedAt: i.now().UTC().Unix(), Kind: kind})
	if err != nil {
		return nil, err
	}
	for name, value := range added {
		if _, taken := members[name]; taken {
			return nil, fmt.Errorf("the claim %q is the issuer's to make", name)
		}
		members[name] = value
	}
	if leaf, ok := members["leaf"]; ok && !isLeafID(leaf) {
		return nil, errors.New("the claim \"leaf\" is not a hex SHA-256")
	}
	payload, err := json.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("encode claims: %w", err)
	}
	v := jsontext.Value(payload)
	if err := v.Canonicalize(); err != nil {
		return nil, fmt.Errorf("canonical claims: %w", err)
	}
	return v, nil
}

// object returns the members of what v marshals to.
func object(v any) (map[string]jsontext.Value, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode claims: %w", err)
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(b, &members); err != nil || members == nil {
		return nil, errors.New("the claims are no JSON object")
	}
	return members, nil
}

func isLeafID(v jsontext.Value) bool {
	var s string
	if err := json.Unmarshal(v, &s); err != nil || len(s) != 64 {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}

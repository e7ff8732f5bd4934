package eidtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// signingKey is a key of the provider.
type signingKey struct {
	id  string
	key *ecdsa.PrivateKey
}

func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (k signingKey) Key() any                                    { return k.key }
func (k signingKey) ID() string                                  { return k.id }

// publicKey is one as the key set shows it.
type publicKey struct{ signingKey }

func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return &k.key.PublicKey }

// Rotate has the provider sign with a new key, and show no other.
func (p *Provider) Rotate() {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, signingKey{"key-" + rand.Text()[:8], k})
}

func (p *Provider) current() signingKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[len(p.keys)-1]
}

// Sign returns the claims as an ID token under the provider's current key.
func (p *Provider) Sign(claims map[string]any) string {
	k := p.current()
	return p.sign(jose.ES256, jose.JSONWebKey{Key: k.key, KeyID: k.id}, claims)
}

// SignAsAtFirst signs with the provider's first key, which a Rotate took back.
func (p *Provider) SignAsAtFirst(claims map[string]any) string {
	p.mu.Lock()
	k := p.keys[0]
	p.mu.Unlock()
	return p.sign(jose.ES256, jose.JSONWebKey{Key: k.key, KeyID: k.id}, claims)
}

// SignAsStranger signs with a key that is not the provider's, under the name
// of one that is.
func (p *Provider) SignAsStranger(claims map[string]any) string {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Error(err)
	}
	return p.sign(jose.ES256, jose.JSONWebKey{Key: k, KeyID: p.current().id}, claims)
}

// SignShared signs by HMAC under the provider's public key, which everybody has.
func (p *Provider) SignShared(claims map[string]any) string {
	k := p.current()
	der, err := x509.MarshalPKIXPublicKey(&k.key.PublicKey)
	if err != nil {
		p.t.Error(err)
	}
	return p.sign(jose.HS256, jose.JSONWebKey{Key: der, KeyID: k.id}, claims)
}

// Unsigned returns the claims as a token with the algorithm none.
func (p *Provider) Unsigned(claims map[string]any) string {
	b, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
	}
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + part(b) + "."
}

func (p *Provider) sign(alg jose.SignatureAlgorithm, key jose.JSONWebKey, claims map[string]any) string {
	b, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	signed, err := s.Sign(b)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		p.t.Error(err)
	}
	return text
}

// forge puts another ID token into an answer of the token endpoint.
func (p *Provider) forge(body []byte, other func(map[string]any) string) []byte {
	return change(p.t, body, func(m map[string]any) {
		raw, _ := m["id_token"].(string)
		parts := strings.Split(raw, ".")
		var claims map[string]any
		if len(parts) == 3 {
			b, _ := base64.RawURLEncoding.DecodeString(parts[1])
			if err := json.Unmarshal(b, &claims); err != nil {
				p.t.Errorf("eidtest: %v", err)
			}
		}
		m["id_token"] = other(claims)
	})
}

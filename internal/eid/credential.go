package eid

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/go-jose/go-jose/v4/jwt"
	"go.step.sm/crypto/pemutil"
	"golang.org/x/oauth2"
)

// assertionFor is how long a client assertion is good.
const assertionFor = time.Minute

// credential looks at what this service proves itself with, and returns the
// signer of assertions, nil where it is a secret.
func (f *File) credential() (crypto.Signer, error) {
	if f.KeyFile == "" {
		_, err := f.secret()
		return nil, err
	}
	key, err := pemutil.Read(f.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("key_file: %w", err)
	}
	s, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("key_file: %s holds a %T, no key that signs", f.KeyFile, key)
	}
	_, err = algorithmOf(s)
	return s, err
}

// secret reads the client secret, each time: it can be replaced without a
// restart.
func (f *File) secret() (string, error) {
	if f.SecretFile == "" {
		return "", nil
	}
	b, err := os.ReadFile(f.SecretFile)
	if err != nil {
		return "", fmt.Errorf("secret_file: %w", err)
	}
	s := strings.TrimSpace(string(b))
	if s == "" || strings.ContainsAny(s, "\r\n") {
		return "", fmt.Errorf("secret_file: %s is not one line", f.SecretFile)
	}
	return s, nil
}

// authenticate adds what this service proves itself with to a token request.
func (p *Provider) authenticate(c *oauth2.Config) ([]oauth2.AuthCodeOption, error) {
	if p.signer == nil {
		secret, err := p.secret()
		c.ClientSecret = secret
		return nil, err
	}
	assertion, err := p.assertion()
	return []oauth2.AuthCodeOption{
		oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
		oauth2.SetAuthURLParam("client_assertion", assertion),
	}, err
}

// assertion signs a client assertion (RFC 7523, sections 2.2 and 3). Its
// audience is the issuer alone, stricter than section 3: an address that
// discovery gave could be another server's.
func (p *Provider) assertion() (string, error) {
	alg, err := algorithmOf(p.signer)
	if err != nil {
		return "", err
	}
	o := (&jose.SignerOptions{}).WithType("JWT")
	if p.KeyID != "" {
		o = o.WithHeader("kid", p.KeyID)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: cryptosigner.Opaque(p.signer)}, o)
	if err != nil {
		return "", fmt.Errorf("client assertion: %w", err)
	}
	id := make([]byte, 16)
	rand.Read(id) // never fails (crypto/rand)
	now := p.Now()
	return jwt.Signed(s).Claims(jwt.Claims{
		Issuer: p.ClientID, Subject: p.ClientID, Audience: jwt.Audience{p.Issuer}, ID: base64.RawURLEncoding.EncodeToString(id),
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(assertionFor)),
	}).Serialize()
}

func algorithmOf(s crypto.Signer) (jose.SignatureAlgorithm, error) {
	switch k := s.Public().(type) {
	case *rsa.PublicKey:
		if k.Size() >= 256 {
			return jose.PS256, nil
		}
	case *ecdsa.PublicKey:
		switch k.Curve.Params().BitSize {
		case 256:
			return jose.ES256, nil
		case 384:
			return jose.ES384, nil
		}
	}
	return "", fmt.Errorf("key_file: a %T of this size signs no client assertions", s.Public())
}

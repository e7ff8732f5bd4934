package signature

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca"
)

// Signer makes JWS and CMS with one key, which may live in a file, a token or
// an HSM. It is safe for concurrent use if the key is.
type Signer struct {
	Key ca.SigningKey
	Now func() time.Time // nil: time.Now
}

// SignJWS is Signer.JWS with the clock of the machine.
func SignJWS(key ca.SigningKey, typ string, payload []byte) ([]byte, error) {
	return Signer{Key: key}.JWS(typ, payload)
}

// SignCMS is Signer.CMS with the clock of the machine: a detached signature
// over content.
func SignCMS(key ca.SigningKey, content []byte) ([]byte, error) {
	return Signer{Key: key}.CMS(content)
}

func (s Signer) now() time.Time {
	if s.Now == nil {
		return time.Now().UTC().Truncate(time.Second)
	}
	return s.Now().UTC().Truncate(time.Second)
}

// check says what of the key is missing.
func (s Signer) check() error {
	if s.Key.Signer == nil || s.Key.Certificate == nil {
		return errors.New("the signing key lacks its certificate or its private half")
	}
	if len(s.Key.Chain) >= maxChain {
		return fmt.Errorf("the signing key has a chain of more than %d certificates", maxChain-1)
	}
	return nil
}

// chain returns the certificate and those above it, without a root.
func (s Signer) chain() []*x509.Certificate {
	return slices.Concat([]*x509.Certificate{s.Key.Certificate}, s.Key.Chain)
}

// ownHeader is the protected header we write: JAdES B-B (ETSI TS 119 182-1
// section 6.3), which asks for x5t#S256 and the signing time.
type ownHeader struct {
	Alg     string   `json:"alg"`
	Typ     string   `json:"typ"`
	IAT     int64    `json:"iat"`
	X5TS256 string   `json:"x5t#S256"`
	X5C     []string `json:"x5c"`
}

// JWS returns payload as a compact JWS of the kind typ: ES256 with a P-256
// key, ES384 with P-384, PS256 with RSA, and the chain in x5c.
func (s Signer) JWS(typ string, payload []byte) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("sign JWS: %w", err)
	}
	pub := s.Key.Certificate.PublicKey
	own, err := ownScheme(pub, true)
	if err != nil {
		return nil, fmt.Errorf("sign JWS: %w", err)
	}
	h := ownHeader{Alg: own.jwsName(), Typ: typ, IAT: s.now().Unix(), X5TS256: thumbprint(s.Key.Certificate)}
	for _, c := range s.chain() {
		h.X5C = append(h.X5C, base64.StdEncoding.EncodeToString(c.Raw))
	}
	header, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("sign JWS: %w", err)
	}
	b64 := base64.RawURLEncoding
	out := b64.AppendEncode(nil, header)
	out = b64.AppendEncode(append(out, '.'), payload)
	sig, err := own.sign(s.Key.Signer, pub, out)
	if err != nil {
		return nil, fmt.Errorf("sign JWS: %w", err)
	}
	if k, ok := pub.(*ecdsa.PublicKey); ok {
		if sig, err = rawOfDER(k, sig); err != nil {
			return nil, fmt.Errorf("sign JWS: %w", err)
		}
	}
	return b64.AppendEncode(append(out, '.'), sig), nil
}

// jwsName returns the alg of one of our own schemes.
func (s scheme) jwsName() string {
	family := "ES"
	if s.rsa {
		family = "RS"
	}
	if s.pss {
		family = "PS"
	}
	return fmt.Sprintf("%s%d", family, s.hash.Size()*8)
}

// ecdsaDER returns Ecdsa-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }.
func ecdsaDER(r, s *big.Int) ([]byte, bool) {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(r)
		b.AddASN1BigInt(s)
	})
	out, err := b.Bytes()
	return out, err == nil
}

// rawOfDER turns an Ecdsa-Sig-Value into R || S (RFC 7518 section 3.4).
func rawOfDER(k *ecdsa.PublicKey, sig []byte) ([]byte, error) {
	input := cryptobyte.String(sig)
	var pair cryptobyte.String
	r, s := new(big.Int), new(big.Int)
	if !input.ReadASN1(&pair, der.SEQUENCE) || !input.Empty() ||
		!pair.ReadASN1Integer(r) || !pair.ReadASN1Integer(s) || !pair.Empty() {
		return nil, errors.New("the key made an ECDSA signature that is no DER")
	}
	n := curveSize(k)
	out := make([]byte, 2*n)
	r.FillBytes(out[:n]) // fits: the signature was verified
	s.FillBytes(out[n:])
	return out, nil
}

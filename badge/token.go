package badge

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// A short token says on paper what a badge's page says on a screen: which
// domain, until when. It is what a QR code on an invoice or a parcel holds:
//
//	version  1 octet, 1
//	key id   8 octets: the first of the SHA-256 of the signer's certificate
//	expires  4 octets, seconds since 1970, big-endian
//	badge    16 octets: the hex digits of its id
//	domain   1 octet of length and the A-labels
//	signature  DER of ECDSA with SHA-256 over "mohr-badge-token/1", NUL and all before
//
// in base64url without padding.

const (
	tokenVersion = 1
	tokenPrefix  = "mohr-badge-token/1\x00"
	tokenFixed   = 1 + 8 + 4 + 16 + 1
	// maxToken bounds a token as text: the fixed part, a domain, a P-384 signature.
	maxToken = (tokenFixed + maxDomain + 110) * 4 / 3
	// tokenLife is how long a token holds: a parcel is long under way.
	tokenLife = 90 * 24 * time.Hour
)

// Token is what a short token says.
type Token struct {
	Key     string    `json:"key"` // hex
	Badge   ID        `json:"badge"`
	Domain  string    `json:"domain"` // A-labels
	Expires time.Time `json:"expires"`

	signed    []byte
	signature []byte
}

func errToken() error {
	return fault.New(fault.Invalid, "badge_token_malformed", "this is no code of a badge; scan it again, or type the shop's domain at the look-up")
}

// ParseToken reads a token; nothing of it is verified. Invalid: it is none.
func ParseToken(text string) (t Token, err error) {
	if len(text) > maxToken {
		return t, errToken()
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") || len(b) < tokenFixed || b[0] != tokenVersion {
		return t, errToken()
	}
	end := tokenFixed + int(b[tokenFixed-1])
	if len(b) <= end {
		return t, errToken()
	}
	t = Token{
		Key: hex.EncodeToString(b[1:9]), Expires: time.Unix(int64(binary.BigEndian.Uint32(b[9:13])), 0).UTC(),
		Badge: ID("b-" + hex.EncodeToString(b[13:29])), Domain: string(b[tokenFixed:end]),
		signed: append([]byte(tokenPrefix), b[:end]...), signature: b[end:],
	}
	if d, err := ParseDomain(t.Domain); err != nil || d.ASCII != t.Domain {
		return Token{}, errToken()
	}
	return t, nil
}

// Holds reports whether the certificate's key signed the token, and it is not over.
func (t Token) Holds(leaf *x509.Certificate, now time.Time) error {
	refused := fault.New(fault.Denied, "badge_token_refused", "this code does not hold; look the shop's domain up instead")
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	sum := sha256.Sum256(t.signed)
	if !ok || keyID(leaf) != t.Key || !signsCredentials(leaf) || !ecdsa.VerifyASN1(key, sum[:], t.signature) {
		return refused
	}
	if !now.Before(t.Expires) {
		return fault.New(fault.Denied, "badge_token_over", "the time of this code was over on %[1]v; look the shop's domain up instead", t.Expires.Format(time.DateOnly))
	}
	return nil
}

// TokenKey is a certificate that signed short tokens.
type TokenKey struct {
	ID    string   `json:"id"`
	Chain [][]byte `json:"chain"` // DER, the signer first
}

func keyID(leaf *x509.Certificate) string {
	sum := sha256.Sum256(leaf.Raw)
	return hex.EncodeToString(sum[:8])
}

// Token returns a short token of a badge that counts now.
func (d *Desk) Token(ctx context.Context, id ID) (string, error) {
	now := d.now()
	b, err := d.countsNow(ctx, id, now)
	if err != nil {
		return "", err
	}
	key := d.Credential()
	until := now.Add(tokenLife).Truncate(24 * time.Hour) // one token a day, so that an invoice printed twice is the same length
	for _, end := range []time.Time{b.ValidTo, key.Certificate.NotAfter} {
		if end.Before(until) {
			until = end
		}
	}
	body, err := tokenBody(b, key.Certificate, until)
	if err != nil {
		return "", fmt.Errorf("token of %s: %w", id, err)
	}
	sig, err := signToken(key, body)
	if err != nil {
		return "", fmt.Errorf("token of %s: %w", id, err)
	}
	if err := d.keepKey(ctx, key); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(body, sig...)), nil
}

func tokenBody(b Badge, leaf *x509.Certificate, until time.Time) ([]byte, error) {
	id, err := hex.DecodeString(strings.TrimPrefix(string(b.ID), "b-"))
	if err != nil || len(id) != 16 {
		return nil, errors.New("the badge's id is not of 32 hex digits")
	}
	kid, err := hex.DecodeString(keyID(leaf))
	if err != nil {
		return nil, err
	}
	out := append([]byte{tokenVersion}, kid...)
	out = binary.BigEndian.AppendUint32(out, uint32(until.Unix())) // until 2106
	out = append(out, id...)
	out = append(out, byte(len(b.Domain.ASCII))) // at most 253
	return append(out, b.Domain.ASCII...), nil
}

func signToken(key ca.SigningKey, body []byte) ([]byte, error) {
	if _, ok := key.Certificate.PublicKey.(*ecdsa.PublicKey); !ok {
		return nil, errors.New("the credential key is not ECDSA: its signature is too long for a code")
	}
	sum := sha256.Sum256(append([]byte(tokenPrefix), body...))
	sig, err := key.Signer.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	if !ecdsa.VerifyASN1(key.Certificate.PublicKey.(*ecdsa.PublicKey), sum[:], sig) {
		return nil, errors.New("the signature does not verify under the certificate's key")
	}
	return sig, nil
}

// keepKey keeps the certificate for those who hold a token of it when the key
// has long been another.
func (d *Desk) keepKey(ctx context.Context, key ca.SigningKey) error {
	k := TokenKey{ID: keyID(key.Certificate), Chain: [][]byte{key.Certificate.Raw}}
	for _, c := range key.Chain {
		k.Chain = append(k.Chain, c.Raw)
	}
	err := d.Store.View(ctx, func(tx store.Tx) error {
		_, err := store.Load[TokenKey](tx, keyBucket, k.ID)
		return err
	})
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return d.Store.Update(ctx, func(tx store.Tx) error { return store.Save(tx, keyBucket, k.ID, k) })
}

// CheckToken verifies a token and returns the public record of its badge as
// it stands now. Denied: it does not hold.
func (d *Desk) CheckToken(ctx context.Context, text string) (Token, Record, error) {
	t, err := ParseToken(text)
	if err != nil {
		return t, Record{}, err
	}
	var k TokenKey
	err = d.Store.View(ctx, func(tx store.Tx) error {
		k, err = store.Load[TokenKey](tx, keyBucket, t.Key)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && len(k.Chain) == 0 {
		return t, Record{}, fault.New(fault.Denied, "badge_token_refused", "this code does not hold; look the shop's domain up instead")
	}
	if err != nil {
		return t, Record{}, err
	}
	leaf, err := x509.ParseCertificate(k.Chain[0])
	if err != nil {
		return t, Record{}, fmt.Errorf("key %s: %w", k.ID, err)
	}
	if err := t.Holds(leaf, d.now()); err != nil {
		return t, Record{}, err
	}
	r, err := d.Show(ctx, t.Badge)
	return t, r, err
}

// Keys returns the certificates that signed tokens.
func (d *Desk) Keys(ctx context.Context) (list []TokenKey, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		list = nil
		return store.Each(tx, keyBucket, "", "", func(_ string, k TokenKey) error {
			list = append(list, k)
			return nil
		})
	})
	return list, err
}

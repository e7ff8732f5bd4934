// Package signintest gives tests of other rooms passkeys without a browser.
package signintest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"mohr/ca"
	"mohr/ca/signin"
	"mohr/internal/store"
)

// Passkey is an authenticator with one passkey of one person.
type Passkey struct {
	ID       string // base64url
	Origin   string // what it says where it was asked
	RPID     string
	Verifies bool   // whether it recognises its owner
	Counts   bool   // whether it counts its signatures; synced ones do not
	Counter  uint32 // signatures counted

	key    *ecdsa.PrivateKey
	handle []byte
}

// New records a passkey of a person, as if it had been added in the portal at
// the origin; certificate is the serial of the one that it rests on, or "".
func New(t testing.TB, s store.Store, h ca.HolderID, b ca.BusinessID, certificate, origin, rpID string, now time.Time) *Passkey {
	t.Helper()
	id, handle := make([]byte, 16), make([]byte, 32)
	rand.Read(id)
	rand.Read(handle)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &Passkey{ID: base64.RawURLEncoding.EncodeToString(id), Origin: origin, RPID: rpID, Verifies: true, key: key, handle: handle}
	public, err := webauthncbor.Marshal(webauthncose.EC2PublicKeyData{
		PublicKeyData: webauthncose.PublicKeyData{KeyType: int64(webauthncose.EllipticKey), Algorithm: int64(webauthncose.AlgES256)},
		Curve:         int64(webauthncose.P256), XCoord: coordinate(key, 0), YCoord: coordinate(key, 1),
	})
	if err != nil {
		t.Fatal(err)
	}
	record := signin.Passkey{ID: p.ID, Name: "test", Holder: h, Business: b, Certificate: certificate, Added: now, Credential: webauthn.Credential{
		ID: id, PublicKey: public, Flags: webauthn.NewCredentialFlags(protocol.FlagUserPresent | protocol.FlagUserVerified),
	}}
	err = s.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(
			store.Save(tx, "signin_passkeys", string(h)+"/"+p.ID, record),
			store.Save(tx, "signin_owners", string(h)+"/"+string(b), handle),
			store.Save(tx, "signin_handles", base64.RawURLEncoding.EncodeToString(handle), map[string]string{"holder": string(h), "business": string(b)}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// coordinate is the x (0) or y (1) of the public point.
func coordinate(key *ecdsa.PrivateKey, i int) []byte {
	point, err := key.PublicKey.Bytes()
	if err != nil {
		panic(err) // a key on P-256 has one
	}
	return point[1+32*i : 33+32*i]
}

// Answer is what the authenticator answers to the options, as its browser
// sends it: no result of an extension is in it.
func (p *Passkey) Answer(t testing.TB, o signin.Options) []byte {
	t.Helper()
	return p.Sign(t, o.Response.Challenge)
}

// Sign answers a challenge.
func (p *Passkey) Sign(t testing.TB, challenge []byte) []byte {
	t.Helper()
	client, err := json.Marshal(map[string]any{
		"type": "webauthn.get", "challenge": base64.RawURLEncoding.EncodeToString(challenge), "origin": p.Origin, "crossOrigin": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	if p.Counts {
		p.Counter++
	}
	rp, flags := sha256.Sum256([]byte(p.RPID)), byte(protocol.FlagUserPresent)
	if p.Verifies {
		flags |= byte(protocol.FlagUserVerified)
	}
	data := binary.BigEndian.AppendUint32(append(rp[:], flags), p.Counter)
	sum := sha256.Sum256(client)
	digest := sha256.Sum256(append(bytes.Clone(data), sum[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, p.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString
	b, err := json.Marshal(map[string]any{
		"id": p.ID, "rawId": p.ID, "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]string{
			"clientDataJSON": text(client), "authenticatorData": text(data), "signature": text(signature), "userHandle": text(p.handle),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// PRF is the passkey's secret value for a salt.
func (p *Passkey) PRF(salt []byte) []byte {
	secret, err := p.key.Bytes()
	if err != nil {
		panic(err) // a key on P-256 has some
	}
	m := hmac.New(sha256.New, secret)
	m.Write(salt)
	return m.Sum(nil)
}

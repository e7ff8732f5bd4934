package ledger

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"mohr/internal/fault"
)

// Signatures and verifier keys of C2SP signed-note, type 0x02 (ECDSA).
//
//	signature:    ECDSA-Sig-Value (RFC 3279 section 2.2.3, DER) over SHA-256 of the text
//	public key:   SubjectPublicKeyInfo (RFC 5480), DER
//	key ID:       SHA-256(public key)[:4], big-endian
//	verifier key: <name>+<hex key ID>+base64(0x02 || public key)
//
// The key ID does not cover name and type, as it does for the other types:
// that is what signed-note assigns to 0x02, and what its other
// implementations compute (docs/decisions).
const typeECDSA = 0x02

// Limits of what is read from outside.
const (
	maxName = 255
	maxVkey = 1024
)

// noteSigner signs notes with a P-256 key. It is a note.Signer.
type noteSigner struct {
	name   string
	spki   []byte
	id     uint32
	signer crypto.Signer
}

func newNoteSigner(name string, s crypto.Signer) (*noteSigner, error) {
	spki, err := x509.MarshalPKIXPublicKey(s.Public())
	if err != nil {
		return nil, fmt.Errorf("marshal checkpoint key: %w", err)
	}
	return &noteSigner{name: name, spki: spki, id: keyID(spki), signer: s}, nil
}

func keyID(spki []byte) uint32 {
	sum := sha256.Sum256(spki)
	return binary.BigEndian.Uint32(sum[:])
}

func (s *noteSigner) Name() string    { return s.name }
func (s *noteSigner) KeyHash() uint32 { return s.id }

// Sign returns the signature over msg. The key may sit in a token.
func (s *noteSigner) Sign(msg []byte) ([]byte, error) {
	digest := sha256.Sum256(msg)
	return s.signer.Sign(rand.Reader, digest[:], crypto.SHA256)
}

func (s *noteSigner) vkey() string {
	return fmt.Sprintf("%s+%08x+%s", s.name, s.id, base64.StdEncoding.EncodeToString(append([]byte{typeECDSA}, s.spki...)))
}

// alone returns a note of ours with our own signature only, as proofs carry
// it: who verifies a proof checks that one, and a line that nobody checks
// would let a proof be written in two ways.
func (l *Log) alone(signed string) string {
	text, lines, _ := strings.Cut(signed, "\n\n")
	for line := range strings.Lines(lines) {
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]))
		if err == nil && len(b) > 4 && binary.BigEndian.Uint32(b) == l.signer.id {
			return text + "\n\n" + line
		}
	}
	return signed // not signed by us: whoever verifies it says so
}

// noteVerifier verifies notes. It is a note.Verifier; only parseVkey makes one.
type noteVerifier struct {
	name string
	id   uint32
	key  *ecdsa.PublicKey
}

func (v *noteVerifier) Name() string    { return v.name }
func (v *noteVerifier) KeyHash() uint32 { return v.id }

func (v *noteVerifier) Verify(msg, sig []byte) bool {
	digest := sha256.Sum256(msg)
	return ecdsa.VerifyASN1(v.key, digest[:], sig)
}

// parseVkey reads a verifier key. Only ECDSA on P-256 is taken, which is
// narrower than signed-note: no log of this service ever had another.
func parseVkey(vkey string) (*noteVerifier, error) {
	v, err := readVkey(vkey)
	if err != nil {
		return nil, fault.New(fault.Invalid, "log_key_invalid", "this is not the verifier key of a log (%v); copy it whole, name+id+key", err)
	}
	return v, nil
}

func readVkey(vkey string) (*noteVerifier, error) {
	if len(vkey) > maxVkey {
		return nil, errors.New("too long")
	}
	name, rest, _ := strings.Cut(vkey, "+")
	id, blob, ok := strings.Cut(rest, "+")
	if !ok {
		return nil, errors.New("not of three parts")
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.Strict().DecodeString(blob)
	if err != nil || strings.ContainsAny(blob, "\r\n") {
		return nil, errors.New("the key is not base64")
	}
	if len(b) < 2 || b[0] != typeECDSA {
		return nil, errors.New("the key is not of type 2, ECDSA")
	}
	spki := b[1:]
	var want [4]byte
	binary.BigEndian.PutUint32(want[:], keyID(spki))
	if id != hex.EncodeToString(want[:]) {
		return nil, errors.New("the id is not that of the key")
	}
	pub, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, errors.New("the key is not a public key")
	}
	key, ok := pub.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("the key is not ECDSA on P-256")
	}
	return &noteVerifier{name: name, id: keyID(spki), key: key}, nil
}

// checkName refuses what cannot be a key name (signed-note, "Format").
func checkName(name string) error {
	switch {
	case name == "" || len(name) > maxName:
		return errors.New("a name has 1 to 255 octets")
	case !utf8.ValidString(name):
		return errors.New("a name is UTF-8")
	case strings.ContainsFunc(name, func(r rune) bool { return r == '+' || unicode.IsSpace(r) || unicode.IsControl(r) }):
		return errors.New("a name has no white space, plus or control character")
	}
	return nil
}

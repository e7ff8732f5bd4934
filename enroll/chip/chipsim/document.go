package chipsim

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/big"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/enroll/chip"
)

// Holder is who a document names.
type Holder struct {
	NationalCode          string
	FirstName, LastName   string // in Persian; "" for a document without DG11
	LatinFirst, LatinLast string
	BirthDate             string // YYYY-MM-DD
	Number                string // of the document, nine characters
	Expires               string // YYYY-MM-DD
}

// Chip is a simulated chip: its files and, if it has one, its key.
type Chip struct {
	Files chip.Files
	Key   crypto.Signer
}

// KeyKind is the key that a chip has.
type KeyKind int

// The kinds.
const (
	NoKey KeyKind = iota
	ECKey
	RSAKey
)

// Issue makes a passport (TD3) that s signs.
func Issue(h Holder, kind KeyKind, s Signer, now time.Time) (*Chip, error) {
	c := &Chip{}
	groups := map[int][]byte{1: DG1(MRZ(h)), 2: DG2(Face())}
	if h.LastName != "" {
		groups[11] = DG11(h)
	}
	var err error
	switch kind {
	case ECKey:
		c.Key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		groups[14] = DG14(ecdsaPlainSHA256)
	case RSAKey:
		c.Key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		return nil, err
	}
	if c.Key != nil {
		spki, err := x509.MarshalPKIXPublicKey(c.Key.Public())
		if err != nil {
			return nil, err
		}
		groups[15] = Element(0x6f, spki)
	}
	sod, err := SOD(groups, crypto.SHA256, now, s)
	c.Files = chip.Files{SOD: sod, DG1: groups[1], DG2: groups[2], DG11: groups[11], DG14: groups[14], DG15: groups[15]}
	return c, err
}

// SOD makes the EF.SOD over the files.
func SOD(groups map[int][]byte, hash crypto.Hash, at time.Time, signers ...Signer) ([]byte, error) {
	cms, err := SignedData(SecurityObjectType, SecurityObject(hash, groups), hash, at, signers...)
	return Element(0x77, cms), err
}

// Element is a tag of one or two octets, the length, and the body.
func Element(tag int, body []byte) []byte {
	var out []byte
	if tag > 0xff {
		out = append(out, byte(tag>>8))
	}
	out = append(out, byte(tag))
	switch n := len(body); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	case n < 0x10000:
		out = append(out, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, body...)
}

// MRZ is the machine-readable zone of a passport, 88 characters.
func MRZ(h Holder) string {
	short := func(date string) string { return strings.ReplaceAll(date, "-", "")[2:] }
	fill := func(s string, n int) string {
		s = strings.ReplaceAll(strings.ToUpper(s), " ", "<")
		return (s + strings.Repeat("<", n))[:n]
	}
	checked := func(s string) string { return s + CheckDigit(s) }
	number, optional := checked(fill(h.Number, 9)), checked(fill(h.NationalCode, 14))
	birth, expires := checked(short(h.BirthDate)), checked(short(h.Expires))
	return fill("P<IRN"+h.LatinLast+"<<"+h.LatinFirst, 44) +
		number + "IRN" + birth + "F" + expires + optional + CheckDigit(number+birth+expires+optional)
}

// CheckDigit is the check digit of s.
func CheckDigit(s string) string {
	sum := 0
	for i, c := range s {
		v := strings.IndexRune("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", c)
		sum += max(v, 0) * []int{7, 3, 1}[i%3]
	}
	return fmt.Sprint(sum % 10)
}

// DG1 holds a machine-readable zone.
func DG1(mrz string) []byte { return Element(0x61, Element(0x5f1f, []byte(mrz))) }

// DG2 holds a face.
func DG2(picture []byte) []byte {
	face := binary.BigEndian.AppendUint32(nil, uint32(20+12+len(picture)))
	face = append(face, make([]byte, 16)...) // no feature points, nothing said
	face = append(face, 1, 0, 0, 60, 0, 80, 1, 0, 0, 0, 0, 0)
	face = append(face, picture...)
	record := append([]byte("FAC\x00010\x00"), binary.BigEndian.AppendUint32(nil, uint32(14+len(face)))...)
	record = append(append(record, 0, 1), face...)
	template := append(Element(0xa1, []byte{0x87, 2, 1, 1, 0x88, 2, 0, 8}), Element(0x5f2e, record)...)
	return Element(0x75, Element(0x7f61, append([]byte{2, 1, 1}, Element(0x7f60, template)...)))
}

// Face is a picture of nobody, JPEG.
func Face() []byte {
	img := image.NewGray(image.Rect(0, 0, 60, 80))
	for x := range 60 {
		for y := range 80 {
			img.Set(x, y, color.Gray{Y: uint8(3*x + y)})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

// DG11 holds the names in the holder's letters, the national code and the date
// of birth.
func DG11(h Holder) []byte {
	b := Element(0x5c, []byte{0x5f, 0x0e, 0x5f, 0x10, 0x5f, 0x2b})
	b = append(b, Element(0x5f0e, []byte(h.LastName+"<<"+h.FirstName))...)
	b = append(b, Element(0x5f10, []byte(h.NationalCode))...)
	return Element(0x6b, append(b, Element(0x5f2b, []byte(strings.ReplaceAll(h.BirthDate, "-", "")))...))
}

// ecdsaPlainSHA256 is ecdsa-plain-SHA256 of BSI TR-03111.
var ecdsaPlainSHA256 = asn1.ObjectIdentifier{0, 4, 0, 127, 0, 7, 1, 1, 4, 1, 3}

// DG14 says how the chip's key signs.
func DG14(algorithm asn1.ObjectIdentifier) []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{2, 23, 136, 1, 1, 5})
			b.AddASN1Int64(1)
			b.AddASN1ObjectIdentifier(algorithm)
		})
	})
	return Element(0x6e, b.BytesOrPanic())
}

// Answer is what the chip makes of a challenge (active authentication, with
// SHA-256); nil if it has no key.
func (c *Chip) Answer(challenge []byte) ([]byte, error) {
	switch key := c.Key.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, sum(crypto.SHA256, challenge))
		if err != nil {
			return nil, err
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
	case *rsa.PrivateKey:
		return Recoverable(key, crypto.SHA256, []byte{0x34, 0xcc}, challenge), nil
	}
	return nil, nil
}

// Recoverable signs by ISO/IEC 9796-2, scheme 1, with the trailer.
func Recoverable(key *rsa.PrivateKey, hash crypto.Hash, trailer, challenge []byte) []byte {
	size := key.Size()
	m1 := make([]byte, size-1-hash.Size()-len(trailer))
	rand.Read(m1) // never fails (crypto/rand)
	f := append([]byte{0x6a}, m1...)
	f = append(f, sum(hash, append(bytes.Clone(m1), challenge...))...)
	f = append(f, trailer...)
	return new(big.Int).Exp(new(big.Int).SetBytes(f), key.D, key.N).FillBytes(make([]byte, size))
}

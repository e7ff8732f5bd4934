package est

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca"
	"mohr/internal/fault"
)

// maxBody bounds a request: base64 of the largest PKCS #10 request, with line
// ends.
const maxBody = 2 * ca.MaxCSR

// lineLength is that of base64 lines (RFC 2045 section 6.8).
const lineLength = 76

// decode reads base64 as RFC 8951 section 3.1 has it: with or without line
// ends, and no other octets. Content-Transfer-Encoding is not looked at. Every
// refusal is Invalid.
func decode(body []byte) ([]byte, error) {
	if len(body) > maxBody {
		return nil, errTooLarge()
	}
	plain := bytes.Map(func(r rune) rune {
		if strings.ContainsRune("\r\n\t ", r) {
			return -1
		}
		return r
	}, body)
	der, err := base64.StdEncoding.Strict().DecodeString(string(plain))
	if err != nil || len(der) == 0 {
		return nil, fault.New(fault.Invalid, "est_base64", "the body is not the base64 of a PKCS #10 request in DER; send openssl req -outform DER | openssl base64, without lines of dashes")
	}
	return der, nil
}

// errTooLarge is what the portal says of every body that is too large.
func errTooLarge() error {
	return fault.New(fault.Invalid, "body_too_large", "the body is larger than %[1]d octets; send less", maxBody)
}

// encode is decode the other way round, in lines.
func encode(der []byte) []byte {
	text := base64.StdEncoding.EncodeToString(der)
	var out bytes.Buffer
	for line := range slices.Chunk([]byte(text), lineLength) {
		out.Write(line)
		out.WriteString("\r\n")
	}
	return out.Bytes()
}

var (
	oidECPublic = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidP256     = asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}
	oidECDSA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
)

// attributes is what a request should have (RFC 7030 section 4.5.2): a P-256
// key, and a signature by ECDSA with SHA-256. It is advice: other keys that
// the service takes are taken.
//
//	CsrAttrs ::= SEQUENCE OF AttrOrOID
func attributes() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidECPublic)
			b.AddASN1(cryptobyte_asn1.SET, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidP256) })
		})
		b.AddASN1ObjectIdentifier(oidECDSA256)
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("make CsrAttrs: %w", err)
	}
	return der, nil
}

// Authorities is cacerts (RFC 7030 section 4.1): the roots, and the CAs that
// stand between one of them and certificates of the profile.
func (d *Desk) Authorities(profile string) ([]byte, error) {
	if err := offered(profile); err != nil {
		return nil, err
	}
	return ca.CertsOnly(d.CA.Authorities(profile)...)
}

// profileOf is the record's profile without its version.
func profileOf(c ca.Certificate) string {
	name, _, _ := strings.Cut(c.Profile, "@")
	return name
}

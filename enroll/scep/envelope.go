package scep

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/internal/fault"
)

var (
	tag0     = der.Tag(0).ContextSpecific().Constructed()
	keyIDTag = der.Tag(0).ContextSpecific()
)

// envelope is an EnvelopedData, not yet opened.
type envelope struct {
	to        recipient
	keySize   int    // octets of the content key
	key       []byte // encrypted to the recipient
	iv        []byte
	encrypted []byte
}

// recipient is the certificate that an envelope names: issuer and serial, or
// keyID.
type recipient struct {
	issuer []byte // Name, DER
	serial *big.Int
	keyID  []byte
}

// is reports whether the certificate is the one named.
func (r recipient) is(c *x509.Certificate) bool {
	if r.serial != nil {
		return r.serial.Cmp(c.SerialNumber) == 0 && bytes.Equal(r.issuer, c.RawIssuer)
	}
	return bytes.Equal(r.keyID, c.SubjectKeyId)
}

func errEnvelope() error {
	return fault.New(fault.Invalid, "scep_envelope", "the content of the message is not an EnvelopedData in DER with one recipient, whose key is encrypted by RSA (PKCS #1) and the content by AES-128 or AES-256 in CBC; GetCACaps says AES")
}

// parseEnvelope reads
//
//	ContentInfo ::= SEQUENCE { contentType id-envelopedData, content [0] EXPLICIT SEQUENCE {
//	  version                INTEGER,               -- 0 or 2
//	  recipientInfos         SET OF RecipientInfo,  -- here: one
//	  encryptedContentInfo   SEQUENCE {
//	    contentType                 id-data,
//	    contentEncryptionAlgorithm  SEQUENCE { aes128-CBC or aes256-CBC, OCTET STRING },
//	    encryptedContent [0]        IMPLICIT OCTET STRING } } }
//	KeyTransRecipientInfo ::= SEQUENCE {
//	  version                INTEGER,               -- 0 or 2, by rid
//	  rid                    IssuerAndSerialNumber or [0] SubjectKeyIdentifier,
//	  keyEncryptionAlgorithm SEQUENCE { rsaEncryption, NULL },
//	  encryptedKey           OCTET STRING }
//
// (RFC 5652 section 6).
func parseEnvelope(raw []byte) (e envelope, err error) {
	input := cryptobyte.String(raw)
	var info, content, data, recipients, encrypted, alg, iv, body cryptobyte.String
	var kind, inner, cipherID asn1.ObjectIdentifier
	var version int
	if !input.ReadASN1(&info, der.SEQUENCE) || !input.Empty() ||
		!info.ReadASN1ObjectIdentifier(&kind) || !kind.Equal(oidEnvelopedData) ||
		!info.ReadASN1(&content, tag0) || !info.Empty() ||
		!content.ReadASN1(&data, der.SEQUENCE) || !content.Empty() ||
		!data.ReadASN1Integer(&version) || version != 0 && version != 2 ||
		!data.ReadASN1(&recipients, der.SET) ||
		!data.ReadASN1(&encrypted, der.SEQUENCE) || !data.Empty() ||
		!encrypted.ReadASN1ObjectIdentifier(&inner) || !inner.Equal(oidData) ||
		!encrypted.ReadASN1(&alg, der.SEQUENCE) ||
		!encrypted.ReadASN1(&body, keyIDTag) || !encrypted.Empty() ||
		!alg.ReadASN1ObjectIdentifier(&cipherID) ||
		!alg.ReadASN1(&iv, der.OCTET_STRING) || !alg.Empty() ||
		len(iv) != aes.BlockSize || len(body) == 0 || len(body)%aes.BlockSize != 0 {
		return e, errEnvelope()
	}
	switch {
	case cipherID.Equal(oidAES128):
		e.keySize = 16
	case cipherID.Equal(oidAES256):
		e.keySize = 32
	default:
		return e, errEnvelope()
	}
	e.iv, e.encrypted = iv, body
	if e.to, e.key, err = parseRecipient(recipients); err != nil {
		return envelope{}, err
	}
	return e, nil
}

// parseRecipient returns the one recipient and the key encrypted to it.
func parseRecipient(recipients cryptobyte.String) (to recipient, encrypted []byte, err error) {
	var one, rid, issuer, alg, key cryptobyte.String
	var version int
	var how asn1.ObjectIdentifier
	if !recipients.ReadASN1(&one, der.SEQUENCE) || !recipients.Empty() || !one.ReadASN1Integer(&version) ||
		!(version == 0 && one.ReadASN1(&rid, der.SEQUENCE) || version == 2 && one.ReadASN1(&rid, keyIDTag)) ||
		!one.ReadASN1(&alg, der.SEQUENCE) || !one.ReadASN1(&key, der.OCTET_STRING) || !one.Empty() ||
		!alg.ReadASN1ObjectIdentifier(&how) || !how.Equal(oidRSA) || !alg.SkipOptionalASN1(der.NULL) || !alg.Empty() {
		return to, nil, errEnvelope()
	}
	if version == 2 {
		return recipient{keyID: rid}, key, nil
	}
	to.serial = new(big.Int)
	if !rid.ReadASN1Element(&issuer, der.SEQUENCE) || !rid.ReadASN1Integer(to.serial) || !rid.Empty() {
		return to, nil, errEnvelope()
	}
	to.issuer = issuer
	return to, key, nil
}

// open decrypts the content; false if that cannot be. A key that does not come
// out of the padding of RSA is replaced by a random one (RFC 3218 section
// 2.3.2), so that neither the answer nor its time tells whether it did.
func (e envelope) open(key crypto.Decrypter) ([]byte, bool) {
	//lint:ignore SA1019 RFC 8894 knows no other; SessionKeyLen is the way that tells nothing
	contentKey, err := key.Decrypt(rand.Reader, e.key, &rsa.PKCS1v15DecryptOptions{SessionKeyLen: e.keySize})
	if err != nil || len(contentKey) != e.keySize {
		return nil, false // not as long as our modulus
	}
	block, err := aes.NewCipher(contentKey)
	if err != nil {
		return nil, false
	}
	plain := make([]byte, len(e.encrypted))
	cipher.NewCBCDecrypter(block, e.iv).CryptBlocks(plain, e.encrypted)
	return unpad(plain)
}

// unpad takes the padding off (RFC 5652 section 6.3): n octets of n.
func unpad(b []byte) ([]byte, bool) {
	n := int(b[len(b)-1])
	ok := subtle.ConstantTimeLessOrEq(1, n) & subtle.ConstantTimeLessOrEq(n, aes.BlockSize)
	for i := 1; i <= aes.BlockSize; i++ {
		in := subtle.ConstantTimeLessOrEq(i, n)
		ok &= subtle.ConstantTimeSelect(in, subtle.ConstantTimeByteEq(b[len(b)-i], byte(n)), 1)
	}
	if ok != 1 {
		return nil, false
	}
	return b[:len(b)-n], true
}

// sealTo encrypts to the key of a certificate, by AES-128 in CBC, which every
// client of RFC 8894 knows.
func sealTo(to *x509.Certificate, key *rsa.PublicKey, plain []byte) ([]byte, error) {
	contentKey, iv := make([]byte, 16), make([]byte, aes.BlockSize)
	rand.Read(contentKey) // never fails (crypto/rand)
	rand.Read(iv)
	//lint:ignore SA1019 RFC 8894 knows no other
	wrapped, err := rsa.EncryptPKCS1v15(rand.Reader, key, contentKey)
	if err != nil {
		return nil, fmt.Errorf("encrypt to the client: %w", err)
	}
	block, err := aes.NewCipher(contentKey)
	if err != nil {
		return nil, fmt.Errorf("encrypt to the client: %w", err)
	}
	n := aes.BlockSize - len(plain)%aes.BlockSize
	padded := append([]byte{}, plain...)
	for range n {
		padded = append(padded, byte(n))
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(padded, padded)
	return writeEnvelope(to, wrapped, iv, padded)
}

// writeEnvelope writes what parseEnvelope reads.
func writeEnvelope(to *x509.Certificate, key, iv, encrypted []byte) ([]byte, error) {
	var b cryptobyte.Builder
	seq := func(b *cryptobyte.Builder, f func(*cryptobyte.Builder)) { b.AddASN1(der.SEQUENCE, f) }
	seq(&b, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidEnvelopedData)
		b.AddASN1(tag0, func(b *cryptobyte.Builder) {
			seq(b, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(0)
				b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
					seq(b, func(b *cryptobyte.Builder) { addRecipient(b, to, key) })
				})
				seq(b, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidData)
					seq(b, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(oidAES128)
						b.AddASN1OctetString(iv)
					})
					b.AddASN1(keyIDTag, func(b *cryptobyte.Builder) { b.AddBytes(encrypted) })
				})
			})
		})
	})
	out, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("write EnvelopedData: %w", err)
	}
	return out, nil
}

// addRecipient adds the inside of a KeyTransRecipientInfo of version 0.
func addRecipient(b *cryptobyte.Builder, to *x509.Certificate, key []byte) {
	b.AddASN1Int64(0)
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(to.RawIssuer)
		b.AddASN1BigInt(to.SerialNumber)
	})
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidRSA)
		b.AddASN1NULL()
	})
	b.AddASN1OctetString(key)
}

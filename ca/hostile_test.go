package ca_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
)

// request is a PKCS #10 request put together by hand: each part is DER and
// may be wrong, the signature over them is right.
type request struct {
	version, subject, spki, attributes, algorithm []byte
	info                                          func([]byte) []byte // changes the signed part before it is signed
}

func wrap(tag asn1.Tag, parts ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) {
		for _, p := range parts {
			b.AddBytes(p)
		}
	})
	return b.BytesOrPanic()
}

var (
	attributesTag = asn1.Tag(0).ContextSpecific().Constructed()
	ecdsaSHA256   = []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02}
	rsaSHA256     = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b}
	ecPublicKey   = []byte{0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01}
	curveP256     = []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}
	rsaEncryption = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01}
	null          = []byte{5, 0}
)

// sign returns the request signed by key; nil parts are as they should be.
func (r request) sign(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	or := func(b, otherwise []byte) []byte {
		if b == nil {
			return otherwise
		}
		return b
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	info := wrap(asn1.SEQUENCE, or(r.version, []byte{2, 1, 0}), or(r.subject, wrap(asn1.SEQUENCE)), or(r.spki, spki), or(r.attributes, wrap(attributesTag)))
	if r.info != nil {
		info = r.info(info)
	}
	sum := sha256.Sum256(info)
	signature, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	algorithm := wrap(asn1.SEQUENCE, ecdsaSHA256)
	if _, ok := key.(*rsa.PrivateKey); ok {
		algorithm = wrap(asn1.SEQUENCE, rsaSHA256, null)
	}
	return wrap(asn1.SEQUENCE, info, or(r.algorithm, algorithm), wrap(asn1.BIT_STRING, []byte{0}, signature))
}

// ecInfo is a SubjectPublicKeyInfo of an EC key with the given bits of the point.
func ecInfo(bits ...byte) []byte {
	return wrap(asn1.SEQUENCE, wrap(asn1.SEQUENCE, ecPublicKey, curveP256), wrap(asn1.BIT_STRING, []byte{0}, bits))
}

func point(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	b, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseCSRRefusesWhatIsNotOneEncoding(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	bits := point(t, key)
	compressed := elliptic.MarshalCompressed(elliptic.P256(), key.X, key.Y)
	off := bytes.Clone(bits)
	off[len(off)-1] ^= 1
	huge := wrap(asn1.INTEGER, append([]byte{1}, make([]byte, 4000)...))
	attribute := wrap(asn1.SEQUENCE, []byte{0x06, 0x03, 0x2a, 0x03, 0x04}, wrap(asn1.SET, null))
	indefinite := func(info []byte) []byte {
		body := info[2:]
		if info[1] >= 0x80 {
			body = info[2+int(info[1]&0x7f):]
		}
		return append(append([]byte{0x30, 0x80}, body...), 0, 0)
	}
	rsa := rsaKey(t, 2048)
	rsaInfo := func(e []byte, more ...byte) []byte {
		n := wrap(asn1.INTEGER, append([]byte{0}, rsa.N.Bytes()...))
		return wrap(asn1.SEQUENCE, wrap(asn1.SEQUENCE, rsaEncryption, null), wrap(asn1.BIT_STRING, []byte{0}, wrap(asn1.SEQUENCE, n, e, more)))
	}
	e65537 := []byte{2, 3, 1, 0, 1}
	for _, test := range []struct {
		name string
		der  []byte
		code string
	}{
		{"a request made by hand is good", request{}.sign(t, key), ""},
		{"attributes that are left out are no harm", request{attributes: []byte{}}.sign(t, key), ""},
		{"an attribute twice is not read", request{attributes: wrap(attributesTag, attribute, attribute)}.sign(t, key), ""},
		{"a subject of nonsense is not read", request{subject: wrap(asn1.SEQUENCE, []byte{0xde, 0xad})}.sign(t, key), ""},
		{"NULL parameters of the signature's algorithm are no harm", request{algorithm: wrap(asn1.SEQUENCE, ecdsaSHA256, null)}.sign(t, key), ""},
		{"other parameters of the signature's algorithm are refused", request{algorithm: wrap(asn1.SEQUENCE, ecdsaSHA256, wrap(asn1.SEQUENCE))}.sign(t, key), "csr_malformed"},
		{"version 1 is refused", request{version: []byte{2, 1, 1}}.sign(t, key), "csr_malformed"},
		{"version -1 is refused", request{version: []byte{2, 1, 0xff}}.sign(t, key), "csr_malformed"},
		{"a version of 4000 octets is refused", request{version: huge}.sign(t, key), "csr_malformed"},
		{"a version padded with zeros is refused", request{version: []byte{2, 2, 0, 0}}.sign(t, key), "csr_malformed"},
		{"two sets of attributes are refused", request{attributes: append(wrap(attributesTag), wrap(attributesTag)...)}.sign(t, key), "csr_malformed"},
		{"primitive attributes are refused", request{attributes: []byte{0x80, 0}}.sign(t, key), "csr_malformed"},
		{"an indefinite length is refused", request{info: indefinite}.sign(t, key), "csr_malformed"},
		{"bytes behind the DER are refused", append(request{}.sign(t, key), 0), "csr_trailing_bytes"},
		{"the uncompressed point is good", request{spki: ecInfo(bits...)}.sign(t, key), ""},
		{"a compressed point is refused", request{spki: ecInfo(compressed...)}.sign(t, key), "csr_key_unsupported"},
		{"the point at infinity is refused", request{spki: ecInfo(0)}.sign(t, key), "csr_key_unsupported"},
		{"a point beside the curve is refused", request{spki: ecInfo(off...)}.sign(t, key), "csr_key_unsupported"},
		{"a point of zeros is refused", request{spki: ecInfo(append([]byte{4}, make([]byte, 64)...)...)}.sign(t, key), "csr_key_unsupported"},
		{"a hybrid point is refused", request{spki: ecInfo(append([]byte{6 | bits[64]&1}, bits[1:]...)...)}.sign(t, key), "csr_key_unsupported"},
		{"an algorithm of the key with a part too many is refused",
			request{spki: wrap(asn1.SEQUENCE, wrap(asn1.SEQUENCE, ecPublicKey, curveP256, null), wrap(asn1.BIT_STRING, []byte{0}, bits))}.sign(t, key), "csr_key_unsupported"},
		{"a key with a part too many is refused",
			request{spki: wrap(asn1.SEQUENCE, wrap(asn1.SEQUENCE, ecPublicKey, curveP256), wrap(asn1.BIT_STRING, []byte{0}, bits), null)}.sign(t, key), "csr_key_unsupported"},
		{"an RSA key made by hand is good", request{spki: rsaInfo(e65537)}.sign(t, rsa), ""},
		{"an RSA key with a part too many is refused", request{spki: rsaInfo(e65537, null...)}.sign(t, rsa), "csr_key_unsupported"},
		{"an RSA exponent of 1 is refused", request{spki: rsaInfo([]byte{2, 1, 1})}.sign(t, rsa), "csr_key_weak"},
		{"an RSA exponent of 3 is refused", request{spki: rsaInfo([]byte{2, 1, 3})}.sign(t, rsa), "csr_key_weak"},
		{"an RSA exponent of 33 bits is refused", request{spki: rsaInfo([]byte{2, 5, 1, 0, 0, 0, 1})}.sign(t, rsa), "csr_key_weak"},
		{"a negative RSA exponent is refused", request{spki: rsaInfo([]byte{2, 1, 0xff})}.sign(t, rsa), "csr_key_unsupported"},
		{"an RSA exponent of 100 octets is refused", request{spki: rsaInfo(wrap(asn1.INTEGER, bytes.Repeat([]byte{1}, 100)))}.sign(t, rsa), "csr_key_unsupported"},
		{"an RSA key under an ECDSA algorithm is refused", request{algorithm: wrap(asn1.SEQUENCE, ecdsaSHA256)}.sign(t, rsa), "csr_possession_unproven"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ca.ParseCSR(test.der)
			if got := fault.Code(err); got != test.code || err != nil && got == "" {
				t.Errorf("code %q (%v), want %q", got, err, test.code)
			}
		})
	}
}

// squareKey signs with an RSA modulus that is a prime squared.
func squareKey(t testing.TB) closeKey {
	t.Helper()
	for {
		p, err := rand.Prime(rand.Reader, 1024)
		if err != nil {
			t.Fatal(err)
		}
		phi := new(big.Int).Mul(p, new(big.Int).Sub(p, big.NewInt(1)))
		if d := new(big.Int).ModInverse(big.NewInt(65537), phi); d != nil {
			return closeKey{rsa.PublicKey{N: new(big.Int).Mul(p, p), E: 65537}, d}
		}
	}
}

func TestParseCSRRefusesAPrimeSquared(t *testing.T) {
	if _, err := ca.ParseCSR(csrDER(t, squareKey(t), emptyRequest)); fault.Code(err) != "csr_key_weak" {
		t.Errorf("a modulus p*p: %v", err)
	}
}

func TestParseCSRReadsOnePEMBlockAndNothingElse(t *testing.T) {
	der := csrDER(t, ecKey(t, elliptic.P256()), emptyRequest)
	block := string(asPEM("CERTIFICATE REQUEST", der))
	body := block[len("-----BEGIN CERTIFICATE REQUEST-----\n"):]
	for _, test := range []struct {
		name, text, code string
	}{
		{"Microsoft's name of the block is good", string(asPEM("NEW CERTIFICATE REQUEST", der)), ""},
		{"white space around the block is no harm", "\r\n \t" + block + "\n\n", ""},
		{"line ends of Windows are no harm", string(bytes.ReplaceAll([]byte(block), []byte("\n"), []byte("\r\n"))), ""},
		{"headers inside are not read", "-----BEGIN CERTIFICATE REQUEST-----\nComment: mine\n\n" + body, ""},
		{"text before the block is refused", "Certificate Request:\n" + block, "csr_malformed"},
		{"a broken block before it is refused", "-----BEGIN CERTIFICATE REQUEST-----\n!\n" + block, "csr_malformed"},
		{"another whole block before it is refused", string(asPEM("CERTIFICATE", der)) + block, "csr_malformed"},
		{"a private key is refused", string(asPEM("PRIVATE KEY", der)), "csr_malformed"},
		{"an empty block is refused", "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n", "csr_malformed"},
		{"a block without its end is refused", block[:len(block)-10], "csr_malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := ca.ParseCSR([]byte(test.text)); fault.Code(err) != test.code || err != nil && fault.Code(err) == "" {
				t.Errorf("code %q (%v), want %q", fault.Code(err), err, test.code)
			}
		})
	}
}

// TestOneKeyInTwoEncodingsIsOneKey: were the second encoding another key to
// us, the rule that a key belongs to one subject would be void.
func TestOneKeyInTwoEncodingsIsOneKey(t *testing.T) {
	f := catest.New(t, nil)
	key := ecKey(t, elliptic.P256())
	first, err := ca.ParseCSR(csrDER(t, key, emptyRequest))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Issue(t.Context(), tlsOrder("first", first)); err != nil {
		t.Fatal(err)
	}
	padded := wrap(asn1.SEQUENCE, wrap(asn1.SEQUENCE, ecPublicKey, curveP256, null), wrap(asn1.BIT_STRING, []byte{0}, point(t, key)))
	second, err := ca.ParseCSR(request{spki: padded}.sign(t, key))
	if err != nil {
		return // refused at the door
	}
	o := tlsOrder("second", second)
	o.Service.CommonName = "other"
	if _, err := f.Issue(t.Context(), o); fault.Code(err) != "key_in_use" {
		t.Errorf("the key of another subject, written otherwise: %v", err)
	}
}

package scep

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca/signature"
	"mohr/internal/fault"
)

// Bounds of a message, in octets. A request for an RSA-4096 key with a chain
// stays well below the first.
const (
	maxMessage     = 64 << 10
	maxTransaction = 128
	nonceSize      = 16 // RFC 8894 section 3.2.1.5
)

// kind is a messageType (RFC 8894 section 3.2.1.2).
type kind string

const (
	certRep    kind = "3"
	renewalReq kind = "17"
	pkcsReq    kind = "19"
	certPoll   kind = "20"
	getCert    kind = "21"
)

// message is a pkiMessage whose signature holds under the key of its signer.
type message struct {
	kind        kind
	transaction string
	nonce       []byte // senderNonce
	signer      *x509.Certificate
	envelope    []byte // pkcsPKIEnvelope, as sent
	raw         []byte
}

func errMalformed() error {
	return fault.New(fault.Invalid, "scep_malformed", "this is not a SCEP message in DER with messageType, transactionID and a senderNonce of 16 octets, signed with SHA-256 by the certificate in it")
}

// parse reads a pkiMessage (RFC 8894 section 3.2): a SignedData whose signed
// attributes say what it is. Who signed is not asked yet.
func parse(raw []byte) (message, error) {
	if len(raw) > maxMessage {
		return message{}, errMalformed()
	}
	signed, err := signature.OpenMessage(raw)
	if err != nil {
		return message{}, err
	}
	m := message{signer: signed.Signer, envelope: signed.Content, raw: raw}
	what, ok1 := printable(signed.Attribute(oidMessageType))
	transaction, ok2 := printable(signed.Attribute(oidTransactionID))
	nonce, ok3 := octets(signed.Attribute(oidSenderNonce))
	if !ok1 || !ok2 || !ok3 || transaction == "" || len(transaction) > maxTransaction || len(nonce) != nonceSize {
		return message{}, errMalformed()
	}
	m.kind, m.transaction, m.nonce = kind(what), transaction, nonce
	return m, nil
}

// printable reads one PrintableString and nothing else.
func printable(value []byte) (string, bool) {
	var s string
	rest, err := asn1.UnmarshalWithParams(value, &s, "printable")
	if err != nil || len(rest) > 0 || len(value) == 0 || der.Tag(value[0]) != der.PrintableString {
		return "", false
	}
	return s, true
}

// octets reads one OCTET STRING and nothing else.
func octets(value []byte) ([]byte, bool) {
	input, out := cryptobyte.String(value), cryptobyte.String(nil)
	ok := input.ReadASN1(&out, der.OCTET_STRING) && input.Empty()
	return out, ok
}

// key returns the signer's key: what the answer is encrypted to. Its size is
// that of keys we certify.
func (m message) key() (*rsa.PublicKey, error) {
	k, ok := m.signer.PublicKey.(*rsa.PublicKey)
	if !ok || k.N.BitLen() < 2048 || k.N.BitLen() > 4096 {
		return nil, fault.New(fault.Invalid, "scep_key", "SCEP encrypts its answers to the client's key, which must be RSA of 2048 to 4096 bits for that; for other keys use EST or CMP")
	}
	return k, nil
}

// selfSigned reports whether the signer's key signed its certificate.
func (m message) selfSigned() bool {
	c := m.signer
	return c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// row names the transaction in the store: its id and whose it is, so that
// nobody takes another's.
func (m message) row() string {
	sum := sha256.Sum256([]byte(m.transaction))
	who := sha256.Sum256(m.signer.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(who[:16]) + "/" + hex.EncodeToString(sum[:16])
}

package signature

import (
	"crypto/x509"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// Attribute is a signed attribute of a protocol, beside those of CMS itself.
type Attribute struct {
	Type  asn1.ObjectIdentifier
	Value []byte // DER of what is in its SET: one value
}

// Message is a protocol's message in a CMS SignedData whose signature holds
// under the certificate in it, whoever issued that. It proves that the sender
// has the key, and nothing else: whose certificate it is, is for the protocol
// to ask.
type Message struct {
	Content []byte // empty where there is none
	Signer  *x509.Certificate
	other   []Attribute
}

// OpenMessage reads a message in DER with one signer, whose signed attributes
// are content-type and message-digest at least, and checks its signature:
// SHA-256, SHA-384 or SHA-512 with ECDSA or RSA. Unlike CMS it wants no
// signing-certificate-v2, which protocols from before CAdES do not know; stricter
// than CMS, what no signature covers must say the one thing it can.
func OpenMessage(raw []byte) (Message, error) {
	c, err := parseCMS(raw)
	if err != nil {
		return Message{}, err
	}
	digests := cryptobyte.String(c.digests)
	var digest cryptobyte.String
	if c.version != 1 || !digests.ReadASN1(&digest, der.SEQUENCE) || !digests.Empty() {
		return Message{}, errCMSMalformed()
	}
	if hash, ok := parseHash(digest); !ok || hash != c.signer.scheme.hash {
		return Message{}, errCMSAlgorithm()
	}
	leaf := c.find()
	if leaf == nil {
		return Message{}, errCMS("cms_certificate_missing", "the CMS does not hold the signer's certificate; sign without -nocerts")
	}
	return Message{Content: c.content, Signer: leaf, other: c.signer.attrs.others}, c.holds(leaf)
}

// Attribute returns the DER of what is in the SET of a signed attribute; nil
// if it is not there.
func (m Message) Attribute(kind asn1.ObjectIdentifier) []byte {
	for _, a := range m.other {
		if a.Type.Equal(kind) {
			return a.Value
		}
	}
	return nil
}

// Message returns content in a SignedData with the attributes of a protocol;
// nil content leaves it out. RSA is named as in RFC 3370, which every client of
// old protocols knows.
func (s Signer) Message(content []byte, attributes ...Attribute) ([]byte, error) {
	return s.signCMS(content, content == nil, true, attributes)
}

package document

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"mohr/ca/document/suite"
)

// Formats of signatures.
const (
	CAdES = "CAdES" // ETSI EN 319 122-1
	JAdES = "JAdES" // ETSI TS 119 182-1
	PAdES = "PAdES" // ETSI EN 319 142-1
)

// Proof is all that is known about the signatures of one document.
type Proof struct {
	Signatures []Signature
	Roots      []*x509.Certificate // whom the judge believes
	Known      Values              // what came from elsewhere than the document
}

// Values are certificates and what was said of their revocation. None of them
// is believed before its signature was checked.
type Values struct {
	Certificates []*x509.Certificate
	CRLs         [][]byte // DER of CertificateList (RFC 5280 section 5)
	OCSPs        [][]byte // DER of OCSPResponse (RFC 6960 section 4.2.1)
}

// With returns both, each once.
func (v Values) With(more Values) Values {
	return Values{
		Certificates: joined(v.Certificates, more.Certificates, (*x509.Certificate).Equal),
		CRLs:         joined(v.CRLs, more.CRLs, bytes.Equal),
		OCSPs:        joined(v.OCSPs, more.OCSPs, bytes.Equal),
	}
}

// joined returns the elements of both lists, each once.
func joined[T any](a, b []T, equal func(T, T) bool) []T {
	out := slices.Clone(a)
	for _, e := range b {
		if !slices.ContainsFunc(out, func(have T) bool { return equal(have, e) }) {
			out = append(out, e)
		}
	}
	return out
}

// Signature is one signature as a reader found it, well-formed and not believed.
type Signature struct {
	Format    string
	Algorithm suite.Algorithm // zero: not known here
	Input     []byte          // what Value is over
	Value     []byte          // in DER where it is ECDSA
	// Stated is the digest of the document, under Hash, as the signer signed
	// it; nil: the document itself is part of Input. Digest is the document's
	// own; nil: the document is not there.
	Hash           crypto.Hash
	Stated, Digest []byte
	// Signer is the certificate of the signature; nil: it is not there. Bound
	// says that what is signed names this very certificate.
	Signer      *x509.Certificate
	Bound       bool
	ClaimedTime time.Time // zero: not said
	MIME        string    // "": not said
	// Unfit says why this is no signature of a document, though well-formed.
	Unfit string
	// Stamps are time-stamp tokens over Stamped, ContentStamps tokens in the
	// signed part over Content: before these were made, there was no signature.
	Stamps        [][]byte
	Stamped       []byte
	ContentStamps [][]byte
	Content       Content
	Carried       Values
	Archives      []Archive // oldest first
}

// Archive is a time-stamp token over a signature and over all that was carried
// with it by then: they were there before it was made.
type Archive struct {
	Token   []byte
	Imprint func(crypto.Hash) []byte // the digest of what it is over
	Carried Values                   // by then
}

// Content is a document, or what is known of it. The zero Content is one that
// is not there.
type Content struct {
	bytes []byte
	sums  map[crypto.Hash][]byte
}

// Bytes is a document that is there, if only as no octets at all.
func Bytes(b []byte) Content {
	if b == nil {
		b = []byte{}
	}
	return Content{bytes: b}
}

// SHA256 is a document of which nothing but a digest is known.
func SHA256(sum []byte) Content { return Content{sums: map[crypto.Hash][]byte{crypto.SHA256: sum}} }

// Digest returns the digest; nil if it is not known.
func (c Content) Digest(h crypto.Hash) []byte {
	if c.bytes != nil {
		return suite.Digest(h, c.bytes)
	}
	return c.sums[h]
}

// Bytes returns the octets; nil if they are not there.
func (c Content) Bytes() []byte { return c.bytes }

// There reports whether anything is known of the document.
func (c Content) There() bool { return c.bytes != nil || c.sums != nil }

// maxStatement bounds what is looked at as a statement, octets; the reader of
// statements takes no longer ones.
const maxStatement = 64 << 10

// Statement reports whether the document is a statement to this service (a
// renewal, a badge request): those are signed to be acted on, once, and are no
// documents to be shown around.
func (c Content) Statement() bool {
	var kind struct {
		Type string `json:"type"`
	}
	text := bytes.TrimSpace(c.bytes)
	if len(text) == 0 || len(text) > maxStatement || text[0] != '{' || json.Unmarshal(text, &kind) != nil {
		return false
	}
	name, version, ok := strings.Cut(kind.Type, "/")
	return ok && version != "" && strings.HasPrefix(name, "mohr-")
}

// Stamper makes time stamps. Stamp returns a TimeStampResp (RFC 3161 section
// 2.4.2) over a SHA-256 digest.
type Stamper interface {
	Stamp(ctx context.Context, digest []byte) ([]byte, error)
}

// Source says what is known of the revocation of the certificates of a chain,
// the end entity's first; a root need not be in it. Whoever makes a signature
// that is to last asks it after the time stamp was made.
type Source interface {
	Values(ctx context.Context, chain []*x509.Certificate) (Values, error)
}

package jades

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"mohr/ca/document"
	"mohr/ca/document/suite"
)

// Read takes a JWS apart into the signatures of its signers. beside is the
// document where it is not the payload. What is not well-formed is Invalid;
// nothing else is judged here.
func Read(raw []byte, beside document.Content) ([]document.Signature, error) {
	m, err := parse(raw)
	if err != nil {
		return nil, err
	}
	var list []document.Signature
	for _, p := range m.Signatures {
		s, err := p.described(m.Payload, beside)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// described says what the judge needs of a signature.
func (p part) described(payload *string, beside document.Content) (document.Signature, error) {
	s := document.Signature{Format: document.JAdES, Stamped: []byte(p.Signature)}
	h, err := p.header()
	if err != nil {
		return s, err
	}
	value, ok := decode(p.Signature)
	if !ok || len(value) == 0 {
		return s, errMalformed("a signature value that is not in base64url")
	}
	s.MIME, s.Unfit = h.Cty, h.unfit()
	if s.ClaimedTime, err = h.time(); err != nil {
		return s, err
	}
	s.Stamps, s.Carried = p.unsigned()
	if err := h.signer(&s); err != nil {
		return s, err
	}
	if err := h.content(p, &s, payload, beside); err != nil {
		return s, err
	}
	if s.Unfit == "" && s.Content.Statement() {
		s.Unfit = "what is signed is a statement to this service, which is no document"
	}
	if s.Signer != nil {
		s.Algorithm, s.Value = suite.FromJOSE(h.Alg, s.Signer.PublicKey), suite.FromRaw(s.Signer.PublicKey, value)
	}
	return s, nil
}

// unfit says why the header is not that of a document's signature, "" if it is.
func (h header) unfit() string {
	typ, _ := strings.CutPrefix(strings.ToLower(h.Typ), "application/")
	if typ != "" && typ != "jose" && typ != "jose+json" {
		return "the typ of the signature is that of something else than a document"
	}
	// RFC 7515 section 4.1.11: what is critical must be understood, and there.
	known := map[string]bool{"b64": h.B64 != nil, "sigD": h.SigD != nil, "sigT": h.SigT != "", "iat": h.IAT != nil, "x5t#S256": h.X5TS256 != ""}
	for n, name := range h.Crit {
		if n == maxCriticals || !known[name] || slices.Contains(h.Crit[:n], name) {
			return "the signature has a critical header that is not understood here"
		}
	}
	if h.B64 != nil && !*h.B64 && !slices.Contains(h.Crit, "b64") { // RFC 7797 section 6
		return "the signature leaves its payload unencoded and does not say so critically"
	}
	return ""
}

// time is what the signer claims: iat, or sigT of older editions.
func (h header) time() (time.Time, error) {
	const last = 253402300799 // the year 9999
	switch {
	case h.IAT != nil && (*h.IAT <= 0 || *h.IAT > last):
		return time.Time{}, errMalformed("a signing time that is none")
	case h.IAT != nil:
		return time.Unix(*h.IAT, 0).UTC(), nil
	case h.SigT != "":
		t, err := time.Parse("2006-01-02T15:04:05Z", h.SigT)
		if err != nil {
			return t, errMalformed("a signing time that is none")
		}
		return t, nil
	}
	return time.Time{}, nil
}

// signer finds the certificate: the first of x5c, which is signed itself, or
// the one that x5t#S256 names among those that came along unsigned.
func (h header) signer(s *document.Signature) error {
	if len(h.X5C) > maxChain {
		return errMalformed("too long a chain of certificates")
	}
	for n, text := range h.X5C {
		raw, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return errMalformed("a certificate that is not in base64")
		}
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			return errMalformed("a certificate that is none")
		}
		if n == 0 {
			s.Signer, s.Bound = c, h.X5TS256 == "" || h.X5TS256 == thumbprint(c)
		}
		s.Carried.Certificates = append(s.Carried.Certificates, c)
	}
	if s.Signer == nil && h.X5TS256 != "" {
		for _, c := range s.Carried.Certificates {
			if h.X5TS256 == thumbprint(c) {
				s.Signer, s.Bound = c, true
			}
		}
	}
	return nil
}

func thumbprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// content settles what is signed and what the value is over (RFC 7515 section
// 5.2, RFC 7797 section 3): the payload, the document beside it as if it were
// the payload (RFC 7515 appendix F), or its digest in sigD, with no payload.
func (h header) content(p part, s *document.Signature, payload *string, beside document.Content) error {
	plain := h.B64 != nil && !*h.B64
	input := []byte(p.Protected + ".")
	s.Content = beside
	switch {
	case h.SigD != nil:
		if payload != nil && *payload != "" {
			return errMalformed("a payload beside a reference to the document")
		}
		s.Input = input
		return h.SigD.digest(s, plain, beside)
	case payload != nil && *payload != "":
		inside := []byte(*payload)
		if !plain {
			var ok bool
			if inside, ok = decode(*payload); !ok {
				return errMalformed("a payload that is not in base64url")
			}
		}
		if b := beside.Bytes(); b != nil && !bytes.Equal(b, inside) && s.Unfit == "" {
			s.Unfit = "the signature holds another document than the one beside it"
		}
		s.Content = document.Bytes(inside)
		s.Input = append(input, *payload...)
	case beside.Bytes() == nil:
		// The document is needed whole: a digest that is not there says so.
		s.Hash, s.Stated, s.Input = crypto.SHA256, []byte{}, input
	case plain:
		s.Input = append(input, beside.Bytes()...)
	default:
		s.Input = base64.RawURLEncoding.AppendEncode(input, beside.Bytes())
	}
	return nil
}

// hashes are the names of digests (ETSI TS 119 182-1 section 5.2.8.3.3).
var hashes = map[string]crypto.Hash{"S256": crypto.SHA256, "S384": crypto.SHA384, "S512": crypto.SHA512}

// digest reads a reference to one object by its digest, which is of its octets
// where b64 is false, else of their base64url.
func (d *sigD) digest(s *document.Signature, plain bool, beside document.Content) error {
	if d.Mechanism != byHash || len(d.Digests) != 1 || len(d.Names) != 1 || hashes[d.Hash] == 0 {
		return errMalformed("a reference to something else than one document by its digest")
	}
	var ok bool
	if s.Stated, ok = decode(d.Digests[0]); !ok || len(s.Stated) == 0 {
		return errMalformed("a digest that is not in base64url")
	}
	s.Hash = hashes[d.Hash]
	if len(d.Types) == 1 {
		s.MIME = d.Types[0]
	}
	switch {
	case plain:
		s.Digest = beside.Digest(s.Hash)
	case beside.Bytes() != nil:
		s.Digest = suite.Digest(s.Hash, []byte(base64.RawURLEncoding.EncodeToString(beside.Bytes())))
	}
	return nil
}

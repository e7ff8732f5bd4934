package badge

import (
	"bytes"
	"context"

	"mohr/ca/signature"
	"mohr/internal/fault"
)

// maxRequest bounds a request as received, in octets: a chain of a few
// certificates and a small payload.
const maxRequest = 64 << 10

// Letter is a signed request as it arrives: a JWS, compact or flattened, a CMS
// in DER or PEM, whose content may come beside it, or a signed PDF that carries
// the request.
type Letter struct {
	Signed   []byte
	Document []byte // what a detached CMS signs; nil where it is inside
}

// isCMS tells the two forms apart. A SEQUENCE begins with 0x30, "0" in ASCII;
// a JWS begins with "{", or with "e", the base64url of it.
func isCMS(signed []byte) bool {
	return bytes.HasPrefix(signed, []byte{0x30}) || bytes.HasPrefix(signed, []byte("-----BEGIN "))
}

func isPDF(signed []byte) bool { return bytes.HasPrefix(signed, []byte("%PDF-")) }

// trimmed drops blanks around text; DER is no text, and a PDF is signed to its
// last octet.
func (l Letter) trimmed() Letter {
	if !bytes.HasPrefix(l.Signed, []byte{0x30}) && !isPDF(l.Signed) {
		l.Signed = bytes.TrimSpace(l.Signed)
	}
	return l
}

// detached puts a detached CMS and its document together.
func detached(cms, document []byte) (Letter, error) {
	if !isCMS(cms) || len(document) == 0 {
		return Letter{}, fault.New(fault.Invalid, "badge_detached_malformed", "cms is no CMS, or document is empty; send both in base64, as openssl cms -sign -cades -binary made and read them")
	}
	return Letter{Signed: cms, Document: document}, nil
}

// verify checks size, signature and chain.
func (l Letter) verify(ctx context.Context, v *signature.Verifier) (signature.Signed, error) {
	if len(l.Signed)+len(l.Document) > maxRequest {
		return signature.Signed{}, fault.New(fault.Invalid, "badge_request_too_large", "a badge request has at most %d octets; send the JWS, CMS or PDF alone", maxRequest)
	}
	if isCMS(l.Signed) {
		return v.CMS(ctx, l.Signed, l.Document)
	}
	if l.Document != nil {
		return signature.Signed{}, fault.New(fault.Invalid, "badge_document_beside_jws", "a JWS or PDF holds what it signs; send a document only beside a detached CMS")
	}
	if isPDF(l.Signed) {
		return v.PDF(ctx, l.Signed)
	}
	return v.JWS(ctx, l.Signed, RequestType)
}

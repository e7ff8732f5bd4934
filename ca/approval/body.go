package approval

import "mohr/internal/fault"

// Body is a signed statement as the API takes it.
type Body struct {
	JWS      string `json:"jws,omitempty" doc:"compact; or cms"`
	CMS      []byte `json:"cms,omitempty" doc:"DER or PEM, in base64"`
	Document []byte `json:"document,omitempty" doc:"what the CMS was made over, where that is not inside; base64"`
}

// Signed returns the statement; Invalid unless the body holds exactly one.
func (b Body) Signed() (Signed, error) {
	if (b.JWS == "") == (len(b.CMS) == 0) || b.JWS != "" && len(b.Document) > 0 {
		return Signed{}, fault.New(fault.Invalid, "statement_missing", "send the signed statement as jws, or as cms with its document")
	}
	if b.JWS != "" {
		return Signed{Signature: []byte(b.JWS)}, nil
	}
	return Signed{Signature: b.CMS, Document: b.Document}, nil
}

// Package anyform reads the signatures of a file, whatever their format.
package anyform

import (
	"bytes"

	"mohr/ca/document"
	"mohr/ca/document/cades"
	"mohr/ca/document/jades"
	"mohr/ca/document/pades"
)

// Read takes a file with signatures apart by the reader of its format, which
// its first octets tell. beside is the document where it is not inside: a PDF
// carries its own and speaks of no other. What is not well-formed is Invalid.
func Read(raw []byte, beside document.Content) ([]document.Signature, error) {
	if pades.Is(raw) && !beside.There() {
		return pades.Read(raw)
	}
	text := bytes.TrimSpace(raw)
	if bytes.HasPrefix(text, []byte("{")) || bytes.HasPrefix(text, []byte("eyJ")) { // "eyJ" is a JSON object in base64
		return jades.Read(raw, beside)
	}
	return cades.Read(raw, beside)
}

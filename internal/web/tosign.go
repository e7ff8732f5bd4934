package web

import (
	"encoding/base64"
	"html/template"
)

// ToSign is a statement that a page has signed. Its part
// {{template "sign-elsewhere" ($.ToSign .Data.Elsewhere)}} takes it to the key
// as a file, and what comes of it is put into a form; "sign-here" is that and,
// before it, a button for each key of this browser (statements.js).
type ToSign struct {
	Document  []byte // the bytes that are signed elsewhere; nil: that is not shown
	Challenge string // JSON, for a key of this browser: type, aud, nonce
	More      string // JSON, for the same: what the statement says beside its claims
	Action    string // address that takes what comes of it, in the field statement
	Fields    []Hidden
}

// Hidden is a field that comes with a form unseen.
type Hidden struct{ Name, Value string }

// toSign is a ToSign with the view that shows it.
type toSign struct {
	View
	ToSign
}

// ToSign is for the part "sign-elsewhere".
func (v View) ToSign(s ToSign) toSign { return toSign{v, s} }

// Text is the document as the page shows it.
func (s toSign) Text() string { return string(s.Document) }

// File is the document as an address that a browser saves. It is base64, so
// that nothing in it can end the attribute.
func (s toSign) File() template.URL {
	return template.URL("data:application/json;base64," + base64.StdEncoding.EncodeToString(s.Document))
}

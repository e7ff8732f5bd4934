package web

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mohr/internal/fault"
)

// read is a huma.Context whose body has been read.
type read struct {
	humaContext
	body []byte
}

type humaContext = huma.Context

// BodyReader returns the body from its beginning.
func (r *read) BodyReader() io.Reader { return bytes.NewReader(r.body) }

// SetReadDeadline does nothing: the body is here, and a deadline left on the
// connection would cancel a handler that takes longer.
func (r *read) SetReadDeadline(time.Time) error { return nil }

// Unwrap lets humaecho find the echo context.
func (r *read) Unwrap() huma.Context { return r.humaContext }

// read returns the body of r within the limit, of a media type that is
// taken, and, for a JSON body, strict JSON that fits the names of the type.
func (sh shape) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, sh.limit))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, err
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "request_malformed", "the request could not be read; check its syntax")
	}
	if len(body) == 0 {
		if sh.raw || sh.body != nil && sh.body.Kind() == reflect.Struct {
			return nil, fault.New(fault.Invalid, "body_missing", "the request has no body; see /openapi.json for what it takes")
		}
		return nil, nil
	}
	if err := sh.checkMedia(r.Header.Get("Content-Type")); err != nil {
		return nil, err
	}
	if sh.body != nil {
		return body, checkJSON(body, sh.body)
	}
	return body, nil
}

// checkMedia refuses a media type that the operation does not take. None
// stated is taken for the only one there is (RFC 9110, 8.3).
func (sh shape) checkMedia(contentType string) error {
	if len(sh.accepts) == 0 || contentType == "" && len(sh.accepts) == 1 {
		return nil
	}
	mt, _, err := mime.ParseMediaType(contentType)
	if err != nil || !slices.Contains(sh.accepts, mt) {
		return fault.New(fault.Invalid, "media_type_unsupported",
			"this takes %[1]s; set Content-Type", strings.Join(sh.accepts, ", "))
	}
	return nil
}

// checkJSON refuses, by codes of their own, what is not one JSON value with
// unique names all of which t has. Whether the values fit is huma's to say.
func checkJSON(body []byte, t reflect.Type) error {
	var dup *jsontext.SyntacticError
	err := json.Unmarshal(body, reflect.New(t).Interface(), json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	var semantic *json.SemanticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &dup):
		return fault.New(fault.Invalid, "json_duplicate_key", "the name %[1]s is there twice; send it once", pointer(dup.JSONPointer))
	case errors.Is(err, json.ErrUnknownName) && errors.As(err, &semantic):
		return fault.New(fault.Invalid, "json_unknown_field", "there is no field %[1]s here; see /openapi.json", pointer(semantic.JSONPointer))
	}
	// A value of the wrong type ends Unmarshal early: what comes after it has
	// not been looked at yet.
	if syntax := jsontext.Value(body); !syntax.IsValid() {
		return syntaxFault(body)
	}
	return nil
}

// syntaxFault tells names twice from all other faults of syntax.
func syntaxFault(body []byte) error {
	var v any
	err := json.Unmarshal(body, &v)
	syntax := (*jsontext.SyntacticError)(nil)
	if errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntax) {
		return fault.New(fault.Invalid, "json_duplicate_key", "the name %[1]s is there twice; send it once", pointer(syntax.JSONPointer))
	}
	at := int64(len(body))
	if errors.As(err, &syntax) {
		at = syntax.ByteOffset
	}
	return fault.New(fault.Invalid, "json_malformed", "the body is not one JSON value, see octet %[1]d", at)
}

// pointer shortens a JSON pointer that the sender chose.
func pointer(p jsontext.Pointer) string {
	const most = 100
	if len(p) > most {
		return strings.ToValidUTF8(string(p[:most]), "") + "…"
	}
	return string(p)
}

// decodeJSON is how bodies are decoded for the handler.
func decodeJSON(data []byte, v any) error {
	return json.Unmarshal(data, v, json.RejectUnknownMembers(true))
}

// encodeJSON is how answers are encoded: names sorted in maps, empty arrays
// and not null, as the schemas promise.
func encodeJSON(w io.Writer, v any) error {
	return json.MarshalWrite(w, v, json.Deterministic(true))
}

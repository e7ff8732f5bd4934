package web

import (
	"bytes"
	"context"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
)

// Operation describes one JSON operation of /api/v1.
type Operation struct {
	Method  string // "GET", "POST"
	Path    string // below /api/v1, huma syntax: "/applications/{id}"
	ID      string // operationId: "create-application"
	Summary string // one English line
	Tag     string // the room: "enroll"
	Status  int    // of success; 0 means 200
	MaxBody int64  // octets; 0 means 64 KiB

	Accepts  []string // media types of a RawBody; nil: its contentType tag, or any
	Produces string   // media type of a []byte Body; "" means application/octet-stream
	Bearer   bool     // takes a bearer token: who shows one has refusals kept for him

	// Repeatable says that fn gives the same answer to the same request by
	// itself: nothing is kept under its Idempotency-Key.
	Repeatable bool

	// Before, if not nil, is asked before the body is read or a kept answer
	// looked up; what it refuses costs no more than its headers. fn asks again
	// for all that depends on the body.
	Before func(context.Context) error
}

// Handle registers fn under /api/v1. in follows huma's struct tags (path,
// query, header, Body, RawBody). Faults become problem+json in the reader's
// language; every POST honours Idempotency-Key.
//
// A Body is strict JSON (RFC 8259; I-JSON of RFC 7493 for names): names twice,
// names that the type does not have, and anything after the value are refused.
// Which members must be there is huma's rule: all without omitempty or
// omitzero. A RawBody is what was sent and fn's to keep.
func Handle[I, O any](s *Server, op Operation, fn func(ctx context.Context, in *I) (*O, error)) {
	if op.MaxBody == 0 {
		op.MaxBody = 64 << 10
	}
	if op.Status == 0 {
		op.Status = http.StatusOK
	}
	shape := shapeOf(reflect.TypeFor[I](), op)
	huma.Register(s.API, s.document(op, shape, reflect.TypeFor[O]()), func(ctx context.Context, in *I) (*O, error) {
		shape.own(in)
		out, err := fn(ctx, in)
		if err != nil {
			p := s.face.problem(ctx, Lang(ctx), err)
			s.face.logError(ctx, op.Path, p.Status, err)
			return nil, p
		}
		return out, nil
	})
	forgetModel(s.API.OpenAPI().Components.Schemas)
}

// shape is what Handle must know about an input type.
type shape struct {
	body    reflect.Type // of Body, nil if there is none
	raw     bool         // RawBody []byte
	accepts []string     // media types, empty: any
	limit   int64
}

func shapeOf(in reflect.Type, op Operation) shape {
	sh := shape{limit: op.MaxBody}
	if f, ok := in.FieldByName("Body"); ok {
		sh.body, sh.accepts = f.Type, []string{"application/json"}
	}
	if f, ok := in.FieldByName("RawBody"); ok && f.Type == reflect.TypeFor[[]byte]() {
		sh.raw = true
		if ct := f.Tag.Get("contentType"); ct != "" && sh.body == nil {
			sh.accepts = []string{ct}
		}
	}
	if len(op.Accepts) > 0 {
		sh.accepts = op.Accepts
	}
	return sh
}

// own gives the handler its own copy of a raw body: huma's buffer goes back
// to a pool when the handler returns.
func (sh shape) own(in any) {
	if sh.raw {
		f := reflect.ValueOf(in).Elem().FieldByName("RawBody")
		f.SetBytes(bytes.Clone(f.Bytes()))
	}
}

// document makes the OpenAPI side of op and hangs our checks before huma's.
func (s *Server) document(op Operation, sh shape, out reflect.Type) huma.Operation {
	problem := &huma.Response{Description: "A problem (RFC 9457)", Content: map[string]*huma.MediaType{
		"application/problem+json": {Schema: s.API.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")},
	}}
	done := &huma.Response{Description: http.StatusText(op.Status)}
	if f, ok := out.FieldByName("Body"); ok && f.Type == reflect.TypeFor[[]byte]() {
		if op.Produces == "" {
			op.Produces = "application/octet-stream"
		}
		done.Content = map[string]*huma.MediaType{op.Produces: {Schema: &huma.Schema{Type: "string", Format: "binary"}}}
	}
	h := huma.Operation{
		OperationID: op.ID, Method: op.Method, Path: op.Path, Summary: op.Summary, Tags: []string{op.Tag},
		DefaultStatus:    op.Status,
		MaxBodyBytes:     -1, // bounded by intake already
		SkipValidateBody: sh.body == nil,
		Responses:        map[string]*huma.Response{strconv.Itoa(op.Status): done, "default": problem},
		Middlewares:      huma.Middlewares{s.intake(op, sh)},
	}
	if op.Method == http.MethodPost {
		longest := maxKey
		h.Parameters = []*huma.Param{{Name: keyHeader, In: "header",
			Description: "the same key with the same body gives the same answer for 24 hours",
			Schema:      &huma.Schema{Type: "string", MaxLength: &longest}}}
	}
	if op.Bearer {
		h.Security = []map[string][]string{{"token": {}}}
	}
	if sh.body == nil && len(sh.accepts) > 0 {
		h.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
		for _, ct := range sh.accepts {
			h.RequestBody.Content[ct] = &huma.MediaType{Schema: &huma.Schema{Type: "string", Format: "binary"}}
		}
	}
	return h
}

// intake asks op.Before, reads and checks the body, and answers from what was
// kept under the request's Idempotency-Key, before huma sees the request.
func (s *Server) intake(op Operation, sh shape) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		c := humaecho.Unwrap(ctx)
		var body []byte
		var err error
		if op.Before != nil {
			err = op.Before(c.Request().Context())
		}
		if err == nil {
			body, err = sh.read(c.Response(), c.Request())
		}
		if err == nil {
			run := func() {
				if op.Produces != "" {
					c.Response().Header().Set("Content-Type", op.Produces)
				}
				next(&read{humaContext: ctx, body: body})
			}
			err = s.answers.once(c, body, op, run)
		}
		if err != nil {
			s.face.handleError(err, c)
		}
	}
}

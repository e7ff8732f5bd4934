package csc

import (
	"context"
	"io"
	"mime"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
	"mohr/internal/web"
)

// maxBody bounds what is sent, octets: an assertion, or some hashes.
const maxBody = 64 << 10

// receive reads JSON strictly: a form of another site cannot have this type.
func receive[T any](c echo.Context) (in T, err error) {
	if kind, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType)); err != nil || kind != echo.MIMEApplicationJSON {
		return in, errMedia()
	}
	b, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxBody))
	if err != nil {
		return in, errMedia()
	}
	return readJSON[T](b)
}

// readJSON reads one object, no member unknown or twice.
func readJSON[T any](b []byte) (in T, err error) {
	if json.Unmarshal(b, &in, json.RejectUnknownMembers(true)) != nil {
		err = errMedia()
	}
	return in, err
}

// api makes a handler of a method that takes a token and an object.
func api[In, Out any](method func(context.Context, string, In) (Out, error)) func(echo.Context) (any, error) {
	return func(c echo.Context) (any, error) {
		ctx := c.Request().Context()
		bearer, err := web.Bearer(ctx)
		if err != nil {
			return nil, fault.New(fault.Denied, "csc_token_missing", "this needs an access token of oauth2/token; send it as Authorization: Bearer TOKEN")
		}
		in, err := receive[In](c)
		if err != nil {
			return nil, err
		}
		return method(ctx, bearer, in)
	}
}

// answer writes what a handler returns as JSON, nothing as 204, and errors in
// the form of the API.
func (d *Desk) answer(h func(echo.Context) (any, error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx := c.Request().Context()
		err := d.Gate.Pass(ctx)
		var out any
		if err == nil {
			out, err = h(c)
		}
		switch {
		case err == nil && out == nil:
			return c.NoContent(http.StatusNoContent)
		case err == nil:
			b, err := json.Marshal(out, json.Deterministic(true))
			if err != nil {
				return err
			}
			return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, b)
		}
		w := inWire(err)
		if w.status >= http.StatusInternalServerError {
			d.Log.ErrorContext(ctx, "request of software ended in an internal error", "request", web.RequestID(ctx), "route", c.Path(), "error", err)
		}
		for name, value := range w.headers(c.Request()) {
			c.Response().Header().Set(name, value)
		}
		return c.JSON(w.status, w)
	}
}

// wire is an error as clients see it (CSC API v2 section 10, RFC 6749 section
// 5.2, RFC 6750 section 3.1).
type wire struct {
	status      int
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// kinds gives status and error for faults that codes does not know better.
var kinds = map[fault.Kind]wire{
	fault.Invalid:     {status: http.StatusBadRequest, Error: "invalid_request"},
	fault.Denied:      {status: http.StatusBadRequest, Error: "access_denied"},
	fault.NotFound:    {status: http.StatusBadRequest, Error: "invalid_request"},
	fault.Conflict:    {status: http.StatusBadRequest, Error: "invalid_request"},
	fault.Limited:     {status: http.StatusTooManyRequests, Error: "temporarily_unavailable"},
	fault.Unavailable: {status: http.StatusServiceUnavailable, Error: "temporarily_unavailable"},
}

// codes gives status and error of single faults.
var codes = map[string]wire{
	"csc_client":        {status: http.StatusUnauthorized, Error: "invalid_client"},
	"csc_grant":         {status: http.StatusBadRequest, Error: "invalid_grant"},
	"csc_grant_type":    {status: http.StatusBadRequest, Error: "unsupported_grant_type"},
	"csc_hash":          {status: http.StatusBadRequest, Error: "invalid_request"},
	"csc_response_type": {status: http.StatusBadRequest, Error: "unsupported_response_type"},
	"csc_scope":         {status: http.StatusForbidden, Error: "insufficient_scope"},
	"csc_scope_unknown": {status: http.StatusBadRequest, Error: "invalid_scope"},
	"csc_token":         {status: http.StatusUnauthorized, Error: "invalid_token"},
	"csc_token_missing": {status: http.StatusUnauthorized, Error: "invalid_token"},
}

// inWire is the one way from an error to what a client is told.
func inWire(err error) wire {
	f, ok := fault.Of(err)
	if !ok {
		return wire{http.StatusInternalServerError, "server_error", "something went wrong on our side and was logged; try again"}
	}
	w, ok := codes[f.Code()]
	if !ok {
		w = kinds[f.Kind()]
	}
	w.Description = f.Error()
	return w
}

// headers are those that the status owes.
func (w wire) headers(r *http.Request) map[string]string {
	switch {
	case w.Error == "invalid_client":
		return map[string]string{"WWW-Authenticate": `Basic realm="csc"`}
	case w.status == http.StatusUnauthorized && r.Header.Get("Authorization") == "":
		return map[string]string{"WWW-Authenticate": "Bearer"}
	case w.status == http.StatusUnauthorized || w.status == http.StatusForbidden:
		return map[string]string{"WWW-Authenticate": `Bearer error="` + w.Error + `"`}
	case w.status == http.StatusTooManyRequests || w.status == http.StatusServiceUnavailable:
		return map[string]string{"Retry-After": "10"}
	}
	return nil
}

package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
	"mohr/internal/i18n"
)

// errInternal stands for every error that is not a fault: its text stays in the log.
func errInternal() error {
	return fault.New("internal", "internal",
		"something went wrong on our side and was logged; try again, and quote the request's number if it stays")
}

// asFault is the one way from any error to what the caller is told.
func asFault(err error) *fault.Fault {
	if f, ok := fault.Of(err); ok {
		return f
	}
	var tooLarge *http.MaxBytesError
	var he *echo.HTTPError
	switch {
	case errors.As(err, &tooLarge):
		err = errTooLarge(tooLarge.Limit)
	case errors.Is(err, context.DeadlineExceeded):
		err = fault.New(fault.Unavailable, "request_timeout", "this took too long and was given up; try again")
	case errors.As(err, &he):
		err = fromEcho(he)
	default:
		err = errInternal()
	}
	f, _ := fault.Of(err)
	return f
}

func errTooLarge(limit int64) error {
	return fault.New(fault.Invalid, "body_too_large", "the body is larger than %[1]d octets; send less", limit)
}

// fromEcho maps what the router itself refuses.
func fromEcho(he *echo.HTTPError) error {
	switch he.Code {
	case http.StatusNotFound:
		return fault.New(fault.NotFound, "route_unknown", "there is nothing at this address; check it")
	case http.StatusMethodNotAllowed:
		return fault.New(fault.Invalid, "method_not_allowed", "this address does not take this method; see /openapi.json")
	case http.StatusRequestEntityTooLarge:
		return fault.New(fault.Invalid, "body_too_large", "the body is too large; send less")
	case http.StatusUnsupportedMediaType:
		return fault.New(fault.Invalid, "media_type_unsupported", "this media type is not taken here")
	case http.StatusBadRequest:
		return fault.New(fault.Invalid, "request_malformed", "the request could not be read; check its syntax")
	case http.StatusServiceUnavailable:
		return fault.New(fault.Unavailable, "request_timeout", "this took too long and was given up; try again")
	}
	return errInternal()
}

// statusOf is the map from faults to HTTP status (RFC 9110, section 15). A
// few codes say more precisely than their kind what is wrong with the message.
func statusOf(f *fault.Fault) int {
	switch f.Code() {
	case "json_malformed", "json_duplicate_key", "request_malformed", "body_missing":
		return http.StatusBadRequest
	case "token_missing", "token_invalid", "secret_missing", "secret_wrong":
		return http.StatusUnauthorized
	case "method_not_allowed":
		return http.StatusMethodNotAllowed
	case "body_too_large":
		return http.StatusRequestEntityTooLarge
	case "media_type_unsupported":
		return http.StatusUnsupportedMediaType
	case "est_not_offered":
		return http.StatusNotImplemented
	}
	switch f.Kind() {
	case fault.Invalid:
		return http.StatusUnprocessableEntity
	case fault.Denied:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Limited:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// extraHeaders returns the headers that a status owes (RFC 9110, 10.2.3 and
// 11.6.1; RFC 6585, section 4).
func extraHeaders(status int, code string) http.Header {
	h := http.Header{}
	switch {
	case status == http.StatusUnauthorized && code == "token_invalid":
		h.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	case status == http.StatusUnauthorized && (code == "secret_missing" || code == "secret_wrong"):
		h.Set("WWW-Authenticate", `Basic realm="application", charset="UTF-8"`) // RFC 7617
	case status == http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case status == http.StatusTooManyRequests:
		h.Set("Retry-After", "60")
	case status == http.StatusServiceUnavailable:
		h.Set("Retry-After", "10")
	case code == "idempotency_in_progress":
		h.Set("Retry-After", "1")
	}
	return h
}

// handleError answers err: a page for who asked for HTML, a problem for
// programs. What is on the wire already stays.
func (f *face) handleError(err error, c echo.Context) {
	ctx := c.Request().Context()
	q := of(ctx)
	lang := q.lang
	if !q.stated && !wantsPage(c.Request()) {
		lang = i18n.English // a program that stated no language
	}
	p := f.problem(ctx, lang, err)
	f.logError(ctx, c.Path(), p.Status, err)
	if c.Response().Committed {
		return
	}
	if wantsPage(c.Request()) {
		if f.errorPage(c, p) == nil {
			return
		}
	}
	f.writeProblem(c, p)
}

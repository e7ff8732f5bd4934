package web

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
)

// Form returns the fields of a form that was sent as
// application/x-www-form-urlencoded. Unlike echo's FormValue it reports a
// body that is too large or malformed.
func Form(c echo.Context) (url.Values, error) {
	r := c.Request()
	if err := r.ParseForm(); err != nil {
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			return nil, err
		}
		return nil, fault.New(fault.Invalid, "request_malformed", "the request could not be read; check its syntax")
	}
	return r.PostForm, nil
}

// FormError is what a form page shows above the form it shows again:
// {{template "form-error" .Data.Error}}.
type FormError struct {
	Status int    // to answer with
	Code   string // the fault's
	Text   string // in the reader's language
}

// FormFault returns what to tell the reader of a form about err, or nil if
// err is not the reader's to mend: then the handler returns err itself.
func FormFault(c echo.Context, err error) *FormError {
	f, ok := c.Echo().Renderer.(*face)
	ft, known := fault.Of(err)
	if !ok || !known || ft.Kind() == fault.NotFound {
		return nil
	}
	ctx := c.Request().Context()
	p := f.problem(ctx, Lang(ctx), err)
	f.logError(ctx, c.Path(), p.Status, err)
	return &FormError{Status: p.Status, Code: p.Code, Text: p.Detail}
}

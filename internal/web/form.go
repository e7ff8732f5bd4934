package web

import (
	"errors"
	"io"
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

// Upload returns the fields of a form that was sent as multipart/form-data, and
// the one file in the field: of one that is larger than limit, an octet more
// than that; nil where there is none, an empty one or several. What the file is
// called, and of what kind the browser says it is, is not looked at. A form
// that cannot be read is malformed, the caller's own word for it.
func Upload(c echo.Context, field string, limit int64, malformed error) (fields url.Values, file []byte, err error) {
	form, err := c.MultipartForm()
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, malformed
	}
	defer form.RemoveAll()
	files := form.File[field]
	if len(files) != 1 || files[0].Size == 0 {
		return form.Value, nil, nil
	}
	f, err := files[0].Open()
	if err != nil {
		return form.Value, nil, err
	}
	defer f.Close()
	file, err = io.ReadAll(io.LimitReader(f, limit+1))
	return form.Value, file, err
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

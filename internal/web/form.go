package web

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"

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

// Fields says to which field of a form a fault belongs: the fault's code leads
// to the field's id. Under "" stands the field of every other fault that the
// reader can mend there: of a form with one field, that one.
type Fields map[string]string

// of returns the id of the field that f is about, "" if of none.
func (m Fields) of(f *fault.Fault) string {
	if id := m[f.Code()]; id != "" {
		return id
	}
	if f.Kind() == fault.Invalid || f.Kind() == fault.Denied {
		return m[""]
	}
	return ""
}

// FormError is what a form page shows above the form it shows again:
// {{template "form-error" .Data.Error}}. Beside the fields it shows itself
// (fields.go), and in the title.
type FormError struct {
	Status int    // to answer with
	Code   string // the first fault's
	Text   string // the first fault's, in the reader's language
	Title  string // above the list
	List   []Wrong
}

// Wrong is one thing to mend.
type Wrong struct {
	Field string // id of the field, "" if it is about none
	Text  string // in the reader's language
}

// at returns what is wrong with the field, "" if nothing is.
func (e *FormError) at(id string) string {
	if e != nil {
		for _, w := range e.List {
			if w.Field == id {
				return w.Text
			}
		}
	}
	return ""
}

// formErrorKey is where the error of a request's form is for the page's view.
const formErrorKey = "mohr.form-error"

// FormFault returns what to tell the reader of a form about err, or nil if
// err is not the reader's to mend: then the handler returns err itself. Of
// several faults that are joined in err it tells all.
func FormFault(c echo.Context, err error, fields ...Fields) *FormError {
	f, ok := c.Echo().Renderer.(*face)
	ft, known := fault.Of(err)
	if !ok || !known || ft.Kind() == fault.NotFound {
		return nil
	}
	ctx := c.Request().Context()
	p := f.problem(ctx, Lang(ctx), err)
	f.logError(ctx, c.Path(), p.Status, err)
	e := &FormError{Status: p.Status, Code: p.Code, Text: p.Detail, Title: f.texts.Text(Lang(ctx), "web.form.wrong")}
	fault.Each(err, func(id string, ft *fault.Fault) {
		w := Wrong{Field: id, Text: f.texts.Fault(Lang(ctx), ft)}
		for _, m := range fields {
			if w.Field == "" {
				w.Field = m.of(ft)
			}
		}
		if !slices.Contains(e.List, w) {
			e.List = append(e.List, w)
		}
	})
	c.Set(formErrorKey, e)
	return e
}

// FormText is FormFault for what is no fault: a text of the catalogue, about
// the field of this id.
func FormText(c echo.Context, status int, field, key string) *FormError {
	text := Text(c, key)
	e := &FormError{Status: status, Code: key, Text: text, Title: Text(c, "web.form.wrong"), List: []Wrong{{field, text}}}
	c.Set(formErrorKey, e)
	return e
}

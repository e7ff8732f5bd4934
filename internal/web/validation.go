package web

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"mohr/internal/fault"
	"mohr/internal/i18n"
)

// translate turns what huma found wrong with a request into a Problem. Values
// are not repeated: they may be personal.
func (s *Server) translate(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	std := ctx.Context()
	lang := Lang(std)
	err := errInternal()
	var fields []FieldProblem
	if m.Status < http.StatusInternalServerError {
		for _, d := range m.Errors {
			fields = append(fields, FieldProblem{Field: shorten(d.Location), Text: s.face.validationText(lang, d.Message)})
		}
		err = invalid(lang, fields)
	}
	p := s.face.problem(std, lang, err)
	p.Status, p.Errors = m.Status, fields
	for k, vs := range p.GetHeaders() {
		ctx.SetHeader(k, vs[0])
	}
	return p, nil
}

// invalid names the first wrong field; the problem lists all.
func invalid(lang string, fields []FieldProblem) error {
	if len(fields) == 0 {
		return fault.New(fault.Invalid, "request_malformed", "the request could not be read; check its syntax")
	}
	return fault.New(fault.Invalid, "request_invalid", "%[1]s: %[2]s", fields[0].Field, fields[0].Text)
}

func shorten(s string) string {
	const most = 100
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// validationText says huma's English message in lang. Messages end in the
// expected value, if they have one; those that are not in the table become a
// general text in Persian, because half a Persian sentence helps nobody.
func (f *face) validationText(lang, message string) string {
	if lang != i18n.Persian {
		return shorten(message)
	}
	table := [...]struct{ prefix, key string }{
		{"expected required property", "web.invalid.required"},
		{"required ", "web.invalid.missing"},
		{"unexpected property", "web.invalid.unexpected"},
		{"expected length >= ", "web.invalid.short"},
		{"expected length <= ", "web.invalid.long"},
		{"expected array length >= ", "web.invalid.few"},
		{"expected array length <= ", "web.invalid.many"},
		{"expected number >= ", "web.invalid.least"},
		{"expected number <= ", "web.invalid.most"},
		{"expected value to be one of ", "web.invalid.choice"},
		{"expected string to match pattern", "web.invalid.pattern"},
		{"expected string to be base64", "web.invalid.base64"},
		{"expected string to be RFC 3339 date", "web.invalid.date"},
		{"expected string", "web.invalid.string"},
		{"expected boolean", "web.invalid.boolean"},
		{"expected number", "web.invalid.number"},
		{"expected integer", "web.invalid.number"},
		{"invalid integer", "web.invalid.number"},
		{"expected array", "web.invalid.array"},
		{"expected object", "web.invalid.object"},
	}
	for _, row := range table {
		if rest, ok := strings.CutPrefix(message, row.prefix); ok {
			rest = strings.TrimSuffix(rest, " to be present") // of a property: its name only
			return f.texts.Text(lang, row.key, i18n.Digits(lang, shorten(strings.TrimSpace(rest))))
		}
	}
	return f.texts.Text(lang, "web.invalid.other")
}

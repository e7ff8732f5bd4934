package web_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
	"mohr/internal/web"
)

// fieldPage is a page with every kind of field.
const fieldPage = `{{define "title"}}{{.T "room.title"}}{{end}}{{define "main"}}{{template "form-error" .Data}}<form method="post">
<input type="hidden" id="kept" name="kept" value="1">
<label for="plain">1</label><input id="plain" name="plain" value="{{if gt 2 1}}a>b{{end}}">
<label for="hinted">2</label><input id="hinted" aria-describedby="hint" name="hinted"><small id="hint">h</small>
<label for="list">3</label><select id="list" name="list"><option>a</option></select>
<label for="words">4</label><textarea id="words" name="words" required></textarea>
{{with "own"}}{{$.FieldFault .}}<input id="{{.}}" {{$.FieldState .}}>{{end}}
</form>{{end}}{{define "other"}}<input id="apart">{{end}}`

func fieldRoom(t *testing.T, fields web.Fields, wrong error) *room {
	r := newRoom(t, func(c *web.Config) {
		c.Pages = append(c.Pages, fs.FS(fstest.MapFS{"pages/fields.html": {Data: []byte(fieldPage)}}))
	})
	r.Echo.GET("/fields", func(c echo.Context) error {
		if wrong == nil {
			return web.Page(c, 200, "fields", (*web.FormError)(nil))
		}
		e := web.FormFault(c, wrong, fields)
		if e == nil {
			return wrong
		}
		return web.Page(c, e.Status, "fields", e)
	})
	return r
}

func TestEveryFieldTellsWhatIsWrongWithIt(t *testing.T) {
	bad := func(code string) error { return fault.New(fault.Invalid, code, "%[1]s <is> wrong", code) }
	for _, c := range []struct {
		name   string
		err    error
		fields web.Fields
		want   []string
		not    []string
	}{
		{"a page without a fault says nothing", nil, nil, []string{`<title>A &lt;room&gt;`, `<input  id="plain" name="plain" value="a>b">`}, []string{"aria-invalid", "_error", "errors-title"}},
		{"a fault of a field", bad("plain_bad"), web.Fields{"plain_bad": "plain"}, []string{
			`<title>Error: A &lt;room&gt;`, `<a href="#plain">plain_bad &lt;is&gt; wrong</a>`, `autofocus`, `role="alert"`,
			`id="plain_error"><span class="hidden">Error:</span> plain_bad &lt;is&gt; wrong</strong><input aria-invalid="true" aria-describedby="plain_error" id="plain"`,
		}, []string{`id="hinted_error"`}},
		{"beside a hint", bad("x"), web.Fields{"": "hinted"}, []string{`aria-describedby="hint hinted_error"`, `aria-invalid="true"`}, nil},
		{"of a list", bad("x"), web.Fields{"x": "list"}, []string{`<select aria-invalid="true" aria-describedby="list_error" id="list"`}, nil},
		{"of a text", bad("x"), web.Fields{"x": "words"}, []string{`<textarea aria-invalid="true" aria-describedby="words_error" id="words"`}, nil},
		{"of a field that the page itself tells of", bad("x"), web.Fields{"x": "own"}, []string{`id="own_error"`, `<input id="own" aria-invalid="true" aria-describedby="own_error">`}, nil},
		{"several at once, each once", errors.Join(bad("a"), nil, fmt.Errorf("more: %w", fault.At("words", bad("b"))), bad("a")), web.Fields{"a": "plain"},
			[]string{`<a href="#plain">a`, `<a href="#words">b`, `id="plain_error"`, `id="words_error"`}, nil},
		{"a field that is not on the page is no link", bad("x"), web.Fields{"x": "gone"}, []string{"x &lt;is&gt; wrong"}, []string{`href="#gone"`}},
		{"what is hidden is no field", bad("x"), web.Fields{"x": "kept"}, []string{"x &lt;is&gt; wrong"}, []string{"kept_error"}},
		{"what no field can mend", fault.New(fault.Conflict, "x", "over"), web.Fields{"": "plain"}, []string{"<title>Error: ", "over"}, []string{"#plain", "aria-invalid"}},
		{"what is not the reader's", errors.New("secret"), web.Fields{"": "plain"}, nil, []string{"secret", "aria-invalid"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := fieldRoom(t, c.fields, c.err).call("GET", "/fields?lang=en", "").Body.String()
			for _, want := range c.want {
				if !strings.Contains(body, want) {
					t.Errorf("no %s in %s", want, body)
				}
			}
			for _, not := range c.not {
				if strings.Contains(body, not) {
					t.Errorf("%s in %s", not, body)
				}
			}
			if n := strings.Count(body, `href="#plain"`); n > 1 {
				t.Errorf("said %d times", n)
			}
		})
	}
	fa := fieldRoom(t, web.Fields{"": "plain"}, bad("x")).call("GET", "/fields?lang=fa", "").Body.String()
	if !strings.Contains(fa, "<title>خطا: اتاق") {
		t.Errorf("the Persian title does not begin with the error: %s", fa)
	}
}

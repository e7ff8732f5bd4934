package web

import (
	"bytes"
	"fmt"
	"html/template"
	"regexp"
	"strings"
)

// Every field of a page's forms tells by itself what is wrong with it. A page
// writes <input id="mobile">; here, when the pages are parsed, it gets a place
// for the message before it and the attributes that tie the two together
// (WCAG 3.3.1), so that no page can forget either. It holds for fields of
// {{define "main"}} whose id is written out. A page says it for other ids:
//
//	{{$.FieldFault $id}}<textarea id="{{$id}}" {{$.FieldState $id}}>

// mainPart is the define whose $ is the View.
const mainPart = `{{define "main"}}`

// fieldNames begin a field.
var fieldNames = regexp.MustCompile(`<(input|select|textarea)\b`)

var (
	fieldID     = regexp.MustCompile(`\sid="([A-Za-z0-9_-]+)"`)
	fieldHints  = regexp.MustCompile(`(\saria-describedby="[^"]*)"`)
	fieldHidden = regexp.MustCompile(`\stype="hidden"`)
)

// tellFields returns the page's source with all that its fields need.
func tellFields(source string) string {
	before, main, found := strings.Cut(source, mainPart)
	if !found {
		return source
	}
	after := ""
	if at := strings.Index(main, `{{define "`); at >= 0 {
		main, after = main[:at], main[at:]
	}
	var b strings.Builder
	b.WriteString(before + mainPart)
	for {
		at := fieldNames.FindStringIndex(main)
		if at == nil {
			break
		}
		end := at[0] + tagEnd(main[at[0]:])
		b.WriteString(main[:at[0]])
		b.WriteString(tellField(main[at[0]:end], main[at[0]:at[1]]))
		main = main[end:]
	}
	b.WriteString(main + after)
	return b.String()
}

// tagEnd returns where the tag at the beginning of s ends: at a > that is in
// no value and no action of the template.
func tagEnd(s string) int {
	quoted, action := false, false
	for i := range len(s) {
		switch {
		case strings.HasPrefix(s[i:], "{{"):
			action = true
		case strings.HasPrefix(s[i:], "}}"):
			action = false
		case s[i] == '"' && !action:
			quoted = !quoted
		case s[i] == '>' && !quoted && !action:
			return i
		}
	}
	return len(s)
}

// tellField is one field's tag, up to its >, which begins with name.
func tellField(tag, name string) string {
	m := fieldID.FindStringSubmatch(tag)
	if m == nil || fieldHidden.MatchString(tag) {
		return tag
	}
	state := "FieldState"
	if fieldHints.MatchString(tag) {
		tag, state = fieldHints.ReplaceAllString(tag, fmt.Sprintf(`$1{{$$.FieldHint %q}}"`, m[1])), "FieldInvalid"
	}
	return fmt.Sprintf(`{{$.FieldFault %q}}%s {{$.%s %q}}%s`, m[1], name, state, m[1], tag[len(name):])
}

// errorID is the id of the message beside a field.
func errorID(id string) string { return id + "_error" }

// FieldFault is the message beside the field of this id, nothing if all is well.
func (v View) FieldFault(id string) template.HTML {
	text := v.told.at(id)
	if text == "" {
		return ""
	}
	return template.HTML(fmt.Sprintf(`<strong class="wrong" id="%s"><span class="hidden">%s</span> %s</strong>`,
		template.HTMLEscapeString(errorID(id)), template.HTMLEscapeString(v.T("web.form.error")), template.HTMLEscapeString(text)))
}

// FieldState are the attributes of a field without hints.
func (v View) FieldState(id string) template.HTMLAttr {
	if v.told.at(id) == "" {
		return ""
	}
	return template.HTMLAttr(fmt.Sprintf(`aria-invalid="true" aria-describedby="%s"`, template.HTMLEscapeString(errorID(id))))
}

// FieldInvalid is FieldState of a field that names its hints itself.
func (v View) FieldInvalid(id string) template.HTMLAttr {
	if v.told.at(id) == "" {
		return ""
	}
	return `aria-invalid="true"`
}

// FieldHint is one more id for aria-describedby, after a space.
func (v View) FieldHint(id string) string {
	if v.told.at(id) == "" {
		return ""
	}
	return " " + errorID(id)
}

// Sent is what the reader sent in the field of this name, for a form that is
// shown again; "" on every other page. Not for secrets.
func (v View) Sent(name string) string {
	if v.told == nil {
		return ""
	}
	return v.sent.Get(name)
}

// Wrong reports whether the page shows a form again for what is wrong with it.
func (v View) Wrong() bool { return v.told != nil }

// settle takes links away that lead to no field of the rendered page, and
// reports whether there was one: a step's form may be gone with the step.
func (e *FormError) settle(page []byte) (changed bool) {
	if e == nil {
		return false
	}
	for i, w := range e.List {
		if w.Field != "" && !bytes.Contains(page, []byte(` id="`+w.Field+`"`)) {
			e.List[i].Field, changed = "", true
		}
	}
	return changed
}

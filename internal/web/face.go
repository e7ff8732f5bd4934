package web

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"log/slog"
	"path"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"mohr/internal/i18n"
	"mohr/internal/memo"
	"mohr/internal/web/repository"
)

// Pages are the base layout and the pages of no room: home, error, documents.
//
//go:embed pages/*.html
var Pages embed.FS

// Texts are the texts of those pages and of the faults made in internal/.
//
//go:embed texts.yaml
var Texts []byte

// face is what every answer to a reader needs: texts, pages, and how we look.
// It is immutable once a listener serves and safe for concurrent use.
type face struct {
	log         *slog.Logger
	texts       *i18n.Catalog
	pages       map[string]*template.Template
	portal      string
	documents   *repository.Set
	profiles    []Profile
	authorities func(context.Context) ([]Authority, error)
	hsts        time.Duration
	fixed       []header // of every answer
	simulated   bool
	plain       bool // the plain HTTP listener: no cookies
	kept        *memo.Map[kept, []byte]
	bodies      map[string]int64 // routes with a bound of their own
}

func newFace(c Config, rooms []fs.FS) (*face, error) {
	f := &face{bodies: map[string]int64{}, kept: memo.New[kept, []byte](keptPages), log: c.Log, texts: c.Texts, pages: map[string]*template.Template{},
		portal: c.Portal, documents: c.Documents, profiles: c.Profiles, authorities: c.Authorities, hsts: c.HSTS, fixed: fixedHeaders(), simulated: c.Simulated}
	if f.texts == nil {
		var err error
		if f.texts, err = i18n.Parse(Texts); err != nil {
			return nil, err
		}
	}
	if f.documents == nil {
		var err error
		if f.documents, err = repository.Delivered(); err != nil {
			return nil, err
		}
	}
	if !f.texts.Has(i18n.English, "web.brand") {
		return nil, errors.New("texts of internal/web are not in Config.Texts: parse web.Texts too")
	}
	layout, err := template.ParseFS(Pages, "pages/layout.html")
	if err != nil {
		return nil, fmt.Errorf("parse layout: %w", err)
	}
	var faults []error
	for _, room := range rooms {
		faults = append(faults, f.addPages(layout, room))
	}
	return f, errors.Join(faults...)
}

// addPages parses a room's pages/*.html, each on a layout of its own.
func (f *face) addPages(layout *template.Template, room fs.FS) error {
	files, err := fs.Glob(room, "pages/*.html")
	if err != nil {
		return err
	}
	var faults []error
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "layout" {
			continue
		}
		if f.pages[name] != nil {
			faults = append(faults, fmt.Errorf("page %q is in two rooms", name))
		}
		source, err := fs.ReadFile(room, file)
		if err != nil {
			faults = append(faults, fmt.Errorf("read page %q: %w", name, err))
			continue
		}
		page, err := template.Must(layout.Clone()).Parse(tellFields(string(source)))
		if err != nil {
			faults = append(faults, fmt.Errorf("parse page %q: %w", name, err))
			continue
		}
		for _, part := range []string{"title", "main"} {
			if page.Lookup(part) == nil {
				faults = append(faults, fmt.Errorf("page %q does not define %q", name, part))
			}
		}
		f.pages[name] = page
	}
	return errors.Join(faults...)
}

// Page renders the page with the name of its file ("badge-record" for
// pages/badge-record.html) on the base layout, in the reader's language.
func Page(c echo.Context, status int, name string, data any) error {
	f, ok := c.Echo().Renderer.(*face)
	if !ok {
		return fmt.Errorf("render page %q: not an echo of this package", name)
	}
	var b bytes.Buffer // whole before the first byte goes out: an error is still a 500
	if err := f.Render(&b, name, data, c); err != nil {
		return err
	}
	if told, _ := c.Get(formErrorKey).(*FormError); told.settle(b.Bytes()) {
		b.Reset()
		if err := f.Render(&b, name, data, c); err != nil {
			return err
		}
	}
	return sendPage(c, status, b.Bytes())
}

func sendPage(c echo.Context, status int, page []byte) error {
	h := c.Response().Header()
	h.Set("Content-Language", Lang(c.Request().Context()))
	h.Set("Vary", "Accept-Language, Cookie")
	return c.HTMLBlob(status, page)
}

// KeptPage is Page for a public page that many ask for: rendered once for all
// who are shown the same. The JSON form of data must hold all that the page
// shows of it.
func KeptPage(c echo.Context, status int, name string, data any) error {
	f, ok := c.Echo().Renderer.(*face)
	u := c.Request().URL
	if !ok || len(u.RawQuery) > keptQuery {
		return Page(c, status, name, data)
	}
	shown, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("render page %q: %w", name, err)
	}
	key := kept{name, Lang(c.Request().Context()), u.EscapedPath(), u.RawQuery, string(shown)}
	page, ok := f.kept.Get(key)
	if !ok {
		var b bytes.Buffer
		if err := f.Render(&b, name, data, c); err != nil {
			return err
		}
		page = b.Bytes()
		f.kept.Put(key, page)
	}
	return sendPage(c, status, page)
}

// kept is all that a page is made from, beside what does not change while we serve.
type kept struct {
	name, lang, path, query, data string
}

// Bounds of what KeptPage keeps.
const (
	keptPages = 500
	keptQuery = len("lang=fa") // longer ones are the reader's own inventions
)

// Render implements echo.Renderer.
func (f *face) Render(w io.Writer, name string, data any, c echo.Context) error {
	page := f.pages[name]
	if page == nil {
		return fmt.Errorf("render page %q: there is none", name)
	}
	if err := page.ExecuteTemplate(w, "layout", f.view(c, data)); err != nil {
		return fmt.Errorf("render page %q: %w", name, err)
	}
	return nil
}

func (f *face) view(c echo.Context, data any) View {
	r := c.Request()
	// Two slashes at the beginning of a link would name another host.
	here := "/" + strings.TrimLeft(r.URL.EscapedPath(), "/")
	v := View{Lang: Lang(r.Context()), Dir: "ltr", Path: here, Data: data, face: f, query: r.URL.Query()}
	if v.sent = r.PostForm; r.MultipartForm != nil {
		v.sent = r.MultipartForm.Value
	}
	v.told, _ = c.Get(formErrorKey).(*FormError)
	if v.Lang == i18n.Persian {
		v.Dir = "rtl"
	}
	return v
}

package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"mohr/internal/web/repository"
)

// Profile is a certificate profile and the policies it is issued under now.
type Profile struct {
	Name       string
	PolicyOIDs []string
}

// Authority is a CA of the hierarchy, for who wants its certificate or lists.
type Authority struct {
	Name        string   // "sign-p256"
	Certificate string   // URL of the DER
	SHA256      string   // of it, hex
	CRLs        []string // URLs
}

// Document returns the octets of the version in force of a document:
// "practice", "pds" or "terms" in "fa" or "en". It is NotFound for any other.
func (s *Server) Document(name, lang string) ([]byte, error) {
	p, err := s.face.documents.Find(name, lang, repository.Latest)
	return slices.Clone(p.Text), err
}

// Repository mounts practice statement, disclosure statements and terms at
// /repository/: as pages, and as the text itself with .txt. /repository/pds-en
// is the version in force, /repository/pds-en/latest too, /repository/pds-en/1
// that version for good. It fits the portal's echo and the plain one; the
// disclosure statements' addresses are in certificates (ETSI EN 319 412-5,
// 4.3.4).
func Repository(e *echo.Echo) {
	f, ok := e.Renderer.(*face)
	if !ok {
		panic("web: Repository needs an echo of this package")
	}
	e.GET("/repository/", f.repositoryIndex)
	e.GET("/repository/:document", func(c echo.Context) error {
		document, text := strings.CutSuffix(c.Param("document"), ".txt")
		return f.document(c, document, repository.Latest, text)
	})
	e.GET("/repository/:document/:version", func(c echo.Context) error {
		version, text := strings.CutSuffix(c.Param("version"), ".txt")
		return f.document(c, c.Param("document"), version, text)
	})
}

// versions is a document in a language, on the index.
type versions struct {
	Name, Lang string
	Papers     []repository.Paper // newest first
}

// indexView is the Data of the index.
type indexView struct {
	Documents   []versions
	Authorities []Authority
}

func (f *face) repositoryIndex(c echo.Context) error {
	var v indexView
	for _, name := range repository.Names() {
		for _, lang := range repository.Languages() {
			papers, err := f.documents.Versions(name, lang)
			if err != nil {
				return err
			}
			v.Documents = append(v.Documents, versions{name, lang, papers})
		}
	}
	var err error
	if v.Authorities, err = f.authorities(c.Request().Context()); err != nil {
		return err
	}
	return Page(c, http.StatusOK, "repository", v)
}

func noAuthorities(context.Context) ([]Authority, error) { return nil, nil }

// documentView is the Data of the document page.
type documentView struct {
	repository.Paper
	Dir      string    // of the document; the frame around it is the reader's
	Newest   int       // version
	Profiles []Profile // beside the practice statement in force
	site     string    // where links to other pages lead
}

// Line is a line of the document with its links as they are on this listener:
// the plain one has the repository and none of the portal's other pages.
func (v documentView) Line(spans []repository.Span) []repository.Span {
	spans = slices.Clone(spans)
	for i, s := range spans {
		if strings.HasPrefix(s.Href, "/") && !strings.HasPrefix(s.Href, "/repository/") {
			spans[i].Href = v.site + s.Href
		}
	}
	return spans
}

// Address is where the text of this version is, for good.
func (v documentView) Address() string {
	return "/repository/" + v.Name + "-" + v.Lang + "/" + strconv.Itoa(v.Version)
}

// document answers with a version of "pds-en", as a page or as the text itself.
func (f *face) document(c echo.Context, document, version string, text bool) error {
	name, lang, _ := strings.Cut(document, "-")
	p, err := f.documents.Find(name, lang, version)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "public, max-age=3600")
	if text {
		return c.Blob(http.StatusOK, "text/plain; charset=utf-8", p.Text)
	}
	v := documentView{Paper: p, Dir: "ltr"}
	if f.plain {
		v.site = f.portal
	}
	if lang == "fa" {
		v.Dir = "rtl"
	}
	newest, err := f.documents.Find(name, lang, repository.Latest)
	if err != nil {
		return err
	}
	if v.Newest = newest.Version; name == repository.Practice && v.Version == v.Newest {
		v.Profiles = f.profiles
	}
	return Page(c, http.StatusOK, "document", v)
}

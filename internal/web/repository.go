package web

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
)

// delivered are the documents that come with the software, for Config.Documents.
//
//go:embed documents/*.txt
var delivered embed.FS

func documentNames() []string { return []string{"practice", "pds", "terms"} }

// Document returns the octets of a published document: "practice", "pds" or
// "terms" in "fa" or "en". It is NotFound for any other.
func (s *Server) Document(name, lang string) ([]byte, error) { return s.face.document(name, lang) }

func (f *face) document(name, lang string) ([]byte, error) {
	if !slices.Contains(documentNames(), name) || !known(lang) {
		return nil, fault.New(fault.NotFound, "document_unknown", "there is no such document; see /repository/ for all")
	}
	b, err := fs.ReadFile(f.documents, name+"-"+lang+".txt")
	if err != nil {
		return nil, fmt.Errorf("read document %s-%s: %w", name, lang, err)
	}
	return b, nil
}

// paragraph is a piece of a document: a heading or text.
type paragraph struct {
	Heading bool
	Text    string
}

// documentView is the Data of the document page.
type documentView struct {
	Name, Lang, Dir string // of the document; the frame around it is the reader's
	Title           string
	Body            []paragraph
}

// Repository mounts practice statement, disclosure statements and terms at
// /repository/: as pages, and as the text itself with .txt. It fits the
// portal's echo and the plain one; the disclosure statements' addresses are
// in every certificate (ETSI EN 319 412-5, 4.3.4).
func Repository(e *echo.Echo) {
	f, ok := e.Renderer.(*face)
	if !ok {
		panic("web: Repository needs an echo of this package")
	}
	e.GET("/repository/", func(c echo.Context) error { return Page(c, http.StatusOK, "repository", documentNames()) })
	e.GET("/repository/:document", func(c echo.Context) error {
		name, isText := strings.CutSuffix(c.Param("document"), ".txt")
		name, lang, _ := strings.Cut(name, "-")
		b, err := f.document(name, lang)
		if err != nil {
			return err
		}
		c.Response().Header().Set("Cache-Control", "public, max-age=3600")
		if isText {
			return c.Blob(http.StatusOK, "text/plain; charset=utf-8", b)
		}
		return Page(c, http.StatusOK, "document", parseDocument(name, lang, string(b)))
	})
}

// parseDocument splits a document at its empty lines; "# " begins a heading.
// The first heading is the title.
func parseDocument(name, lang, text string) documentView {
	v := documentView{Name: name, Lang: lang, Dir: "ltr"}
	if lang == "fa" {
		v.Dir = "rtl"
	}
	for piece := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		piece = strings.Join(strings.Fields(piece), " ")
		heading, isHeading := strings.CutPrefix(piece, "# ")
		switch {
		case piece == "":
		case isHeading && v.Title == "":
			v.Title = heading
		default:
			v.Body = append(v.Body, paragraph{isHeading, heading})
		}
	}
	return v
}

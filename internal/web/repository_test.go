package web_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"mohr/internal/web"
)

func TestTheRepositoryHasItsDocumentsInBothLanguages(t *testing.T) {
	r := newRoom(t, nil)
	index := r.call("GET", "/repository/", "").Body.String()
	for _, name := range []string{"practice", "pds", "terms"} {
		for lang, dir := range map[string]string{"fa": `dir="rtl"`, "en": `dir="ltr"`} {
			path := "/repository/" + name + "-" + lang
			// The document is in its own language, whatever the reader's is.
			for _, reader := range []string{"fa", "en"} {
				w := r.call("GET", path+"?lang="+reader, "")
				if w.Code != 200 || !strings.Contains(w.Body.String(), `<article lang="`+lang+`" `+dir) || strings.Count(w.Body.String(), "<h2>") < 2 {
					t.Errorf("%s for %s: %d %s", path, reader, w.Code, w.Body)
				}
			}
			text := r.call("GET", path+".txt", "")
			if b, err := r.Document(name, lang); err != nil || text.Body.String() != string(b) || text.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("%s.txt: %v", path, err)
			}
			if !strings.Contains(index, `href="`+path+`"`) {
				t.Errorf("%s is not in the index", path)
			}
		}
	}
	for _, path := range []string{"/repository/pds", "/repository/pds-de", "/repository/..%2Ftexts-en", "/repository/pds-en.txt.txt"} {
		if w := r.call("GET", path, ""); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestAnOperatorsDocumentsTakeThePlaceOfOurs(t *testing.T) {
	own := fstest.MapFS{"terms-en.txt": {Data: []byte("# Our terms\r\n\r\nVersion <2>.\r\n")}}
	r := newRoom(t, func(c *web.Config) { c.Documents = own })
	w := r.call("GET", "/repository/terms-en", "")
	if !strings.Contains(w.Body.String(), "<h1>Our terms</h1>") || !strings.Contains(w.Body.String(), "<p>Version &lt;2&gt;.</p>") {
		t.Errorf("%s", w.Body)
	}
}

func TestStaticFilesAreServedAndCached(t *testing.T) {
	r := newRoom(t, nil)
	w := r.call("GET", "/static/site.css", "")
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") || !strings.Contains(w.Header().Get("Cache-Control"), "public") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if again := r.call("GET", "/static/site.css", "", "If-None-Match: "+w.Header().Get("ETag")); again.Code != 304 {
		t.Errorf("again: %d", again.Code)
	}
	for _, path := range []string{"/static/", "/static", "/static/../texts.yaml", "/static/none.css"} {
		if w := r.call("GET", path, ""); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

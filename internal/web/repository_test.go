package web_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"mohr/internal/web"
	"mohr/internal/web/repository"
)

// operatorsOwn is a set of the operator's: each paper in each language, terms in
// two versions.
func operatorsOwn(t *testing.T) *repository.Set {
	t.Helper()
	dir := fstest.MapFS{}
	for _, name := range repository.Names() {
		for _, lang := range repository.Languages() {
			dir[name+"-"+lang+".md"] = &fstest.MapFile{Data: []byte("# Our " + name + "\r\n\r\n<script>alert(2)</script> <b onclick='x'> &amp; [<i>](/log/) `<u>`\r\n\r\n## <h>\r\n- <li>\r\n\r\n|<th>|\r\n|-|\r\n|<td>|\r\n")}
		}
	}
	dir["terms-en.v1.md"] = &fstest.MapFile{Data: []byte("# Our first terms\n\nOld.\n")}
	dir["terms-fa.v1.md"] = &fstest.MapFile{Data: []byte("# Our first terms\n\nOld.\n")}
	s, err := repository.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheRepositoryHasItsDocumentsInBothLanguages(t *testing.T) {
	r := newRoom(t, nil)
	index := r.call("GET", "/repository/", "").Body.String()
	for _, name := range []string{"practice", "pds", "terms"} {
		for lang, dir := range map[string]string{"fa": `dir="rtl"`, "en": `dir="ltr"`} {
			path := "/repository/" + name + "-" + lang
			b, err := r.Document(name, lang)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(b)
			hash := hex.EncodeToString(sum[:])
			// The document is in its own language, whatever the reader's is.
			for _, reader := range []string{"fa", "en"} {
				for _, version := range []string{"", "/latest", "/1"} {
					w := r.call("GET", path+version+"?lang="+reader, "")
					if w.Code != 200 || !strings.Contains(w.Body.String(), `<article lang="`+lang+`" `+dir) || strings.Count(w.Body.String(), "<h2>") < 8 || !strings.Contains(w.Body.String(), hash) {
						t.Errorf("%s%s for %s: %d %s", path, version, reader, w.Code, w.Body)
					}
				}
			}
			for _, file := range []string{".txt", "/latest.txt", "/1.txt"} {
				text := r.call("GET", path+file, "")
				if text.Body.String() != string(b) || text.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
					t.Errorf("%s%s: %d", path, file, text.Code)
				}
			}
			for _, want := range []string{`href="` + path + `"`, `href="` + path + `/1"`, `href="` + path + `/1.txt"`, hash} {
				if !strings.Contains(index, want) {
					t.Errorf("%s is not in the index", want)
				}
			}
		}
	}
	for _, path := range []string{"/repository/pds", "/repository/pds-de", "/repository/..%2Ftexts-en", "/repository/pds-en.txt.txt", "/repository/pds-en/2", "/repository/pds-en/", "/repository/pds-en.txt/1", "/repository/pds-en/1.md"} {
		if w := r.call("GET", path, ""); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestTheNewestVersionIsInForceAndEarlierOnesStay(t *testing.T) {
	r := newRoom(t, func(c *web.Config) { c.Documents = operatorsOwn(t) })
	for path, want := range map[string]string{
		"/repository/terms-en?lang=en": "Version 2, in force.", "/repository/terms-en/latest?lang=en": "Version 2, in force.", "/repository/terms-en/2?lang=en": "Version 2, in force.",
		"/repository/terms-en/1?lang=en": "Version 1, no longer in force.", "/repository/?lang=en": `href="/repository/terms-en/1"`,
	} {
		if w := r.call("GET", path, ""); w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d, no %q", path, w.Code, want)
		}
	}
	if b, err := r.Document("terms", "en"); err != nil || string(b) != r.call("GET", "/repository/terms-en/2.txt", "").Body.String() {
		t.Errorf("the document in force is not the newest: %q, %v", b, err)
	}
}

func TestHTMLInADocumentIsText(t *testing.T) {
	r := newRoom(t, func(c *web.Config) { c.Documents = operatorsOwn(t) })
	body := r.call("GET", "/repository/terms-en", "").Body.String()
	for _, want := range []string{
		"<h1>Our terms</h1>", "<p>&lt;script&gt;alert(2)&lt;/script&gt; &lt;b onclick=&#39;x&#39;&gt; &amp;amp; <a href=\"/log/\">&lt;i&gt;</a>",
		`class="code">&lt;u&gt;</bdi>`, "<h2>&lt;h&gt;</h2>", "<li>&lt;li&gt;</li>", `<th scope="col">&lt;th&gt;</th>`, "<td>&lt;td&gt;</td>",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
	plain := web.NewPlain(web.Config{Portal: "https://localhost:8443", Documents: operatorsOwn(t)})
	web.Repository(plain)
	if body := send(plain, "GET", "/repository/terms-en", "").Body.String(); !strings.Contains(body, `<a href="https://localhost:8443/log/">`) {
		t.Errorf("a link to the portal's page on the plain listener: %s", body)
	}
}

func TestProfilesAndAuthoritiesAreShownWithTheDocuments(t *testing.T) {
	down := false
	r := newRoom(t, func(c *web.Config) {
		c.Documents = operatorsOwn(t)
		c.Profiles = []web.Profile{{Name: "natural-sign", PolicyOIDs: []string{"2.999.1.1.1", "2.999.1.1.2"}}}
		c.Authorities = func(context.Context) ([]web.Authority, error) {
			if down {
				return nil, errors.New("the store is closed")
			}
			return []web.Authority{{Name: "sign-p256", Certificate: "http://pki.test/ca/sign-p256.cer", SHA256: strings.Repeat("ab", 32), CRLs: []string{"http://pki.test/crl/sign-p256/0.crl"}}}, nil
		}
	})
	for path, wants := range map[string][]string{
		"/repository/practice-fa": {"natural-sign", "2.999.1.1.1", "2.999.1.1.2"},
		"/repository/":            {`href="http://pki.test/ca/sign-p256.cer"`, strings.Repeat("ab", 32), `href="http://pki.test/crl/sign-p256/0.crl"`},
	} {
		body := r.call("GET", path, "").Body.String()
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %q in %s", path, want, body)
			}
		}
	}
	if strings.Contains(r.call("GET", "/repository/terms-fa", "").Body.String(), "natural-sign") {
		t.Error("profiles are beside the terms")
	}
	if down = true; r.call("GET", "/repository/", "").Code != 500 {
		t.Error("an index without its authorities was shown as whole")
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

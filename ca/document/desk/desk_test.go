package desk_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mohr/ca/catest"
	"mohr/ca/document"
	"mohr/ca/document/cades"
	"mohr/ca/document/desk"
	"mohr/ca/document/doctest"
	"mohr/ca/document/jades"
	"mohr/internal/i18n"
	"mohr/internal/web"
)

var text = []byte("a contract\n")

// at is the day of all that happens here.
var at = doctest.Start.AddDate(0, 0, 10)

// source is a Source that says one thing.
type source document.Values

func (v source) Values(context.Context, []*x509.Certificate) (document.Values, error) {
	return document.Values(v), nil
}

// open returns a desk with its pages.
func open(t *testing.T, p *doctest.PKI) (*desk.Desk, http.Handler) {
	t.Helper()
	d := &desk.Desk{Roots: []*x509.Certificate{p.Root}, Source: source(p.Good(t, at)), Now: func() time.Time { return at }}
	texts, err := i18n.Parse(web.Texts, document.Texts, desk.Texts)
	if err != nil {
		t.Fatal(err)
	}
	s, err := web.New(web.Config{Store: catest.New(t, nil).Store, Texts: texts, Pages: []fs.FS{desk.Pages}, Portal: catest.Portal})
	if err != nil {
		t.Fatal(err)
	}
	d.Routes(s)
	return d, s.Handler()
}

// send posts the form with files.
func send(t *testing.T, h http.Handler, lang string, files map[string][]byte) *httptest.ResponseRecorder {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for name, content := range files {
		w, err := form.CreateFormFile(name, name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(content)
	}
	form.Close()
	r := httptest.NewRequest(http.MethodPost, catest.Portal+"/validate", &b)
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Accept-Language", lang)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestThePageSaysWhetherASignatureCounts(t *testing.T) {
	p := doctest.New(t)
	_, h := open(t, p)
	key := p.Issue(t, nil, nil)
	inside, err := cades.Sign(t.Context(), key, document.Bytes(text), cades.Options{MIME: "text/plain", Time: at, Enclose: true})
	if err != nil {
		t.Fatal(err)
	}
	apart, err := jades.Sign(t.Context(), key, document.Bytes(text), jades.Options{MIME: "text/plain", Time: at, Name: "contract.txt"})
	if err != nil {
		t.Fatal(err)
	}
	stranger := doctest.New(t)
	foreign, err := cades.Sign(t.Context(), stranger.Issue(t, nil, func(c *x509.Certificate) { c.Subject.CommonName = "<script>alert(1)</script>" }), document.Bytes(text), cades.Options{MIME: "text/plain", Enclose: true})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		files  map[string][]byte
		status int
		en, fa string
		code   string
	}{
		{"the document inside", map[string][]byte{"document": inside}, 200, "The signature is valid", "امضا معتبر است", "TOTAL-PASSED"},
		{"the signature beside it", map[string][]byte{"document": text, "signature": apart}, 200, "The signature is valid", "امضا معتبر است", "TOTAL-PASSED"},
		{"another document", map[string][]byte{"document": []byte("another"), "signature": apart}, 200, "The signature is not valid", "امضا معتبر نیست", "HASH_FAILURE"},
		{"the signature without the document", map[string][]byte{"document": apart}, 200, "The document is missing", "سند همراه امضا نیست", "SIGNED_DATA_NOT_FOUND"},
		{"of an authority we do not know", map[string][]byte{"document": foreign}, 200, "of an authority that is not known", "مرجعی است که اینجا شناخته نیست", "NO_CERTIFICATE_CHAIN_FOUND"},
		{"no signature", map[string][]byte{"document": text}, 200, "The signature is not valid", "امضا معتبر نیست", "FORMAT_FAILURE"},
		{"nothing", nil, 422, "choose the signed document", "سند امضاشده را برگزینید", ""},
		{"too much", map[string][]byte{"document": make([]byte, desk.MaxFile+1)}, 422, "mohr verify", "mohr verify", ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			for lang, want := range map[string]string{"en": tc.en, "fa": tc.fa} {
				w := send(t, h, lang, tc.files)
				if body := w.Body.String(); w.Code != tc.status || !strings.Contains(body, want) || !strings.Contains(body, tc.code) || strings.Contains(body, "<script>alert") {
					t.Errorf("%s: %d\n%s", lang, w.Code, body)
				}
			}
		})
	}
}

// asked is a Source that takes a while, and then says what is known.
type asked func() document.Values

func (v asked) Values(context.Context, []*x509.Certificate) (document.Values, error) { return v(), nil }

// TestWhatIsSaidWhileItIsAskedForCounts: a status that was made after the
// document came in is not of the future.
func TestWhatIsSaidWhileItIsAskedForCounts(t *testing.T) {
	p, now := doctest.New(t), at
	d := &desk.Desk{Roots: []*x509.Certificate{p.Root}, Now: func() time.Time { return now }, Source: asked(func() document.Values {
		now = now.Add(time.Second)
		return p.Good(t, now)
	})}
	signed, err := cades.Sign(t.Context(), p.Issue(t, nil, nil), document.Bytes(text), cades.Options{MIME: "text/plain", Time: at, Enclose: true})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := d.Judge(t.Context(), signed, nil); err != nil || r.Indication != document.Passed {
		t.Errorf("%v, %+v", err, r)
	}
}

func TestEveryIndicationHasItsWords(t *testing.T) {
	var keys []string
	for _, s := range document.Subs() {
		keys = append(keys, "validate.sub."+string(s))
	}
	for _, i := range []document.Indication{document.Passed, document.Indeterminate, document.Failed} {
		keys = append(keys, "validate.verdict."+string(i), "validate.hint."+string(i), "validate.tag."+string(i))
	}
	for _, key := range keys {
		if !bytes.Contains(desk.Texts, []byte("\n"+key+": ")) && !bytes.Contains(desk.Texts, []byte("\n"+key+":\n")) {
			t.Errorf("no text for %s", key)
		}
	}
}

// TestWhoFindsNoPlaceHearsWhenToComeAgain has all places taken, and nobody may wait.
func TestWhoFindsNoPlaceHearsWhenToComeAgain(t *testing.T) {
	p := doctest.New(t)
	d, h := open(t, p)
	d.Places = web.NewPlaces(1, 0, time.Second)
	give, err := d.Places.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"document": []byte("%PDF-1.7\n")}
	if w := send(t, h, "fa", files); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	give()
	for range 2 { // each gives its place back
		if w := send(t, h, "fa", files); w.Code != http.StatusOK {
			t.Errorf("status %d with a place", w.Code)
		}
	}
}

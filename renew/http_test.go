package renew_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/store"
	"mohr/internal/web"
	"mohr/renew"
)

// serve mounts the desk on a portal.
func (b *bench) serve(t testing.TB) http.Handler {
	t.Helper()
	texts, err := i18n.Parse(web.Texts, ca.Texts, evidence.Texts, signature.Texts, renew.Texts)
	must(t, err)
	s, err := web.New(web.Config{Store: b.fixture.Store, Texts: texts, Pages: []fs.FS{renew.Pages}, Portal: catest.Portal, Now: b.Now})
	must(t, err)
	b.Routes(s)
	return s.Handler()
}

func call(h http.Handler, method, path, contentType string, body []byte, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func body(t testing.TB, w renew.Wish, more ...string) []byte {
	t.Helper()
	b64 := base64.StdEncoding.EncodeToString
	m := map[string]string{"statement": b64(w.Statement), "document": b64(w.Document), "csr": b64(w.CSR)}
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	out, err := json.Marshal(m)
	must(t, err)
	return out
}

func TestTheAPIRenewsFromTheNonceToTheCertificate(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	b.open(h)
	server := b.serve(t)
	res := call(server, "GET", "/api/v1/renewals/nonce", "", nil)
	var guide struct {
		Type, Aud, Nonce string
		TermsSHA256      string `json:"terms_sha256"`
	}
	must(t, json.Unmarshal(res.Body.Bytes(), &guide))
	if res.Code != 200 || res.Header().Get("Cache-Control") != "no-store" || guide.Type != "mohr-renew/1" || guide.Aud != catest.Portal || guide.TermsSHA256 != terms {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
	_, csr, spki := newKey(t)
	doc := b.document(t, h, spki, func(doc map[string]any) { doc["nonce"] = guide.Nonce })
	sent := body(t, renew.Wish{Statement: b.sign(t, h, doc), Document: doc, CSR: csr})
	res = call(server, "POST", "/api/v1/renewals", "application/json", sent)
	var got struct{ Request, Serial, Chain, Replaces string }
	must(t, json.Unmarshal(res.Body.Bytes(), &got))
	if res.Code != 200 || got.Serial == "" || got.Replaces != h.rec.Serial || !strings.HasPrefix(got.Chain, "-----BEGIN CERTIFICATE-----") {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
	if again := call(server, "POST", "/api/v1/renewals", "application/json", sent); again.Code != 200 || again.Body.String() != res.Body.String() {
		t.Errorf("again: %d %s", again.Code, again.Body)
	}
	res = call(server, "GET", "/api/v1/renewals/"+got.Request+"/certificate", "", nil)
	if res.Code != 200 || res.Body.String() != got.Chain || res.Header().Get("Content-Type") != "application/pem-certificate-chain" {
		t.Errorf("certificate: %d %v", res.Code, res.Header())
	}
	if res = call(server, "GET", "/api/v1/renewals/"+h.rec.Request+"/certificate", "", nil); res.Code != 404 {
		t.Errorf("an application's certificate by its name: %d", res.Code)
	}
}

func TestProblemsOfTheAPIHaveACodeAndTheReadersLanguage(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	server := b.serve(t)
	w, _ := b.wish(t, h) // too early
	for _, c := range []struct {
		name   string
		body   []byte
		status int
		code   string
		fa     string
	}{
		{"too early", body(t, w), 409, "renewal_early", "تمدید"},
		{"no base64", body(t, w, "statement", "not base64"), 422, "renewal_base64", "base64"},
		{"truncated CMS", body(t, w, "statement", base64.StdEncoding.EncodeToString(w.Statement[:100])), 422, "cms_malformed", "CMS"},
		{"a key twice", []byte(`{"statement":"AA==","statement":"AA==","document":"AA==","csr":"AA=="}`), 400, "json_duplicate_key", "دو بار"},
		{"an unknown field", body(t, w, "more", "x"), 422, "json_unknown_field", "فیلد"},
		{"too large", body(t, w, "document", strings.Repeat("A", 256<<10)), 413, "body_too_large", "بزرگ‌تر"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := call(server, "POST", "/api/v1/renewals", "application/json", c.body, "Accept-Language", "fa")
			var p struct{ Code, Detail string }
			must(t, json.Unmarshal(res.Body.Bytes(), &p))
			if res.Code != c.status || p.Code != c.code || res.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s", res.Code, res.Body)
			}
			if !strings.Contains(p.Detail, c.fa) {
				t.Errorf("not in Persian: %s", p.Detail)
			}
		})
	}
}

// form is the page's form as a browser sends it.
func form(t testing.TB, files map[string][]byte) (contentType string, content []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	must(t, w.WriteField("birth_date", ""))
	for name, content := range files {
		part, err := w.CreateFormFile(name, name+".bin")
		must(t, err)
		_, err = part.Write(content)
		must(t, err)
	}
	must(t, w.Close())
	return w.FormDataContentType(), b.Bytes()
}

func TestThePageRenewsByUpload(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	b.open(h)
	server := b.serve(t)
	for lang, title := range map[string]string{"fa": "تمدید گواهی", "en": "Renew a certificate"} {
		res := call(server, "GET", "/renew?lang="+lang, "", nil, "Accept", "text/html")
		if res.Code != 200 || !strings.Contains(res.Body.String(), "<h1>"+title) || !strings.Contains(res.Body.String(), terms) {
			t.Errorf("%s: %d", lang, res.Code)
		}
	}
	w, _ := b.wish(t, h)
	ct, content := form(t, map[string][]byte{"statement": w.Statement, "document": w.Document, "csr": w.CSR})
	res := call(server, "POST", "/renew?lang=fa", ct, content, "Accept", "text/html")
	download := regexp.MustCompile(`href="(/api/v1/renewals/renew-[0-9a-f]{64}/certificate)"`).FindStringSubmatch(res.Body.String())
	if res.Code != 200 || download == nil {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
	if res = call(server, "GET", download[1], "", nil); res.Code != 200 || !strings.HasPrefix(res.Body.String(), "-----BEGIN CERTIFICATE-----") {
		t.Errorf("download: %d %s", res.Code, res.Body)
	}
}

func TestThePageShowsTheFormAgainWithWhatIsWrong(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	b.open(h)
	server := b.serve(t)
	w, _ := b.wish(t, h)
	ct, content := form(t, map[string][]byte{"statement": w.Statement, "document": []byte("{}"), "csr": w.CSR})
	res := call(server, "POST", "/renew?lang=en", ct, content, "Accept", "text/html")
	if res.Code != 403 || !strings.Contains(res.Body.String(), "made over another content") || !strings.Contains(res.Body.String(), `name="statement"`) {
		t.Errorf("%d %s", res.Code, res.Body)
	}
	ct, content = form(t, map[string][]byte{"statement": w.Statement})
	if res = call(server, "POST", "/renew?lang=en", ct, content, "Accept", "text/html"); res.Code != 422 || !strings.Contains(res.Body.String(), "three files") {
		t.Errorf("%d %s", res.Code, res.Body)
	}
	ct, content = form(t, map[string][]byte{"statement": w.Statement, "document": make([]byte, 1<<20), "csr": w.CSR})
	if res = call(server, "POST", "/renew?lang=en", ct, content, "Accept", "text/html"); res.Code != 413 {
		t.Errorf("%d", res.Code)
	}
	if res = call(server, "POST", "/renew", "text/plain", []byte("x"), "Accept", "text/html"); res.Code != 422 {
		t.Errorf("%d", res.Code)
	}
	if res = call(server, "POST", "/renew", ct, content, "Sec-Fetch-Site", "cross-site"); res.Code != 403 {
		t.Errorf("from another site: %d", res.Code)
	}
}

func TestEveryFaultOfThisRoomHasAPersianTextWithTheSameVerbs(t *testing.T) {
	own, err := i18n.Parse(renew.Texts)
	must(t, err)
	files, err := filepath.Glob("*.go")
	must(t, err)
	made := regexp.MustCompile(`fault\.New\(fault\.\w+, "([a-z0-9_]+)", ("[^"]+")`)
	codes := 0
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		source, err := os.ReadFile(f)
		must(t, err)
		for _, m := range made.FindAllStringSubmatch(string(source), -1) {
			if m[1] == "certificate_replaced" {
				continue // ca's, in ca's texts
			}
			codes++
			if !own.Has(i18n.Persian, m[1]) {
				t.Errorf("%s has no Persian text", m[1])
				continue
			}
			ft, _ := fault.Of(fault.New(fault.Invalid, m[1], "%[1]s", "VERB"))
			if strings.Contains(m[2], "%[1]") != strings.Contains(own.Fault(i18n.Persian, ft), "VERB") {
				t.Errorf("%s: the verbs differ", m[1])
			}
		}
	}
	if codes < 18 {
		t.Errorf("only %d codes found: the test no longer sees them", codes)
	}
}

// TestTheAPISaysWhenToRenew: anybody, by the identifier of RFC 9773; at once
// after an incident.
func TestTheAPISaysWhenToRenew(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	server := b.serve(t)
	enc := base64.RawURLEncoding
	id := enc.EncodeToString(h.cert.AuthorityKeyId) + "." + enc.EncodeToString(h.cert.SerialNumber.Bytes())
	ask := func(id string) (status int, start, end time.Time) {
		t.Helper()
		res := call(server, "GET", "/api/v1/renewal-info/"+id, "", nil)
		var got struct {
			SuggestedWindow struct{ Start, End time.Time }
			ExplanationURL  string
		}
		must(t, json.Unmarshal(res.Body.Bytes(), &got))
		if res.Code == 200 && (res.Header().Get("Retry-After") == "" || got.ExplanationURL != catest.Portal+"/renew") {
			t.Errorf("%v %s", res.Header(), res.Body)
		}
		return res.Code, got.SuggestedWindow.Start, got.SuggestedWindow.End
	}
	rules, _ := b.policy.Rules(ca.NaturalSign)
	window := renew.WindowOf(h.rec.NotBefore, h.rec.NotAfter, rules)
	status, start, end := ask(id)
	if status != 200 || window.Fault(start) != nil || window.Fault(end) != nil || !start.Before(end) {
		t.Errorf("%d: %s to %s, the window is %+v", status, start, end, window)
	}
	must(t, b.fixture.Store.Update(t.Context(), func(tx store.Tx) error {
		_, err := ca.MarkRenewNowIn(tx, h.rec.Serial, "p-1", true, b.clock)
		return err
	}))
	if _, _, end = ask(id); end.After(b.clock) {
		t.Errorf("after an incident it ends at %s", end)
	}
	if status, _, _ = ask("AAAA.AQID"); status != 404 {
		t.Errorf("an unknown one: %d", status)
	}
	if status, _, _ = ask("x"); status != 422 {
		t.Errorf("no identifier: %d", status)
	}
}

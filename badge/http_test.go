package badge_test

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/signature"
	"mohr/complaints"
	"mohr/internal/i18n"
	"mohr/internal/web"
)

// portalOf serves the bench's desk as the portal does.
func (b *bench) portalOf(t testing.TB) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(b.portalAt(t, portal))
	t.Cleanup(server.Close)
	return server
}

// portalAt is the portal whose base URL is that.
func (b *bench) portalAt(t testing.TB, base string) http.Handler {
	t.Helper()
	texts, err := i18n.Parse(web.Texts, badge.Texts)
	if err != nil {
		t.Fatal(err)
	}
	s, err := web.New(web.Config{Store: b.Store, Texts: texts, Pages: []fs.FS{badge.Pages}, Portal: base, Now: b.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	b.Routes(s)
	return s.Handler()
}

type answer struct {
	status int
	header http.Header
	body   string
}

func fetch(t testing.TB, method, url, contentType string, body []byte, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(got)}
}

func get(t testing.TB, url string, header ...string) answer {
	t.Helper()
	return fetch(t, "GET", url, "", nil, header...)
}

func TestTheJourneyOverHTTP(t *testing.T) {
	b := newBench(t)
	s := b.portalOf(t)
	api := s.URL + "/api/v1/badges"

	var n struct{ Nonce, Aud, Type string }
	if got := get(t, api+"/nonce"); got.status != 200 || json.Unmarshal([]byte(got.body), &n) != nil || n.Aud != portal || n.Type != badge.RequestType {
		t.Fatalf("nonce: %+v", got)
	}
	a := b.ask()
	a.Nonce = n.Nonce
	raw := b.sign(t, b.key, a)
	var r badge.Record
	post := fetch(t, "POST", api, "application/jose", raw)
	if post.status != 201 || json.Unmarshal([]byte(post.body), &r) != nil || r.State != badge.Waiting || r.Challenge == nil {
		t.Fatalf("request: %+v", post)
	}
	if page := get(t, s.URL+"/badge/"+string(r.ID)); page.status != 200 || !strings.Contains(page.body, r.Challenge.Content) {
		t.Errorf("the page does not say what to do: %d", page.status)
	}
	if picture := get(t, s.URL+"/badge/"+string(r.ID)+".svg?lang=en"); picture.status != 200 || !strings.Contains(picture.body, "no such badge") {
		t.Errorf("picture of a mere request: %+v", picture)
	}
	b.shop.put(*r.Challenge)
	check := fetch(t, "POST", api+"/"+string(r.ID)+"/check", "", nil)
	if check.status != 200 || json.Unmarshal([]byte(check.body), &r) != nil || r.State != badge.Active {
		t.Fatalf("check: %+v", check)
	}
	if got := get(t, api+"/"+string(r.ID)); got.status != 200 || !strings.Contains(got.body, `"shop.example"`) {
		t.Errorf("record: %+v", got)
	}
	if got := get(t, api+"/"+string(r.ID)+"/receipt"); got.status != 200 || strings.Count(got.body, ".") != 2 || got.header.Get("Content-Type") != "application/jose" {
		t.Errorf("receipt: %+v", got)
	}
	if got := get(t, api+"/b-none"); got.status != 404 || !strings.Contains(got.body, "badge_unknown") {
		t.Errorf("unknown: %+v", got)
	}
	if got := fetch(t, "POST", api, "application/jose", []byte("x")); got.status != 400 && got.status != 422 || !strings.Contains(got.body, "jws_malformed") {
		t.Errorf("no JWS: %+v", got)
	}
	if got := fetch(t, "POST", api, "application/jose", bytes.Repeat([]byte("x"), 80<<10)); got.status != 413 {
		t.Errorf("too large: %+v", got)
	}
	if got := get(t, s.URL+"/badge?domain=shop.example"); !strings.Contains(got.body, "/badge/"+string(r.ID)) {
		t.Errorf("look-up: %+v", got)
	}
	for path, status := range map[string]int{"/badge": 200, "/badge/request": 200, "/badge?domain=none.example": 200, "/badge?domain=co.ir": 400, "/badge/b-none": 404, "/badge/b-none.jwt": 404} {
		if got := get(t, s.URL+path); got.status != status {
			t.Errorf("%s: %d, want %d", path, got.status, status)
		}
	}
}

func TestPictureOverHTTP(t *testing.T) {
	b := newBench(t)
	s := b.portalOf(t)
	picture := s.URL + "/badge/" + string(b.granted(t).ID) + ".svg"
	says := func(name, url, want string, header ...string) {
		t.Helper()
		got := get(t, url, header...)
		if got.status != 200 || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		h := got.header
		if !strings.HasPrefix(h.Get("Content-Type"), "image/svg+xml") || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Cross-Origin-Resource-Policy") != "cross-origin" || h.Get("Set-Cookie") != "" || h.Get("Cache-Control") != "public, max-age=60" {
			t.Errorf("%s: headers %v", name, h)
		}
	}
	says("in Persian", picture, "معتبر تا", "Referer", "https://www.shop.example/fa")
	says("in English", picture+"?lang=en", "valid until", "Referer", "https://www.shop.example/")
	says("seen from nowhere, in Persian", picture, "مقایسه کنید")
	says("seen from nowhere", picture+"?lang=en", "Compare it with your address bar")
	says("in our own frame", picture+"?lang=en", "valid until", "Referer", portal+"/badge/b-0/frame")
	says("on the shop's page", picture+"?lang=en", "valid until", "Referer", "https://shop.example/")
	says("on a copy", picture+"?lang=en", "belongs to", "Referer", "https://evil.example/shop.example")
	says("of no badge", s.URL+"/badge/b-none.svg?lang=en", "no such badge")
	if got := fetch(t, "HEAD", picture, "", nil); got.status != 200 {
		t.Errorf("HEAD: %d", got.status)
	}
	if err := b.ca.Revoke(t.Context(), b.cert.Serial, ca.KeyCompromise, "holder"); err != nil {
		t.Fatal(err)
	}
	says("of a revoked certificate", picture+"?lang=en", "Revoked")
}

func TestRecordPage(t *testing.T) {
	b := newBench(t)
	s := b.portalOf(t)
	page := s.URL + "/badge/" + string(b.granted(t).ID)
	en := get(t, page, "Accept-Language", "en")
	fa := get(t, page, "Accept-Language", "fa")
	for name, test := range map[string]struct {
		page answer
		want []string
	}{
		"in English": {en, []string{"shop.example", catest.Zahra.LegalName, catest.Zahra.LegalID, "77001", "In force", "not published yet", `lang="en"`, "letter by letter", "simulated registries", "Online shop (eNamad)"}},
		"in Persian": {fa, []string{"shop.example", "معتبر", "هنوز منتشر نشده", "اینماد", `dir="rtl"`, "۱۴۰۶"}},
	} {
		if test.page.status != 200 {
			t.Fatalf("%s: %d", name, test.page.status)
		}
		for _, s := range test.want {
			if !strings.Contains(test.page.body, s) {
				t.Errorf("%s: the page does not say %q", name, s)
			}
		}
		for _, s := range []string{catest.Zahra.NationalCode, catest.Zahra.LastName, "<script", "badge_page_", "badge_why_", "badge_state_", "badge_licence_", "rest-registry", "%!"} {
			if strings.Contains(test.page.body, s) {
				t.Errorf("%s: the page has %q", name, s)
			}
		}
	}
	if copied := get(t, page, "Accept-Language", "en", "Referer", "https://evil.example/"); !strings.Contains(copied.body, "This badge belongs to") || !strings.Contains(copied.body, `class="errors"`) {
		t.Error("a reader from another site is not warned")
	}
	if strings.Contains(get(t, page, "Accept-Language", "en", "Referer", portal+"/badge").body, "This badge belongs to") {
		t.Error("a reader from our own page is warned")
	}
	median := 2.5
	b.book.record = complaints.Record{Published: true, Scorecard: complaints.Scorecard{Received: 4, Unanswered: 3, Matured: 40, MaturedOnTime: 31, KMP50Days: &median}}
	if got := get(t, page, "Accept-Language", "en").body; !strings.Contains(got, "31 of 40") || !strings.Contains(got, `<span class="figure bad">3</span>`) {
		t.Error("the published figures are not shown")
	}
	if got := get(t, page, "Accept-Language", "en").body; strings.Contains(got, "half of them") {
		t.Error("a median of four complaints is shown")
	}
	b.book.record.Scorecard.Received = 5
	if got := get(t, page, "Accept-Language", "en").body; !strings.Contains(got, "half of them") {
		t.Error("the median is not shown")
	}
	if err := b.ca.Revoke(t.Context(), b.cert.Serial, ca.KeyCompromise, "holder"); err != nil {
		t.Fatal(err)
	}
	if got := get(t, page, "Accept-Language", "en").body; !strings.Contains(got, "Revoked") || strings.Contains(got, "In force</h2>") {
		t.Error("the page does not say that the badge is revoked")
	}
}

func TestCredentialVerifiesOfflineAndIsBounded(t *testing.T) {
	b := newBench(t)
	s := b.portalOf(t)
	got := b.granted(t)
	res := get(t, s.URL+"/badge/"+string(got.ID)+".jwt")
	if res.status != 200 || res.header.Get("Content-Type") != "application/vc+jwt" {
		t.Fatalf("%+v", res)
	}
	payload, leaf, err := signature.VerifyJWS([]byte(res.body), badge.CredentialType, b.ca.Root, b.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if !leaf.Equal(b.Credential().Certificate) {
		t.Error("signed by another key")
	}
	var vc struct {
		Context    []string `json:"@context"`
		Type       []string
		ValidFrom  time.Time
		ValidUntil time.Time
		Subject    struct{ ID, LegalID, Domain string } `json:"credentialSubject"`
	}
	if err := json.Unmarshal(payload, &vc); err != nil {
		t.Fatal(err)
	}
	if vc.Context[0] != "https://www.w3.org/ns/credentials/v2" || vc.Type[0] != "VerifiableCredential" || vc.Subject.ID != "https://shop.example" || vc.Subject.LegalID != catest.Zahra.LegalID {
		t.Errorf("%s", payload)
	}
	if !vc.ValidFrom.Equal(start) || !vc.ValidUntil.Equal(start.Add(7*24*time.Hour)) {
		t.Errorf("valid from %s until %s", vc.ValidFrom, vc.ValidUntil)
	}
	if strings.Contains(string(payload), catest.Zahra.NationalCode) {
		t.Error("the credential has a national code")
	}
	again, err := b.SignedCredential(t.Context(), got.ID)
	if err != nil || string(again) != res.body {
		t.Errorf("it was signed anew within the hour: %v", err)
	}
	b.clock.pass(360 * 24 * time.Hour)
	late, err := b.SignedCredential(t.Context(), got.ID)
	if err != nil {
		t.Fatal(err)
	}
	if payload, _, err = signature.VerifyJWS(late, badge.CredentialType, b.ca.Root, b.clock.Now()); err != nil || json.Unmarshal(payload, &vc) != nil || !vc.ValidUntil.Equal(got.ValidTo) {
		t.Errorf("valid until %s, the badge until %s, %v", vc.ValidUntil, got.ValidTo, err)
	}
}

// TestAPictureIsNeverBehindTheRecord on a store whose readings are kept.
func TestAPictureIsNeverBehindTheRecord(t *testing.T) {
	b := newBench(t, func(c *badge.Config) { c.Store = c.CA.Store })
	got := b.granted(t)
	picture := b.portalOf(t).URL + "/badge/" + string(got.ID) + ".svg?lang=en"
	says := func(what, want string) {
		t.Helper()
		for range 3 {
			if p := get(t, picture, "Referer", "https://"+domain+"/"); !strings.Contains(p.body, want) {
				t.Fatalf("%s, and the picture says\n%s", what, p.body)
			}
		}
	}
	says("it is in force", "valid until")
	leaf := b.operator(t, "maryam", ca.RoleRegistrar)
	if _, err := b.Do(t.Context(), leaf, got.ID, badge.Suspend, badge.Misuse, "x"); err != nil {
		t.Fatal(err)
	}
	says("it is suspended", "Suspended")
	if _, err := b.Do(t.Context(), leaf, got.ID, badge.Lift, badge.Resolved, "x"); err != nil {
		t.Fatal(err)
	}
	says("that was lifted", "valid until")
	if err := b.ca.Suspend(t.Context(), b.cert.Serial, "holder"); err != nil {
		t.Fatal(err)
	}
	says("its certificate is suspended", "Suspended")
	if err := b.ca.Resume(t.Context(), b.cert.Serial, "holder"); err != nil {
		t.Fatal(err)
	}
	says("its certificate is resumed", "valid until")
	b.clock.pass(got.ValidTo.Sub(b.clock.Now()))
	says("its time is over", "Expired")
}

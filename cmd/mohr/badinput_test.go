package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"mohr/badge"
	"mohr/cmd/mohr/service"
	"mohr/complaints"
	"mohr/internal/web"
)

// scene is a service with one of everything under way, which bad input must
// leave as it is.
type scene struct {
	*running
	merchant  *certified        // signs for zahraCompany
	open      *application      // davood's: approved, without a key
	badge     badge.Record      // zahraOtherShop's: waits for the proof in the shop
	complaint complaints.Ticket // against zahraCompany: waits for its answer
}

func newScene(t *testing.T, edits ...func(*service.Config)) *scene {
	t.Helper()
	s := &scene{running: startService(t, "", edits...)}
	s.merchant = s.apply(t, zahra, zahraCompany).certify(t)
	s.open = s.apply(t, davood, "")
	s.open.until(t, "csr")
	s.anyone.done(t, sendBadge(s.badgeJWS(t, s.merchant.holder, zahraCompany, zahraOtherShop)), http.StatusCreated, &s.badge)
	s.complaint = s.complain(t, zahraCompany, "T-1001")
	return s
}

// look returns all that can be seen of a scene from outside, as it is written.
func (s *scene) look(t *testing.T) map[string]any {
	t.Helper()
	all := map[string]any{}
	for name, see := range map[string]func() answer{
		"certificates": func() answer { return s.operator.done(t, get("/api/v1/certificates", ""), http.StatusOK, nil) },
		"application":  func() answer { return s.anyone.done(t, get(s.open.path(""), s.open.token), http.StatusOK, nil) },
		"badge": func() answer {
			return s.anyone.done(t, get("/api/v1/badges/"+string(s.badge.ID), ""), http.StatusOK, nil)
		},
		"complaint": func() answer {
			return s.anyone.done(t, get("/api/v1/complaints/"+s.complaint.ID, s.complaint.Token), http.StatusOK, nil)
		},
	} {
		var seen any
		if err := json.Unmarshal(see().body, &seen); err != nil {
			t.Fatal(err)
		}
		all[name] = seen
	}
	return all
}

// unchanged fails if anything is other than before.
func (s *scene) unchanged(t *testing.T, before map[string]any) {
	t.Helper()
	if d := cmp.Diff(before, s.look(t)); d != "" {
		t.Errorf("something changed: %s", d)
	}
}

// mark files a complaint at another business and returns how long the log is
// once that is in it: then all earlier deeds are in it too.
func (s *running) mark(t *testing.T) int64 {
	t.Helper()
	receipt := strings.Split(s.complain(t, nargesCompany, "M-1").Receipt, ".")
	if len(receipt) != 3 {
		t.Fatal("the receipt is no compact JWS")
	}
	payload, err := base64.RawURLEncoding.DecodeString(receipt[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Leaf string }
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	proof, err := s.anyone.proof(t.Context(), claims.Leaf)
	if err != nil {
		t.Fatal(err)
	}
	return proof.Size
}

// noDeeds returns a check that the log got no entry since now.
func (s *running) noDeeds(t *testing.T) (check func()) {
	t.Helper()
	first := s.mark(t)
	before := s.mark(t)
	return func() {
		t.Helper()
		if more := s.mark(t) - before - (before - first); more != 0 {
			t.Errorf("%d entries of the log are from refused requests", more)
		}
	}
}

// persian reports whether text has letters of the Arabic script.
func persian(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return unicode.Is(unicode.Arabic, r) && unicode.IsLetter(r) }) >= 0
}

// refuses sends r to be read in English and in Persian; both must be told the
// problem, each in its own language.
func (c *client) refuses(t *testing.T, r ask, status int, code string) (en answer) {
	t.Helper()
	told := map[string]web.Problem{}
	for _, lang := range []string{"fa", "en"} {
		r.lang = lang
		en = c.send(t, r)
		told[lang] = problemOf(t, en, lang)
		if en.status != status || told[lang].Code != code {
			t.Errorf("in %s: %d %s, want %d %s: %s", lang, en.status, told[lang].Code, status, code, en.body)
		}
	}
	checkLanguages(t, told["en"], told["fa"])
	return en
}

// problemOf reads a problem (RFC 9457) that must be whole.
func problemOf(t *testing.T, a answer, lang string) (p web.Problem) {
	t.Helper()
	if kind := a.header.Get("Content-Type"); kind != "application/problem+json" || a.header.Get("Content-Language") != lang {
		t.Fatalf("status %d, Content-Type %q, Content-Language %q, want a problem in %s: %s", a.status, kind, a.header.Get("Content-Language"), lang, a.body)
	}
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != a.status || p.Type != "urn:mohr:problem:"+p.Code || p.Title == "" || p.Detail == "" || !strings.HasPrefix(p.Instance, "urn:mohr:request:") {
		t.Errorf("the problem is not whole: %s", a.body)
	}
	if a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "" {
		t.Error("a 503 that does not say when to try again")
	}
	if a.status == http.StatusUnauthorized && !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "B") { // Bearer, or Basic of EST
		t.Error("a 401 that does not say what it wants")
	}
	return p
}

func checkLanguages(t *testing.T, en, fa web.Problem) {
	t.Helper()
	if persian(en.Title) || persian(en.Detail) {
		t.Errorf("%s is not in English: %s: %s", en.Code, en.Title, en.Detail)
	}
	if !persian(fa.Title) || !persian(fa.Detail) || strings.Contains(fa.Detail, "%!") || strings.Contains(en.Detail, "%!") {
		t.Errorf("%s is not in Persian: %s: %s", fa.Code, fa.Title, fa.Detail)
	}
}

// badBody is a request whose body is bad, whatever it is for.
type badBody struct {
	name   string
	ask    ask
	status int
	code   string
}

// TestABodyThatCannotBeReadIsRefusedBeforeAnythingIsDone is about JSON, sizes
// and media types, before any desk looks at what is asked.
func TestABodyThatCannotBeReadIsRefusedBeforeAnythingIsDone(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	before, noDeeds := s.look(t), s.noDeeds(t)
	for _, c := range append(s.badJSON(), s.tooLarge(t)...) {
		t.Run(c.name, func(t *testing.T) {
			s.anyone.refuses(t, c.ask, c.status, c.code)
			s.unchanged(t, before)
		})
	}
	noDeeds()
	s.goesOn(t)
}

func (s *scene) badJSON() []badBody {
	raw := func(path, token, body string) ask {
		return postAs(path, token, "application/json", []byte(body))
	}
	person := fmt.Sprintf(`"person":{"national_code":%q,"birth_date":%q,"mobile":%q}`, davood.NationalCode, davood.BirthDate, davood.Mobile)
	return []badBody{
		{"an application with a name twice", raw("/api/v1/applications", "", `{`+person+`,"profile":"natural-sign","profile":"organisation-sign"}`), 400, "json_duplicate_key"},
		{"an application with a name twice inside", raw("/api/v1/applications", "", `{"profile":"natural-sign","person":{"national_code":"1","national_code":"2"}}`), 400, "json_duplicate_key"},
		{"a consent with a name twice", raw(s.open.path("/consent"), s.open.token, `{"accepted":false,"accepted":true,"terms_version":"1"}`), 400, "json_duplicate_key"},
		{"a complaint with a name twice", raw("/api/v1/complaints", "", `{"business":"`+zahraCompany+`","business":"`+nargesCompany+`"}`), 400, "json_duplicate_key"},
		{"a renewal with a name twice", raw("/api/v1/renewals", "", `{"statement":"","statement":"","document":"","csr":""}`), 400, "json_duplicate_key"},
		{"a name that is not known", raw("/api/v1/applications", "", `{`+person+`,"profile":"natural-sign","admin":true}`), 422, "json_unknown_field"},
		{"half a value", raw("/api/v1/applications", "", `{`+person), 400, "json_malformed"},
		{"a second value", raw("/api/v1/applications", "", `{`+person+`,"profile":"natural-sign"}{}`), 400, "json_malformed"},
		{"no body", raw("/api/v1/applications", "", ``), 400, "body_missing"},
		{"a value of the wrong type", raw("/api/v1/applications", "", `{"person":[],"profile":"natural-sign"}`), 422, "request_invalid"},
		{"a form where JSON is taken", postAs("/api/v1/applications", "", "application/x-www-form-urlencoded", []byte("a=b")), 415, "media_type_unsupported"},
		{"a certification request as text", postAs(s.open.path("/csr"), s.open.token, "text/plain", s.open.csr), 415, "media_type_unsupported"},
		{"a badge request as JSON", postAs("/api/v1/badges", "", "application/json", []byte("{}")), 415, "media_type_unsupported"},
	}
}

// tooLarge sends to each desk what is too large only by its size.
func (s *scene) tooLarge(t *testing.T) []badBody {
	blanks := func(n int) []byte { return bytes.Repeat([]byte(" "), n) }
	padded := func(r ask, n int) ask {
		if r.body == nil {
			r.body, _ = json.Marshal(r.in)
			r.kind, r.in = "application/json", nil
		}
		r.body = append(bytes.Clone(r.body), blanks(n)...)
		return r
	}
	consent := post(s.open.path("/consent"), s.open.token, map[string]any{"accepted": true, "terms_version": "1"})
	return []badBody{
		{"a consent of more than 64 KiB", padded(consent, 64<<10), 413, "body_too_large"},
		{"a certification request of more than 16 KiB", padded(s.open.submit(s.open.csr), 16<<10), 413, "body_too_large"},
		{"a renewal of more than 256 KiB", padded(s.renewal(t, s.merchant.holder, nil).ask(), 256<<10), 413, "body_too_large"},
		{"a badge request of more than 64 KiB", padded(sendBadge(s.badgeJWS(t, s.merchant.holder, zahraCompany, zahraShop)), 64<<10), 413, "body_too_large"},
		{"an answer of more than 64 KiB", padded(sendAnswer(s.complaint.ID, s.answerJWS(t, s.merchant.holder, s.complaint.ID)), 64<<10), 413, "body_too_large"},
		{"a form of more than 1 MiB", postAs("/complaints/new", "", "application/x-www-form-urlencoded", append([]byte("text="), bytes.Repeat([]byte("a"), 1<<20)...)), 413, "body_too_large"},
	}
}

// goesOn does with everything under way what it waited for.
func (s *scene) goesOn(t *testing.T) {
	t.Helper()
	n := s.issued(t)
	davood := s.open.certify(t)
	s.anyone.done(t, sendAnswer(s.complaint.ID, s.answerJWS(t, s.merchant.holder, s.complaint.ID)), http.StatusOK, nil)
	if c := s.follow(t, s.complaint); c.State != complaints.StateAnswered {
		t.Errorf("the complaint is %s after its answer", c.State)
	}
	s.prove(t, s.badge)
	if r := s.check(t, s.badge.ID); r.State != badge.Active {
		t.Errorf("the badge is %s after its proof: %+v", r.State, r.Findings)
	}
	r := s.renewal(t, davood.holder, nil)
	s.anyone.done(t, r.ask(), http.StatusOK, nil)
	if now := s.issued(t); now != n+2 {
		t.Errorf("%d certificates of people, want %d", now, n+2)
	}
}

package enroll_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"mohr/ca/catest"
	"mohr/enroll"
)

// browser keeps cookies and follows nothing.
type browser struct {
	*desk
	cookies map[string]*http.Cookie
	lang    string
}

func (b *browser) do(method, path, kind string, body []byte) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, catest.Portal+path, bytes.NewReader(body))
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Accept-Language", b.lang)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.http.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c
	}
	return w
}

func (b *browser) get(path string) *httptest.ResponseRecorder { return b.do("GET", path, "", nil) }

// post sends a form and returns the answer, the page after it for a redirect.
func (b *browser) post(path string, form url.Values) *httptest.ResponseRecorder {
	b.t.Helper()
	w := b.do("POST", path, "application/x-www-form-urlencoded", []byte(form.Encode()))
	if w.Code == http.StatusSeeOther {
		return b.get(w.Header().Get("Location"))
	}
	return w
}

func (b *browser) wants(w *httptest.ResponseRecorder, status int, texts ...string) {
	b.t.Helper()
	if w.Code != status {
		b.t.Fatalf("status %d, want %d:\n%s", w.Code, status, w.Body)
	}
	for _, text := range texts {
		if !strings.Contains(w.Body.String(), text) {
			b.t.Fatalf("the page lacks %q:\n%s", text, w.Body)
		}
	}
	if strings.Contains(w.Body.String(), "enroll.") || strings.Contains(w.Body.String(), ">rule.") {
		b.t.Errorf("the page shows the key of a text:\n%s", w.Body)
	}
}

// upload is a multipart form with a certification request.
func upload(t testing.TB, request []byte) (kind string, body []byte) {
	t.Helper()
	var out bytes.Buffer
	m := multipart.NewWriter(&out)
	f, err := m.CreateFormFile("file", "holder.csr")
	if err != nil {
		t.Fatal(err)
	}
	f.Write(request)
	m.WriteField("csr", "")
	m.Close()
	return m.FormDataContentType(), out.Bytes()
}

func TestAPersonAppliesWithABrowser(t *testing.T) {
	for _, lang := range []string{"fa", "en"} {
		t.Run(lang, func(t *testing.T) {
			b := &browser{desk: newDesk(t, nil), cookies: map[string]*http.Cookie{}, lang: lang}
			sara := person(1)
			b.regs.know(sara)
			b.wants(b.get("/enroll"), 200, `name="national_code"`, `lang="`+lang+`"`, `value="natural-auth"`)
			form := url.Values{"national_code": {"123"}, "birth_date": {"۱۳۶۹/۱/۱"}, "mobile": {sara.mobile}, "names_latin": {`"><script>`}, "profile": {"natural-sign"}}
			b.wants(b.post("/enroll", form), 422, `role="alert"`, `&#34;&gt;&lt;script&gt;`)
			form.Set("national_code", sara.code)
			form.Set("names_latin", "Sara Ahmadi")
			first := b.do("POST", "/enroll", "application/x-www-form-urlencoded", []byte(form.Encode()))
			page := first.Header().Get("Location")
			if first.Code != 303 || !strings.HasPrefix(page, "/enroll/a-") || strings.Contains(page, "mat_") {
				t.Fatalf("got %d to %q", first.Code, page)
			}
			c := b.cookies["__Host-mohr-"+strings.TrimPrefix(page, "/enroll/")]
			if c == nil || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
				t.Fatalf("cookies are %v", b.cookies)
			}
			b.wants(b.get(page), 200, page+"/consent")
			b.wants(b.post(page+"/consent", url.Values{"terms_version": {"1"}}), 422, `role="alert"`)
			b.wants(b.post(page+"/consent", url.Values{"terms_version": {"1"}, "accepted": {"yes"}}), 200, page+"/code")
			b.wants(b.post(page+"/code", url.Values{"code": {wrong(b.regs.code(sara.mobile))}}), 403, `role="alert"`, page+"/code")
			b.wants(b.post(page+"/send", nil), 200, page+"/code")
			b.wants(b.post(page+"/code", url.Values{"code": {b.regs.code(sara.mobile)}}), 200, page+"/face")
			b.wants(b.post(page+"/face", url.Values{"session": {"live"}}), 200, page+"/csr", "<table>", " -nodes ")
			kind, body := upload(t, []byte("no request"))
			b.wants(b.do("POST", page+"/csr", kind, body), 422, `role="alert"`, page+"/csr")
			kind, body = upload(t, request(t))
			if w := b.do("POST", page+"/csr", kind, body); w.Code != 303 {
				t.Fatalf("got %d %s", w.Code, w.Body)
			}
			b.wants(b.get(page), 200, page+"/certificate.pem")
			if w := b.get(page + "/certificate.pem"); w.Code != 200 || len(parseChain(t, w.Body.Bytes())) != 2 {
				t.Errorf("certificate: %d %s", w.Code, w.Body)
			}
			b.must(b.Resume(t.Context()))
			b.must(b.Ledger.Sequence(t.Context()))
			if w := b.get(page + "/bundle.json"); w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("bundle: %d %s", w.Code, w.Body)
			}
			b.cookies = map[string]*http.Cookie{}
			b.wants(b.get(page), 403)
		})
	}
}

func TestThePageSaysWhetherACodeWasSent(t *testing.T) {
	b := &browser{desk: newDesk(t, nil), cookies: map[string]*http.Cookie{}, lang: "en"}
	sara := person(1)
	b.regs.know(sara)
	b.regs.set(b.regs.down, "sms", true)
	a := b.apply(sara, "natural-sign")
	b.cookies["x"] = &http.Cookie{Name: "__Host-mohr-" + a.id, Value: a.token}
	a.consent()
	const sent = "A code of six digits was sent"
	w := b.get("/enroll/" + a.id)
	b.wants(w, 200, "No code could be sent", "/enroll/"+a.id+"/send")
	if strings.Contains(w.Body.String(), sent) {
		t.Error("the page says that a code was sent")
	}
	b.regs.set(b.regs.down, "sms", false)
	b.wants(b.post("/enroll/"+a.id+"/send", nil), 200, sent)
}

func TestTheFormTakesTheDatesThatItsTextsShow(t *testing.T) {
	b := &browser{desk: newDesk(t, nil), cookies: map[string]*http.Cookie{}, lang: "fa"}
	form := url.Values{"national_code": {person(1).code}, "mobile": {person(1).mobile}, "profile": {"natural-sign"}, "birth_date": {"24.2.1369"}}
	both := []string{"۱۳۶۹/۰۲/۲۴", "1990-05-14"}
	b.wants(b.post("/enroll", form), 422, both...)
	for _, date := range both {
		form.Set("birth_date", date)
		b.wants(b.post("/enroll", form), 200, `name="terms_version"`)
	}
}

func TestEveryEndHasAPage(t *testing.T) {
	b := &browser{desk: newDesk(t, nil), cookies: map[string]*http.Cookie{}, lang: "en"}
	sara := person(1)
	b.regs.know(sara)
	a := b.apply(sara, "natural-sign")
	b.cookies["x"] = &http.Cookie{Name: "__Host-mohr-" + a.id, Value: a.token}
	for _, stage := range []enroll.Stage{
		enroll.Created, enroll.Consented, enroll.Collecting, enroll.Waiting, enroll.Evaluated, enroll.Review, enroll.Approved, enroll.KeyBound, enroll.Agreed,
		enroll.Issuing, enroll.Rejected, enroll.FailedAttempts, enroll.Expired, enroll.Cancelled, enroll.Erased,
	} {
		a.tamper(func(rec map[string]any) { rec["stage"] = stage })
		b.wants(b.get("/enroll/"+a.id), 200, "<h1>")
	}
}

func TestPagesRefuseOtherSitesAndOtherTokens(t *testing.T) {
	b := &browser{desk: newDesk(t, nil), cookies: map[string]*http.Cookie{}, lang: "en"}
	sara := person(1)
	b.regs.know(sara)
	a, other := b.apply(sara, "natural-sign"), b.apply(sara, "natural-sign")
	b.cookies["x"] = &http.Cookie{Name: "__Host-mohr-" + a.id, Value: other.token}
	b.wants(b.get("/enroll/"+a.id), 401)
	b.cookies["x"] = &http.Cookie{Name: "__Host-mohr-" + a.id, Value: a.token}
	r := httptest.NewRequestWithContext(t.Context(), "POST", catest.Portal+"/enroll/"+a.id+"/cancel", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.AddCookie(b.cookies["x"])
	w := httptest.NewRecorder()
	b.http.ServeHTTP(w, r)
	if w.Code != 403 {
		t.Errorf("a form of another site was taken: %d", w.Code)
	}
	a.state().want(t, enroll.Created, enroll.NeedConsent)
}

// TestWhatCannotBeUndoneIsAskedOnceMore ends an application and has it erased:
// the first click asks, the second does it, and another's token is not asked.
func TestWhatCannotBeUndoneIsAskedOnceMore(t *testing.T) {
	b := &browser{desk: newDesk(t, nil), cookies: map[string]*http.Cookie{}, lang: "fa"}
	sara := person(1)
	b.regs.know(sara)
	a, other := b.apply(sara, "natural-sign"), b.apply(sara, "natural-sign")
	page, sure := "/enroll/"+a.id, url.Values{"sure": {"yes"}}
	b.cookies["x"] = &http.Cookie{Name: "__Host-mohr-" + a.id, Value: other.token}
	b.wants(b.post(page+"/cancel", nil), 401)
	b.cookies["x"].Value = a.token
	b.wants(b.post(page+"/cancel", nil), 200, `action="`+page+`/cancel"`, `name="sure"`, `href="`+page+`"`)
	a.state().want(t, enroll.Created, enroll.NeedConsent)
	b.wants(b.post(page+"/erase", sure), 409, `role="alert"`)
	b.wants(b.post(page+"/cancel", sure), 200, page+"/erase")
	b.wants(b.post(page+"/erase", nil), 200, `name="sure"`)
	a.state().want(t, enroll.Cancelled)
	b.wants(b.post(page+"/erase", sure), 200, "<h1>")
	a.state().want(t, enroll.Erased)
}

// TestThePageSaysForWhomItWaitsAndHowLong, to a script too, and stops when the
// register has answered. Nothing is asked by looking.
func TestThePageSaysForWhomItWaitsAndHowLong(t *testing.T) {
	b := &browser{desk: newDesk(t, nil), cookies: map[string]*http.Cookie{}, lang: "en"}
	sara := person(1)
	b.regs.know(sara)
	b.regs.set(b.regs.down, "mobile", true)
	a := b.apply(sara, "natural-sign")
	a.consent()
	a.code(b.regs.code(sara.mobile)).want(t, enroll.Waiting, enroll.NeedRefresh)
	page := "/enroll/" + a.id
	b.wants(b.get(page+"/progress"), 403)
	b.cookies["x"] = &http.Cookie{Name: "__Host-mohr-" + a.id, Value: a.token}
	silent := "Register of mobile numbers: no word "
	b.wants(b.get(page), 200, silent+"yet", "<time", `action="`+page+`/refresh"`)
	b.clock.pass(3*time.Minute + 20*time.Second)
	b.wants(b.get(page), 200, silent+"for 3 minutes<")
	if w := b.get(page + "/progress"); w.Body.String() != `{"stage":"waiting_external","waits":["`+silent+`for 3 minutes"]}`+"\n" {
		t.Errorf("a script is told %q", w.Body)
	}
	b.regs.set(b.regs.down, "mobile", false)
	b.must(b.Resume(t.Context()))
	if w := b.get(page + "/progress"); w.Body.String() != `{"stage":"collecting","waits":[]}`+"\n" {
		t.Errorf("a script is told %q", w.Body)
	}
}

// TestAOneTimeSecretIsMadeOnItsPage: by a code, shown in that answer alone, and
// good until another is made.
func TestAOneTimeSecretIsMadeOnItsPage(t *testing.T) {
	for _, lang := range []string{"fa", "en"} {
		b := &browser{desk: newDesk(t, func(c *enroll.Config) { c.Clients = []enroll.Protocol{enroll.EST, enroll.CMP, enroll.SCEP} }), cookies: map[string]*http.Cookie{}, lang: lang}
		sara := person(1)
		b.regs.know(sara)
		a := b.apply(sara, "natural-sign")
		page := "/enroll/" + a.id + "/secret"
		b.wants(b.get(page), 403)
		b.cookies["x"] = &http.Cookie{Name: "__Host-mohr-" + a.id, Value: a.token}
		a.consent()
		b.wants(b.get(page), 409, `role="alert"`)
		b.wants(b.post(page+"/code", nil), 409, `role="alert"`)
		a.code(b.regs.code(sara.mobile))
		a.face("live")
		b.wants(b.get("/enroll/"+a.id), 200, `href="`+page+`"`, `id="key-here"`, `id="csr-form"`)
		b.wants(b.get(page), 200, `action="`+page+`/code"`)
		var made []string
		for range 2 {
			w := b.post(page+"/code", nil)
			b.wants(w, 200, `value="est"`, `value="cmp"`)
			if strings.Contains(w.Body.String(), `value="scep"`) {
				t.Error("SCEP is offered for a signature key")
			}
			b.wants(b.post(page, url.Values{"protocol": {"ftp"}, "code": {b.regs.code(sara.mobile)}}), 422, `role="alert"`)
			b.wants(b.post(page, url.Values{"protocol": {"est"}, "code": {wrong(b.regs.code(sara.mobile))}}), 403, `role="alert"`, `name="code"`)
			w = b.post(page, url.Values{"protocol": {"est"}, "code": {b.regs.code(sara.mobile)}})
			b.wants(w, 200, `id="secret"`, "/.well-known/est/natural-sign/simpleenroll")
			_, rest, _ := strings.Cut(w.Body.String(), `id="secret">`)
			secret, _, _ := strings.Cut(rest, "<")
			made = append(made, secret)
			for where, text := range map[string]string{"the page": b.get(page).Body.String(), "the application": b.get("/enroll/" + a.id).Body.String(), "the log": b.log.String()} {
				if strings.Contains(text, secret) {
					t.Errorf("%s shows the secret again", where)
				}
			}
		}
		if _, err := b.ByESTSecret(t.Context(), a.id, made[0]); err == nil {
			t.Error("the secret counts that another took the place of")
		}
		if _, err := b.ByESTSecret(t.Context(), a.id, made[1]); err != nil {
			t.Error(err)
		}
	}
}

func TestTheCodeRevokesOnThePage(t *testing.T) {
	b := &browser{desk: newDesk(t, nil), cookies: map[string]*http.Cookie{}, lang: "fa"}
	sara := person(1)
	b.regs.know(sara)
	issued := b.approved(sara, "natural-sign").csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	b.wants(b.get("/enroll/revoke"), 200, `name="code"`)
	b.wants(b.post("/enroll/revoke", url.Values{"serial": {issued.Serial}, "code": {"x"}, "reason": {"keyCompromise"}}), 403, `role="alert"`)
	b.wants(b.post("/enroll/revoke", url.Values{"serial": {issued.Serial}, "code": {issued.Revocation}, "reason": {"keyCompromise"}}), 200, issued.Serial, `name="sure"`, `value="keyCompromise"`)
	if c, err := b.CA.Certificate(t.Context(), issued.Serial); err != nil || c.Revoked != nil {
		t.Fatalf("revoked before it was asked: %v", err)
	}
	b.wants(b.post("/enroll/revoke", url.Values{"serial": {issued.Serial}, "code": {issued.Revocation}, "reason": {"keyCompromise"}, "sure": {"yes"}}), 200, issued.Serial)
	if c, err := b.CA.Certificate(t.Context(), issued.Serial); err != nil || c.Revoked == nil {
		t.Errorf("not revoked: %v", err)
	}
}

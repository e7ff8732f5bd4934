package complaints_test

import (
	"errors"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mohr/complaints"
	"mohr/internal/i18n"
	"mohr/internal/store"
)

var (
	keyField   = regexp.MustCompile(`name="key" value="([0-9a-f]{32})"`)
	tokenShown = regexp.MustCompile(`<strong><bdi dir="ltr" class="code">([^<]+)</bdi></strong>`)
)

func first(t testing.TB, re *regexp.Regexp, body string) string {
	t.Helper()
	m := re.FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("no %s in %s", re, body)
	}
	return m[1]
}

func TestPagesJourney(t *testing.T) {
	for _, lang := range []string{"fa", "en"} {
		t.Run(lang, func(t *testing.T) {
			p := newPortal(t)
			l := "Accept-Language: " + lang
			in := filing()
			id, token, jar := p.begun(t, lang)
			step := func(name string) string { return "/complaints/drafts/" + id + "/" + name }
			form := url.Values{"order": {in.Purchase.Order}, "day": {"۱۴۰۵-۰۸-۱۰"}, "amount": {"۴٬۵۰۰٬۰۰۰"}, "text": {"<script>alert(1)</script> " + in.Text}}
			bad := url.Values{}
			for k, v := range form {
				bad[k] = v
			}
			bad.Set("amount", "much")
			w := p.call("POST", step("details"), bad.Encode(), nil, asForm, l, jar)
			if body := w.Body.String(); w.Code != 422 && w.Code != 400 || !strings.Contains(body, `role="alert"`) || !strings.Contains(body, `value="much"`) ||
				!strings.Contains(body, "&lt;script&gt;") || strings.Contains(body, "<script>alert") {
				t.Errorf("bad form: %d %s", w.Code, body)
			}
			p.goes(t, step("details"), form, step("pictures"), l, jar)
			p.goes(t, step("contact"), url.Values{"mobile": {in.Contact.Mobile}}, step("check"), l, jar)
			if w = p.call("GET", step("check"), "", nil, l, jar); w.Code != 200 || w.Header().Get("Cache-Control") != "no-store" || !strings.Contains(w.Body.String(), "&lt;script&gt;") {
				t.Fatalf("to be checked: %d %s", w.Code, w.Body)
			}
			confirm := func(code string) *httptest.ResponseRecorder {
				return p.call("POST", step("check"), url.Values{"do": {"file"}, "code": {code}}.Encode(), nil, asForm, l, jar)
			}
			if w = confirm("000000x"); w.Code != 403 || !strings.Contains(w.Body.String(), `role="alert"`) || !strings.Contains(w.Body.String(), `name="code"`) {
				t.Errorf("a wrong code: %d %s", w.Code, w.Body)
			}
			if w = confirm(p.phone.code("+989121112233")); w.Code != 201 || first(t, tokenShown, w.Body.String()) != token {
				t.Fatalf("filed: %d %s", w.Code, w.Body)
			}

			if w = p.call("GET", "/complaints?id="+id, "", nil, l); w.Code != 303 || w.Header().Get("Location") != "/complaints/"+id {
				t.Errorf("lookup: %d %s", w.Code, w.Header())
			}
			if w = p.call("GET", "/complaints/"+id+"?token="+token, "", nil, l); w.Code != 200 || strings.Contains(w.Body.String(), "B-1405") {
				t.Errorf("a token in the URL opens a complaint: %d %s", w.Code, w.Body)
			}
			if w = p.call("POST", "/complaints/"+id, url.Values{"token": {"x"}}.Encode(), nil, asForm, l); w.Code != 403 || strings.Contains(w.Body.String(), "B-1405") {
				t.Errorf("a wrong token: %d %s", w.Code, w.Body)
			}
			p.answer(t, id, complaints.KindAnswer)
			post := func(do string) string {
				w := p.call("POST", "/complaints/"+id, "token="+token+"&do="+do, nil, asForm, l)
				if w.Code != 200 {
					t.Fatalf("%s: %d %s", do, w.Code, w.Body)
				}
				return w.Body.String()
			}
			if body := post(""); !strings.Contains(body, "وجه بازگردانده شد") || !strings.Contains(body, `value="dispute"`) || strings.Contains(body, "9121112233") {
				t.Errorf("followed: %s", body)
			}
			if body := post("dispute"); strings.Contains(body, `value="dispute"`) || !strings.Contains(body, `value="withdraw"`) {
				t.Errorf("disputed: %s", body)
			}
			if body := post("withdraw"); !strings.Contains(body, `name="sure"`) || !strings.Contains(body, `value="withdraw"`) {
				t.Errorf("withdrawn without being asked: %s", body)
			}
			if body := post("withdraw&sure=yes"); strings.Contains(body, `value="withdraw"`) {
				t.Errorf("withdrawn: %s", body)
			}
			if w = p.call("POST", "/complaints/"+id, url.Values{"token": {token}, "do": {"delete"}}.Encode(), nil, asForm, l); w.Code != 400 && w.Code != 422 {
				t.Errorf("an unknown step: %d", w.Code)
			}
			if w = p.call("POST", "/complaints/c-1", "token=x", nil, asForm, l); w.Code != 404 {
				t.Errorf("an unknown complaint: %d", w.Code)
			}
		})
	}
}

// TestTheRecordShowsWhatTheScoreIsMadeOf: each number with how many it is of,
// and what fewer than thirty looks say is said to be not measured.
func TestTheRecordShowsWhatTheScoreIsMadeOf(t *testing.T) {
	p := newPortal(t)
	p.publish(t, shop)
	start := p.clock.Now()
	for day := range 40 {
		err := p.ca.Store.Update(t.Context(), func(tx store.Tx) error {
			found := complaints.Found(tx, shop, complaints.MeasureTLS, day%4 != 0, start.AddDate(0, 0, day))
			if day < 29 {
				found = errors.Join(found, complaints.Found(tx, shop, complaints.MeasureLicence, true, start.AddDate(0, 0, day)))
			}
			return found
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	show := func(lang string) string {
		w := p.call("GET", "/businesses/"+string(shop), "", nil, "Accept-Language: "+lang)
		if w.Code != 200 || strings.Contains(w.Body.String(), "%!") || strings.Contains(w.Body.String(), "complaints.") {
			t.Fatalf("%s: %d %s", lang, w.Code, w.Body)
		}
		return w.Body.String()
	}
	if strings.Contains(show("en"), "five dimensions") {
		t.Error("a score of nothing is shown")
	}
	p.clock.advance(40 * day)
	for lang, words := range map[string][]string{
		"en": {"Score 75.0%, of the dimensions that are measured: 15 of 100 of the weight", ">Security</th><td>15</td><td>75.0%</td>", "75.0% of 40", ">Capability</th><td>25</td><td>not measured</td><td>–</td>", "Satisfaction of consumers"},
		"fa": {"امتیاز ۷۵٫۰٪", "۱۵ از ۱۰۰", ">امنیت</th><td>۱۵</td><td>۷۵٫۰٪</td>", "۷۵٫۰٪ از ۴۰", "سنجیده نشده"},
	} {
		page := show(lang)
		for _, want := range words {
			if !strings.Contains(page, want) {
				t.Errorf("%s: no %q in %s", lang, want, page)
			}
		}
		if n := strings.Count(page, `<th scope="row">`); n != len(complaints.Dimensions()) {
			t.Errorf("%s: %d rows", lang, n)
		}
	}
}

func TestRecordPage(t *testing.T) {
	p := newPortal(t)
	page := "/businesses/" + string(shop)
	for _, path := range []string{page, "/businesses/" + other.LegalID, "/businesses/12", "/businesses/%2e%2e"} {
		if w := p.call("GET", path, "", nil); w.Code != 404 || strings.Contains(w.Body.String(), "Unanswered") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := p.call("GET", page, "", p.key.Certificate); w.Code != 200 || !strings.Contains(w.Body.String(), "not public") {
		t.Errorf("the business itself: %d %s", w.Code, w.Body)
	}
	if w := p.call("GET", "/businesses?id="+string(shop), "", nil); w.Code != 303 || w.Header().Get("Location") != page {
		t.Errorf("lookup: %d %s", w.Code, w.Header())
	}
	if w := p.call("GET", "/businesses?id=%3Cb%3E", "", nil); w.Code < 400 || strings.Contains(w.Body.String(), "<b>") {
		t.Errorf("a business that is none: %d %s", w.Code, w.Body)
	}
	p.publish(t, shop)
	if w := p.call("GET", page, "", nil); w.Code != 200 || !strings.Contains(w.Body.String(), "No complaints") {
		t.Errorf("no complaints: %d %s", w.Code, w.Body)
	}
	const shareShown = "Share answered in time"
	rows := func(from, to int) {
		t.Helper()
		text := "id,business,served,answered,filed\n"
		for i := from; i < to; i++ {
			text += whole(i) + "," + string(shop) + ",2026-10-01 00:00:00,2026-10-03 00:00:00,\n"
		}
		importText(t, p.Register(), text)
	}
	for _, step := range []struct {
		n           int
		share, mean bool
	}{{4, false, false}, {5, true, false}, {29, true, false}, {30, true, true}} {
		rows(0, step.n)
		for _, lang := range []string{"en", "fa"} {
			w := p.call("GET", page, "", nil, "Accept-Language: "+lang)
			body := w.Body.String()
			if w.Code != 200 || strings.Contains(body, "%!") || strings.Contains(body, "complaints.") {
				t.Errorf("%d in %s: %d %s", step.n, lang, w.Code, body)
			}
			if lang == "en" && (strings.Contains(body, shareShown) != step.share || strings.Contains(body, "Mean delay") != step.mean) {
				t.Errorf("with %d complaints: %s", step.n, body)
			}
			if !strings.Contains(body, `dir="`+map[string]string{"en": "ltr", "fa": "rtl"}[lang]+`"`) {
				t.Errorf("%s has no direction of its own", lang)
			}
		}
	}
}

func TestEveryFaultOfThisRoomHasAPersianTextWithTheSameVerbs(t *testing.T) {
	catalog, err := i18n.Parse(complaints.Texts)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	made := regexp.MustCompile(`fault\.New\((?:fault\.\w+|k), (?:"([a-z0-9_]+)"|(codeTokenWrong|codeUnconfirmed)), ("[^"]*(?:\\.[^"]*)*")`)
	verb := regexp.MustCompile(`%(\[\d\])?[a-z]`)
	codes := map[string]bool{}
	for _, f := range files {
		source, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range made.FindAllStringSubmatch(string(source), -1) {
			code := m[1]
			if code == "" {
				code = map[string]string{"codeTokenWrong": "complaint_token_wrong", "codeUnconfirmed": "complaint_unconfirmed"}[m[2]]
			}
			codes[code] = true
			if !catalog.Has(i18n.Persian, code) {
				t.Errorf("%s: %s has no Persian text", f, code)
			}
			line := ""
			for l := range strings.Lines(string(complaints.Texts)) {
				if strings.HasPrefix(l, code+":") {
					line = l
				}
			}
			if n, has := len(verb.FindAllString(m[3], -1)), len(verb.FindAllString(line, -1)); n != has {
				t.Errorf("%s has %d verbs in English and %d in Persian", code, n, has)
			}
		}
	}
	if len(codes) < 35 {
		t.Errorf("only %d codes found: the test no longer sees them", len(codes))
	}
	for line := range strings.Lines(string(complaints.Texts)) {
		if code, _, ok := strings.Cut(line, ": {fa:"); ok && !codes[code] {
			t.Errorf("%s is a fault that nobody makes", code)
		}
	}
}

package complaints_test

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"mohr/complaints"
)

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([a-z_]+)" value="([^"]*)">`)

// hidden are the hidden fields up to the end of the first form.
func hidden(body string) url.Values {
	form, _, _ := strings.Cut(body, "</form>")
	v := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(form, -1) {
		v.Set(m[1], html.UnescapeString(m[2]))
	}
	return v
}

func TestABusinessAnswersOnThePageWithoutScript(t *testing.T) {
	for _, lang := range []string{"fa", "en"} {
		t.Run(lang, func(t *testing.T) {
			b, _, in := byPhone(t)
			p, l := portalOf(t, b), "Accept-Language: "+lang
			ticket := b.file(t)
			b.end(t)
			path := "/complaints/" + ticket.ID + "/answer"
			if w := p.call("GET", path, "", nil, l); w.Code != 200 || !strings.Contains(w.Body.String(), `name="national_code"`) {
				t.Fatalf("form: %d %s", w.Code, w.Body)
			}
			text := "وجه بازگردانده شد.\r\n<b>\"پوزش\"</b>"
			form := url.Values{"business": {string(shop)}, "national_code": {in.NationalCode}, "mobile": {"0935"}, "kind": {"no_such_order"}, "text": {text}, "do": {"send"}}
			w := p.call("POST", path, form.Encode(), nil, asForm, l)
			if body := w.Body.String(); w.Code != 422 && w.Code != 400 || !strings.Contains(body, `role="alert"`) || !strings.Contains(body, `<option value="no_such_order" selected>`) || strings.Contains(body, "<b>") {
				t.Errorf("a bad number: %d %s", w.Code, body)
			}
			form.Set("mobile", in.Mobile)
			w = p.call("POST", path, form.Encode(), nil, asForm, l)
			if w.Code != 200 || !strings.Contains(w.Body.String(), `name="code"`) || w.Header().Get("Cache-Control") != "no-store" {
				t.Fatalf("a code: %d %v %s", w.Code, w.Header(), w.Body)
			}
			again := hidden(w.Body.String())
			again.Set("code", "000000")
			w = p.call("POST", path, again.Encode(), nil, asForm, l)
			if w.Code != 403 || !strings.Contains(w.Body.String(), `name="code"`) {
				t.Errorf("a wrong code: %d %s", w.Code, w.Body)
			}
			again = hidden(w.Body.String())
			again.Set("code", b.phone.code(in.Mobile))
			w = p.call("POST", path, again.Encode(), nil, asForm, l)
			if w.Code != 200 || strings.Contains(w.Body.String(), "<form method=\"post\" action=\"/complaints/") {
				t.Fatalf("the answer: %d %s", w.Code, w.Body)
			}
			h := b.follow(t, ticket).History
			if e := h[len(h)-1]; e.Kind != complaints.KindNoSuchOrder || e.Text != strings.ReplaceAll(text, "\r\n", "\n") {
				t.Errorf("%+v", e)
			}
		})
	}
}

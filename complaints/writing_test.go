package complaints_test

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/complaints"
)

// begun sends the first form of a complaint against the shop and returns it
// with the cookie that the browser has then.
func (p *portal) begun(t testing.TB, lang string) (id, token, jar string) {
	t.Helper()
	l := "Accept-Language: " + lang
	w := p.call("GET", "/complaints/new?business="+string(shop), "", nil, l)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `value="`+string(shop)+`"`) {
		t.Fatalf("form: %d %s", w.Code, w.Body)
	}
	form := url.Values{"key": {first(t, keyField, w.Body.String())}, "business": {string(shop)}, "category": {"refund"}}
	if w := p.call("POST", "/complaints/new", "key="+form.Get("key"), nil, asForm, l); w.Code != 422 || !strings.Contains(w.Body.String(), form.Get("key")) {
		t.Errorf("nothing chosen: %d %s", w.Code, w.Body)
	}
	w = p.call("POST", "/complaints/new", form.Encode(), nil, asForm, l)
	if w.Code != 303 {
		t.Fatalf("begun: %d %s", w.Code, w.Body)
	}
	again := p.call("POST", "/complaints/new", form.Encode(), nil, asForm, l)
	if again.Header().Get("Location") != w.Header().Get("Location") || again.Header().Get("Set-Cookie") != w.Header().Get("Set-Cookie") {
		t.Error("the form sent twice begins another complaint")
	}
	cookie := w.Result().Cookies()[0]
	if !cookie.Secure || !cookie.HttpOnly {
		t.Errorf("cookie %v", cookie)
	}
	id = strings.Split(w.Header().Get("Location"), "/")[3]
	return id, cookie.Value, "Cookie: " + cookie.Name + "=" + cookie.Value
}

// goes sends a form that leads to the address.
func (p *portal) goes(t testing.TB, path string, form url.Values, to string, headers ...string) {
	t.Helper()
	w := p.call("POST", path, form.Encode(), nil, append(headers, asForm)...)
	if got := w.Header().Get("Location"); w.Code != 303 || got != to {
		t.Fatalf("%s: %d to %q, want %q: %s", path, w.Code, got, to, w.Body)
	}
}

// attach posts a picture to what is being written.
func (p *portal) attach(id, jar string, file []byte) (int, string) {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	part, _ := m.CreateFormFile("picture", "a.png")
	part.Write(file)
	m.Close()
	w := p.call("POST", "/complaints/drafts/"+id+"/pictures", b.String(), nil, jar, "Content-Type: "+m.FormDataContentType(), "Accept: text/html")
	return w.Code, w.Body.String()
}

func TestAComplaintIsWrittenInSteps(t *testing.T) {
	b := newBench(t, func(c *complaints.Config) {
		c.Businesses = &register{names: map[string]bool{other.LegalID: true}}
		c.Find = func(_ context.Context, q string) ([]complaints.Candidate, error) {
			if q != "cedar" {
				return nil, nil
			}
			return []complaints.Candidate{{Business: ca.BusinessID(other.LegalID), Name: "Cedar <b>", Domain: "cedar.example"}}, nil
		}
	})
	p := portalOf(t, b)
	id, token, jar := p.begun(t, "en")
	step := func(name string) string { return "/complaints/drafts/" + id + "/" + name }
	page := func(name string, status int) string {
		t.Helper()
		w := p.call("GET", step(name), "", nil, jar)
		if w.Code != status {
			t.Fatalf("%s: %d %s", name, w.Code, w.Body)
		}
		return w.Body.String()
	}
	if w := p.call("GET", step("check"), "", nil, jar); w.Header().Get("Location") != step("details") {
		t.Errorf("a step too early leads to %q", w.Header().Get("Location"))
	}
	page("nothing", 404)
	if body := page("business?q=cedar", 200); !strings.Contains(body, "Cedar &lt;b&gt;") || !strings.Contains(body, "cedar.example") {
		t.Errorf("nothing found: %s", body)
	}
	if body := page("business?q=nobody", 200); !strings.Contains(body, "Nothing was found") {
		t.Errorf("something found: %s", body)
	}
	p.goes(t, step("business"), url.Values{"do": {"add"}, "business": {other.LegalID}}, step("business"), jar)
	p.goes(t, step("business"), url.Values{"do": {"next"}}, step("details"), jar)
	wrong := p.call("POST", step("details"), url.Values{"order": {""}, "day": {"soon"}, "amount": {"<b>"}, "text": {"<>"}}.Encode(), nil, asForm, jar)
	for _, field := range []string{"order", "day", "amount", "text"} {
		if body := wrong.Body.String(); wrong.Code != 422 || !strings.Contains(body, `href="#`+field+`"`) || !strings.Contains(body, `id="`+field+`_error"`) || strings.Contains(body, "<b>") {
			t.Errorf("nothing said of %s: %d %s", field, wrong.Code, body)
		}
	}
	in := filing()
	details := url.Values{"order": {in.Purchase.Order}, "day": {in.Purchase.Day}, "amount": {"4500000"}, "text": {in.Text}}
	p.goes(t, step("details"), details, step("pictures"), jar)
	if status, body := p.attach(id, jar, []byte("<svg/>")); status != 422 || !strings.Contains(body, `role="alert"`) {
		t.Errorf("no picture: %d %s", status, body)
	}
	for i := range complaints.MaxPictures {
		if status, body := p.attach(id, jar, photo(t, 20+i)); status != 303 {
			t.Fatalf("picture %d: %d %s", i, status, body)
		}
	}
	if status, _ := p.attach(id, jar, photo(t, 30)); status != 409 {
		t.Errorf("one more picture: %d", status)
	}
	if body := page("pictures", 200); !strings.Contains(body, `<img src="`+step("pictures/1")+`"`) {
		t.Errorf("the picture is not shown: %s", body)
	}
	for name, c := range map[string]struct {
		at, jar string
		status  int
	}{"to the browser that writes": {"pictures/1", jar, 200}, "to another": {"pictures/1", "Cookie: a=b", 404}, "to a wrong code": {"pictures/1", strings.Split(jar, "=")[0] + "=mct_wrong", 403}, "none": {"pictures/9", jar, 404}, "no number": {"pictures/x", jar, 404}} {
		w := p.call("GET", step(c.at), "", nil, c.jar)
		if h := w.Header(); w.Code != c.status || c.status == 200 && (h.Get("Content-Type") != "image/png" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") || h.Get("Cache-Control") != "no-store") {
			t.Errorf("a picture %s: %d %v", name, w.Code, h)
		}
	}
	p.goes(t, step("pictures/remove"), url.Values{"number": {"1"}}, step("pictures"), jar)
	if w := p.call("GET", step("pictures/1"), "", nil, jar); w.Code != 404 {
		t.Errorf("a picture that was taken back: %d", w.Code)
	}
	p.goes(t, step("contact"), url.Values{"mobile": {in.Contact.Mobile}}, step("check"), jar)
	if leaves := p.leaves(t); len(leaves) != 0 {
		t.Errorf("logged before it was filed: %v", leaves)
	}
	if dump := p.dump(t); strings.Contains(dump, in.Text) {
		t.Error("what was written is legible in the store")
	}

	p.goes(t, step("details"), url.Values{"order": {in.Purchase.Order}, "day": {in.Purchase.Day}, "amount": {"4500000"}, "text": {in.Text + " Twice."}, "from": {"check"}}, step("check"), jar)
	w := p.call("POST", step("check"), url.Values{"code": {p.phone.code("+989121112233")}}.Encode(), nil, asForm, jar)
	if w.Code != 201 || first(t, tokenShown, w.Body.String()) != token || !strings.Contains(w.Header().Get("Set-Cookie"), "Max-Age=0") {
		t.Fatalf("filed: %d %v %s", w.Code, w.Header(), w.Body)
	}
	if again := p.call("POST", step("check"), "code=1", nil, asForm, jar); again.Code != 200 || !strings.Contains(again.Body.String(), `name="token"`) {
		t.Errorf("sent again: %d %s", again.Code, again.Body)
	}
	body := p.call("POST", "/complaints/"+id, "token="+token, nil, asForm).Body.String()
	for _, want := range []string{"Twice.", "Picture 1 (", "Picture 2 (", other.LegalID} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not in the complaint: %s", want, body)
		}
	}
}

func TestACodeConfirmsOnlyTheContactItWasSentTo(t *testing.T) {
	p := newPortal(t)
	id, _, jar := p.begun(t, "en")
	step := func(name string) string { return "/complaints/drafts/" + id + "/" + name }
	in := filing()
	p.goes(t, step("details"), url.Values{"order": {in.Purchase.Order}, "day": {in.Purchase.Day}, "amount": {"4500000"}, "text": {in.Text}}, step("pictures"), jar)
	p.goes(t, step("contact"), url.Values{"mobile": {in.Contact.Mobile}}, step("check"), jar)
	mine := p.phone.code("+989121112233")
	p.goes(t, step("contact"), url.Values{"mobile": {"09121119999"}}, step("check"), jar)
	if w := p.call("POST", step("check"), "code="+mine, nil, asForm, jar); w.Code != 403 {
		t.Fatalf("the code of another telephone: %d %s", w.Code, w.Body)
	}
	if w := p.call("POST", step("check"), "code="+p.phone.code("+989121119999"), nil, asForm, jar); w.Code != 201 {
		t.Fatalf("its own code: %d %s", w.Code, w.Body)
	}
}

func TestWhatWasWrittenIsOpenedElsewhereByItsCode(t *testing.T) {
	p := newPortal(t)
	id, token, _ := p.begun(t, "en")
	elsewhere := p.call("GET", "/complaints/drafts/"+id+"/details", "", nil)
	if elsewhere.Code != 200 || !strings.Contains(elsewhere.Body.String(), `name="token"`) || strings.Contains(elsewhere.Body.String(), `name="order"`) {
		t.Fatalf("without its code: %d %s", elsewhere.Code, elsewhere.Body)
	}
	if w := p.call("GET", "/complaints/drafts/"+id+"/details", "", nil, "Cookie: __Host-mohr-"+id+"=x"); w.Code != 403 {
		t.Errorf("with a wrong code: %d %s", w.Code, w.Body)
	}
	if w := p.call("POST", "/complaints/"+id, "token=x", nil, asForm); w.Code != 404 {
		t.Errorf("a wrong code: %d %s", w.Code, w.Body)
	}
	w := p.call("POST", "/complaints/"+id, "token="+token, nil, asForm)
	if w.Code != 303 || w.Header().Get("Location") != "/complaints/drafts/"+id+"/details" || !strings.Contains(w.Header().Get("Set-Cookie"), token) {
		t.Fatalf("its code: %d %v %s", w.Code, w.Header(), w.Body)
	}
	if status, body := p.attach(id, "Cookie: __Host-mohr-"+id+"="+token, photo(t, 20)); status != 303 {
		t.Fatalf("%d %s", status, body)
	}
	p.clock.advance(72 * time.Hour)
	if n, err := p.PruneDrafts(t.Context()); n != 1 || err != nil {
		t.Errorf("pruned %d, %v", n, err)
	}
	if strings.Contains(p.dump(t), id) {
		t.Error("something of it is left")
	}
}

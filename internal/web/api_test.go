package web_test

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/internal/web"
)

func TestErrorsAreAPageForPeopleAndAProblemForPrograms(t *testing.T) {
	r := newRoom(t, nil)
	page := r.call("GET", "/nothing", "", "Accept: text/html,application/xhtml+xml")
	if page.Code != 404 || !strings.Contains(page.Body.String(), `dir="rtl"`) || !strings.Contains(page.Body.String(), "route_unknown") {
		t.Errorf("page: %d %s", page.Code, page.Body)
	}
	if p := problem(t, r.call("GET", "/nothing", "")); p.Code != "route_unknown" || p.Title != "Not found" {
		t.Errorf("a program that states no language: %+v", p)
	}
	if w := r.call("HEAD", "/nothing", ""); w.Code != 404 || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d %s", w.Code, w.Body)
	}
	// The API answers problems, whatever it is asked with.
	problem(t, r.call("GET", "/api/v1/nothing", "", "Accept: text/html"))
}

func TestAPanicIsLoggedOnceAndTellsNothing(t *testing.T) {
	r := newRoom(t, nil)
	for _, w := range []*httptest.ResponseRecorder{
		r.call("GET", "/panic", "", "Accept: text/html"),
		r.call("POST", "/api/v1/things", `{"person":{"national_code":"2222222222"}}`),
		r.call("POST", "/api/v1/things", `{"person":{"national_code":"0000000000"}}`),
	} {
		if w.Code != 500 || strings.Contains(w.Body.String(), "boom") || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		id := w.Header().Get("X-Request-Id")
		if n := strings.Count(r.log.String(), id); n != 1 || !strings.Contains(w.Body.String(), id) {
			t.Errorf("request %s is in the log %d times", id, n)
		}
	}
	if strings.Contains(r.log.String(), "0000000000") {
		t.Error("the body is in the log")
	}
}

func TestARawBodyReachesItsHandlerAsItIs(t *testing.T) {
	r := newRoom(t, nil)
	body := "\x30\x82\x00\xff\x00"
	w := r.call("POST", "/api/v1/things/7/csr", body, "Content-Type: application/pkcs10", "Authorization: bearer right")
	if w.Code != 200 || w.Body.String() != "7 application/pkcs10 "+body || w.Header().Get("Content-Type") != "application/pem-certificate-chain" {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
}

func TestAnswersHaveEmptyListsAndNotNull(t *testing.T) {
	if w := newRoom(t, nil).call("POST", "/api/v1/things", good); !strings.Contains(w.Body.String(), `"needs":[]`) {
		t.Errorf("%s", w.Body)
	}
}

func TestAProblemNamesTheField(t *testing.T) {
	r := newRoom(t, nil)
	const bad = `{"person":{"national_code":"12"},"locale":"de"}`
	en := problem(t, r.call("POST", "/api/v1/things", bad))
	fields := func(p web.Problem) (names []string) {
		for _, f := range p.Errors {
			names = append(names, f.Field)
		}
		slices.Sort(names)
		return names
	}
	if d := cmp.Diff([]string{"body.locale", "body.person.national_code"}, fields(en)); d != "" {
		t.Errorf("fields: %s", d)
	}
	fa := problem(t, r.call("POST", "/api/v1/things", bad, "Accept-Language: fa"))
	for _, f := range fa.Errors {
		if strings.Contains(f.Text, "expected") || strings.Contains(f.Text, "web.") {
			t.Errorf("not Persian: %s", f.Text)
		}
	}
	for _, f := range problem(t, r.call("POST", "/api/v1/things", `{"person":{}}`, "Accept-Language: fa")).Errors {
		if f.Text != "فیلد لازم نیامده است: national_code" {
			t.Errorf("a field that is missing: %s", f.Text)
		}
	}
	if w := r.call("POST", "/api/v1/things", bad); strings.Contains(w.Body.String(), `"12"`) {
		t.Errorf("the value is repeated: %s", w.Body)
	}
}

func TestTheOpenAPIDocumentListsTheOperations(t *testing.T) {
	r := newRoom(t, nil)
	w := r.call("GET", "/openapi.json", "")
	var doc struct {
		OpenAPI    string
		Info       struct{ Title, Version string }
		Servers    []struct{ URL string }
		Paths      map[string]map[string]map[string]any
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || doc.Info.Title == "" || doc.Info.Version == "" || doc.Servers[0].URL != "https://localhost:8443/api/v1" {
		t.Errorf("head: %+v", doc.Info)
	}
	ids := map[string]string{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			ids[op["operationId"].(string)] = method + " " + path
			if _, ok := op["responses"].(map[string]any)["default"]; !ok {
				t.Errorf("%s has no problem", path)
			}
		}
	}
	want := map[string]string{"create-thing": "post /things", "put-csr": "post /things/{id}/csr", "get-thing": "get /things/{id}"}
	if d := cmp.Diff(want, ids); d != "" {
		t.Error(d)
	}
	for name := range doc.Components.Schemas {
		if strings.Contains(name, "Huma") || strings.Contains(name, "ErrorModel") {
			t.Errorf("schema %s is not ours", name)
		}
	}
	body := w.Body.String()
	for ref := range strings.SplitSeq(body, `"$ref":"#/components/schemas/`) {
		name, _, _ := strings.Cut(ref, `"`)
		if _, ok := doc.Components.Schemas[name]; !ok && !strings.HasPrefix(ref, "{") {
			t.Errorf("reference to %q leads nowhere", name)
		}
	}
	for _, s := range []string{"Idempotency-Key", "application/pkcs10", "application/x-pem-file", "application/pem-certificate-chain", "application/problem+json"} {
		if !strings.Contains(body, s) {
			t.Errorf("no %s in the document", s)
		}
	}
	if strings.Contains(body, "$schema") || strings.Contains(body, "unpkg") {
		t.Error("links that nobody asked for")
	}
	for _, path := range []string{"/docs", "/api/v1/docs", "/api/v1/openapi.json", "/api/v1/schemas/Problem.json"} {
		if w := r.call("GET", path, ""); w.Code != 404 {
			t.Errorf("%s is there: %d", path, w.Code)
		}
	}
}

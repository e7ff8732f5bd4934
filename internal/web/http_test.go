package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/store"
	"mohr/internal/web"
)

// room is a small room with one of everything.
type room struct {
	*web.Server
	log   *strings.Builder
	clock time.Time
	runs  chan string // names of what ran
	hold  chan struct{}
}

type person struct {
	NationalCode string   `json:"national_code" minLength:"10" maxLength:"10"`
	Tags         []string `json:"tags,omitempty"`
}

type createInput struct {
	Body struct {
		Person person `json:"person"`
		Locale string `json:"locale,omitempty" enum:"fa,en"`
	}
}

type createOutput struct {
	Location string `header:"Location"`
	Body     struct {
		ID    string   `json:"id"`
		Token string   `json:"token"`
		Needs []string `json:"needs"`
	}
}

type rawInput struct {
	ID          string `path:"id"`
	ContentType string `header:"Content-Type"`
	RawBody     []byte
}

type rawOutput struct{ Body []byte }

func newRoom(t testing.TB, change func(*web.Config)) *room {
	t.Helper()
	st, err := store.OpenBolt(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	texts, err := i18n.Parse(web.Texts, []byte(`
room.title: {en: "A <room>", fa: "اتاق"}
room.count: {en: "%d things", fa: "%d چیز"}
room_closed: {fa: "اتاق تا %[1]v بسته است"}
`))
	if err != nil {
		t.Fatal(err)
	}
	r := &room{log: &strings.Builder{}, clock: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), runs: make(chan string, 100)}
	c := web.Config{
		Store: st, Texts: texts, Portal: "https://localhost:8443", Simulated: true,
		Log:    slog.New(slog.NewTextHandler(r.log, nil)),
		Now:    func() time.Time { return r.clock },
		Secret: []byte("0123456789abcdef0123456789abcdef"),
		Pages: []fs.FS{fstest.MapFS{"pages/room.html": {Data: []byte(
			`{{define "title"}}{{.T "room.title"}}{{end}}{{define "main"}}<p>{{.Data.Said}}</p><p>{{.T "room.count" 12}}</p><time>{{.Date .Data.When}}</time>{{template "form-error" .Data.Error}}{{end}}`)}}},
	}
	if change != nil {
		change(&c)
	}
	if r.Server, err = web.New(c); err != nil {
		t.Fatal(err)
	}
	r.routes()
	return r
}

// pageData is the Data of the room's page.
type pageData struct {
	Said  string
	When  time.Time
	Error *web.FormError
}

func (r *room) routes() {
	web.Handle(r.Server, web.Operation{Method: "POST", Path: "/things", ID: "create-thing", Summary: "Create a thing", Tag: "room", Status: 201, MaxBody: 2000},
		func(ctx context.Context, in *createInput) (*createOutput, error) {
			r.runs <- in.Body.Person.NationalCode
			if r.hold != nil {
				<-r.hold
			}
			switch in.Body.Person.NationalCode {
			case "0000000000":
				return nil, errors.New("secret detail of the database")
			case "1111111111":
				return nil, fault.New(fault.Conflict, "room_closed", "the room is closed until %[1]v", 7)
			case "2222222222":
				panic("boom")
			case "3333333333":
				return nil, fault.New(fault.Denied, "room_denied", "this person may not come in; ask for leave")
			}
			out := &createOutput{Location: "/api/v1/things/1"}
			out.Body.ID, out.Body.Token = "1", "tok"+time.Now().String()
			return out, nil
		})
	web.Handle(r.Server, web.Operation{Method: "POST", Path: "/things/{id}/csr", ID: "put-csr", Tag: "room", Accepts: []string{"application/pkcs10", "application/x-pem-file"}, Produces: "application/pem-certificate-chain", Bearer: true},
		func(ctx context.Context, in *rawInput) (*rawOutput, error) {
			token, err := web.Bearer(ctx)
			if err != nil {
				return nil, err
			}
			if token != "right" {
				return nil, web.TokenInvalid()
			}
			return &rawOutput{append([]byte(in.ID+" "+in.ContentType+" "), in.RawBody...)}, nil
		})
	web.Handle(r.Server, web.Operation{Method: "GET", Path: "/things/{id}", ID: "get-thing", Tag: "room"},
		func(ctx context.Context, in *struct {
			ID   string `path:"id"`
			From int    `query:"from" minimum:"1"`
		}) (*struct{ Body map[string]string }, error) {
			return nil, map[string]error{
				"none":  fault.New(fault.NotFound, "thing_unknown", "there is no such thing"),
				"busy":  fault.New(fault.Limited, "room_full", "too many"),
				"down":  fault.New(fault.Unavailable, "registry_down", "the registry does not answer; try again later"),
				"stale": context.DeadlineExceeded,
			}[in.ID]
		})
	r.Echo.GET("/room", func(c echo.Context) error {
		return web.Page(c, 200, "room", pageData{Said: `<script>alert("x")</script>`, When: r.clock})
	})
	r.Echo.POST("/room", func(c echo.Context) error {
		form, err := web.Form(c)
		if err != nil {
			return err
		}
		if form.Get("name") == "" {
			e := web.FormFault(c, fault.New(fault.Invalid, "room_closed", "closed until %[1]v", 8))
			return web.Page(c, e.Status, "room", pageData{Said: form.Get("name"), Error: e})
		}
		return c.Redirect(http.StatusSeeOther, "/room?ok=1")
	})
	r.Echo.GET("/panic", func(echo.Context) error { panic("boom") })
	r.Echo.GET("/badge.svg", func(c echo.Context) error {
		web.Embeddable(c)
		return c.Blob(200, "image/svg+xml", []byte("<svg/>"))
	})
	r.Echo.GET("/frame", func(c echo.Context) error {
		web.Framable(c)
		return web.Page(c, 200, "room", pageData{})
	})
}

// call sends a request with headers given as "Name: value".
func (r *room) call(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	return send(r.Handler(), method, target, body, headers...)
}

func send(h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	var b io.Reader
	if body != "" {
		b = strings.NewReader(body)
	}
	req := httptest.NewRequest(method, target, b)
	if body != "" && method == "POST" && strings.HasPrefix(body, "{") {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		req.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

// problem decodes an answer that must be a problem.
func problem(t *testing.T, w *httptest.ResponseRecorder) web.Problem {
	t.Helper()
	if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Fatalf("Content-Type %q, status %d, body %s", ct, w.Code, w.Body)
	}
	var p web.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != w.Code || p.Type != "urn:mohr:problem:"+p.Code || p.Title == "" || p.Detail == "" || !strings.HasPrefix(p.Instance, "urn:mohr:request:") {
		t.Errorf("problem is not whole: %+v, status %d", p, w.Code)
	}
	return p
}

const good = `{"person":{"national_code":"0012345678"}}`

func TestAProblemHasItsStatusAndCode(t *testing.T) {
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code                     string
	}{
		{"a name twice is refused", "POST", "/api/v1/things", `{"person":{"national_code":"0012345678","national_code":"0012345679"}}`, nil, 400, "json_duplicate_key"},
		{"a name twice behind a value of the wrong type is refused", "POST", "/api/v1/things", `{"person":3,"locale":"fa","locale":"fa"}`, nil, 400, "json_duplicate_key"},
		{"a field that is not there is refused", "POST", "/api/v1/things", `{"person":{"national_code":"0012345678"},"admin":true}`, nil, 422, "json_unknown_field"},
		{"a field in another case is refused", "POST", "/api/v1/things", `{"Person":{"national_code":"0012345678"}}`, nil, 422, "json_unknown_field"},
		{"a second value is refused", "POST", "/api/v1/things", good + `{}`, nil, 400, "json_malformed"},
		{"half a value is refused", "POST", "/api/v1/things", `{"person":{`, nil, 400, "json_malformed"},
		{"invalid UTF-8 is refused", "POST", "/api/v1/things", "{\"person\":{\"national_code\":\"\xff\"}}", nil, 400, "json_malformed"},
		{"an empty body is refused", "POST", "/api/v1/things", "", nil, 400, "body_missing"},
		{"a body past the limit is refused", "POST", "/api/v1/things", `{"locale":"` + strings.Repeat("a", 2000) + `"}`, nil, 413, "body_too_large"},
		{"a form is refused where JSON is taken", "POST", "/api/v1/things", "a=b", []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "media_type_unsupported"},
		{"a missing field is refused", "POST", "/api/v1/things", `{}`, nil, 422, "request_invalid"},
		{"a value of the wrong type is refused", "POST", "/api/v1/things", `{"person":{"national_code":12}}`, nil, 422, "request_invalid"},
		{"null for an object is refused", "POST", "/api/v1/things", `{"person":null}`, nil, 422, "request_invalid"},
		{"a value that is too short is refused", "POST", "/api/v1/things", `{"person":{"national_code":"1"}}`, nil, 422, "request_invalid"},
		{"a query value out of range is refused", "GET", "/api/v1/things/x?from=0", "", nil, 422, "request_invalid"},
		{"a fault of the room is its own problem", "POST", "/api/v1/things", `{"person":{"national_code":"1111111111"}}`, nil, 409, "room_closed"},
		{"denied is 403", "POST", "/api/v1/things", `{"person":{"national_code":"3333333333"}}`, nil, 403, "room_denied"},
		{"any other error is internal", "POST", "/api/v1/things", `{"person":{"national_code":"0000000000"}}`, nil, 500, "internal"},
		{"a panic is internal", "POST", "/api/v1/things", `{"person":{"national_code":"2222222222"}}`, nil, 500, "internal"},
		{"a panic under a key is internal", "POST", "/api/v1/things", `{"person":{"national_code":"2222222222"}}`, []string{"Idempotency-Key: a"}, 500, "internal"},
		{"an unknown thing is 404", "GET", "/api/v1/things/none?from=1", "", nil, 404, "thing_unknown"},
		{"too many tries is 429", "GET", "/api/v1/things/busy?from=1", "", nil, 429, "room_full"},
		{"a registry that is down is 503", "GET", "/api/v1/things/down?from=1", "", nil, 503, "registry_down"},
		{"a deadline is 503", "GET", "/api/v1/things/stale?from=1", "", nil, 503, "request_timeout"},
		{"an unknown address is 404", "GET", "/api/v1/nothing", "", nil, 404, "route_unknown"},
		{"an unknown method is 405", "DELETE", "/api/v1/things", "", nil, 405, "method_not_allowed"},
		{"no token is 401", "POST", "/api/v1/things/7/csr", "x", []string{"Content-Type: application/pkcs10"}, 401, "token_missing"},
		{"a wrong token is 401", "POST", "/api/v1/things/7/csr", "x", []string{"Content-Type: application/pkcs10", "Authorization: Bearer wrong"}, 401, "token_invalid"},
		{"a raw body of another type is refused", "POST", "/api/v1/things/7/csr", "x", []string{"Content-Type: text/plain"}, 415, "media_type_unsupported"},
		{"a raw body of no type is refused where two are taken", "POST", "/api/v1/things/7/csr", "x", nil, 415, "media_type_unsupported"},
		{"no raw body is refused", "POST", "/api/v1/things/7/csr", "", []string{"Content-Type: application/pkcs10"}, 400, "body_missing"},
		{"another site's page is refused", "POST", "/api/v1/things", good, []string{"Sec-Fetch-Site: cross-site"}, 403, "cross_site"},
		{"another origin is refused", "POST", "/api/v1/things", good, []string{"Origin: https://evil.example"}, 403, "cross_site"},
		{"a key with spaces is refused", "POST", "/api/v1/things", good, []string{"Idempotency-Key: a b"}, 422, "idempotency_key_invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRoom(t, nil)
			w := r.call(c.method, c.path, c.body, c.headers...)
			p := problem(t, w)
			if w.Code != c.status || p.Code != c.code {
				t.Errorf("got %d %s, want %d %s: %s", w.Code, p.Code, c.status, c.code, p.Detail)
			}
			fa := problem(t, newRoom(t, nil).call(c.method, c.path, c.body, append(c.headers, "Accept-Language: fa-IR,fa;q=0.9,en;q=0.5")...))
			if fa.Code != c.code || fa.Title == p.Title {
				t.Errorf("in Persian: %+v", fa)
			}
			if known := c.code != "thing_unknown" && c.code != "room_full" && c.code != "registry_down" && c.code != "room_denied"; known && fa.Detail == p.Detail {
				t.Errorf("no Persian text of %s: %s", c.code, fa.Detail)
			}
			switch {
			case c.status == 401 && !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer"),
				(c.status == 429 || c.status == 503) && w.Header().Get("Retry-After") == "":
				t.Errorf("headers of %d are missing: %v", c.status, w.Header())
			}
		})
	}
}

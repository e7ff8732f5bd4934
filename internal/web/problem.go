package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"
)

// Problem is the body of an error answer, application/problem+json
// (RFC 9457, section 3).
type Problem struct {
	Type     string         `json:"type" format:"uri" doc:"urn:mohr:problem: and the code"`
	Title    string         `json:"title" doc:"what kind of problem this is, in the reader's language"`
	Status   int            `json:"status" doc:"the HTTP status"`
	Detail   string         `json:"detail" doc:"what is wrong and what to do next, in the reader's language"`
	Code     string         `json:"code" doc:"stable name of the problem"`
	Instance string         `json:"instance" format:"uri" doc:"urn:mohr:request: and the request's number in the log"`
	Errors   []FieldProblem `json:"errors,omitempty" doc:"which parts of the request are wrong"`

	lang string
}

// FieldProblem names one part of a request and what is wrong with it.
type FieldProblem struct {
	Field string `json:"field" doc:"body.person.mobile, query.from, path.id"`
	Text  string `json:"text" doc:"what is wrong, in the reader's language"`
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus makes a Problem an error that huma writes as it is.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns the headers that go with the status.
func (p *Problem) GetHeaders() http.Header {
	h := extraHeaders(p.Status, p.Code)
	h.Set("Content-Language", p.lang)
	h.Set("Vary", "Accept-Language, Cookie")
	h.Set("Cache-Control", "no-store")
	return h
}

// ContentType is what a Problem is sent as.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// problem says err in lang.
func (f *face) problem(ctx context.Context, lang string, err error) *Problem {
	ft := asFault(err)
	status := statusOf(ft)
	return &Problem{
		Type:     "urn:mohr:problem:" + ft.Code(),
		Title:    f.texts.Text(lang, fmt.Sprintf("web.status.%d", status)),
		Status:   status,
		Detail:   f.texts.Fault(lang, ft),
		Code:     ft.Code(),
		Instance: "urn:mohr:request:" + RequestID(ctx),
		lang:     lang,
	}
}

func (f *face) writeProblem(c echo.Context, p *Problem) {
	h := c.Response().Header()
	for k, v := range p.GetHeaders() {
		h[k] = v
	}
	h.Set("Content-Type", p.ContentType(""))
	var b bytes.Buffer
	if err := json.MarshalWrite(&b, p); err != nil {
		f.log.Error("write problem", "request", RequestID(c.Request().Context()), "error", err)
	}
	c.Response().WriteHeader(p.Status)
	if c.Request().Method != http.MethodHead {
		c.Response().Write(b.Bytes()) // a client that is gone cannot be told
	}
}

// wantsPage reports whether the client is one that shows HTML to a person.
func wantsPage(r *http.Request) bool {
	return !isAPI(r) && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// errorView is the Data of the error page.
type errorView struct {
	Title, Detail, Code, Request string
	Status                       int
}

func (f *face) errorPage(c echo.Context, p *Problem) error {
	for k, v := range p.GetHeaders() {
		c.Response().Header()[k] = v
	}
	return Page(c, p.Status, "error", errorView{
		Title: p.Title, Detail: p.Detail, Code: p.Code, Status: p.Status,
		Request: RequestID(c.Request().Context()),
	})
}

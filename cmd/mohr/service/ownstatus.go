package service

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"

	"mohr/ca/document/online"
)

// ownStatuses tells of our own certificates what our own status service says,
// without going out. Of others' it knows nothing: an address in a document
// that a stranger sent leads nowhere from here.
func (r *rooms) ownStatuses() online.Source {
	return online.Source{HTTP: &http.Client{Transport: within{r.Config.Publish, r.status.Handler()}}}
}

// within answers requests for what is published here by its handler.
type within struct {
	publish string // base URL
	handler http.Handler
}

// RoundTrip implements http.RoundTripper.
func (w within) RoundTrip(q *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(q.URL.String(), w.publish+"/") {
		return nil, fmt.Errorf("%s is not published here", q.URL.Host)
	}
	a := &answer{header: http.Header{}, status: http.StatusOK}
	w.handler.ServeHTTP(a, q)
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Header: a.header, Request: q, Body: io.NopCloser(&a.body),
	}, nil
}

// answer keeps what a handler writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

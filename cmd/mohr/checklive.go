package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"mohr/ca/consistency"
	"mohr/internal/ledger"
)

// maxPublished bounds a CRL, a certificate or an answer of OCSP.
const maxPublished = 64 << 20

// liveAt prepares to ask a service: CRLs, certificates and OCSP at the base
// URL plain, the log at the portal.
func (f *checkRun) liveAt(plain, portal string) (*consistency.Live, error) {
	size, err := f.sampleSize()
	if err != nil {
		return nil, err
	}
	vkey, err := readVkey(f.vkey)
	if err != nil {
		return nil, err
	}
	api, err := serverFlags{server: portal, root: f.root}.dial(nil)
	if err != nil {
		return nil, err
	}
	web := published{base: strings.TrimSuffix(plain, "/"), http: &http.Client{Timeout: time.Minute}}
	return &consistency.Live{
		Get: func(ctx context.Context, path string) ([]byte, error) { return web.ask(ctx, http.MethodGet, path, nil) },
		Post: func(ctx context.Context, path string, b []byte) ([]byte, error) {
			return web.ask(ctx, http.MethodPost, path, b)
		},
		Log: ledger.Public{Key: vkey, Fetch: func(ctx context.Context, path string) ([]byte, error) {
			return api.fetch(ctx, request{method: http.MethodGet, path: "/log/" + path})
		}},
		Sample: size,
	}, nil
}

// published reads what a service publishes for relying parties.
type published struct {
	base string
	http *http.Client
}

func (p published) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, method, p.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost {
		q.Header.Set("Content-Type", "application/ocsp-request")
	}
	r, err := p.http.Do(q)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, maxPublished))
	switch {
	case err != nil:
		return nil, err
	case r.StatusCode == http.StatusNotFound:
		return nil, consistency.ErrNone
	case r.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s %s: %s", method, path, r.Status)
	}
	return b, nil
}

package status

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
)

const ocspRequestType = "application/ocsp-request"

// prefixes are the paths below which Handler answers.
var prefixes = []string{"/ocsp/", "/crl/", "/ca/"}

// Handler serves what relying parties need, on the listener without TLS, with
// as little as possible around it. It reads paths as they were sent: a
// router's cleaning, that of http.ServeMux too, would join base64's slashes.
func (r *Responder) Handler() http.Handler { return http.HandlerFunc(r.serveHTTP) }

// Before serves the paths of Handler, and leaves all others to next.
func (r *Responder) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(q.URL.Path, p) }) {
			r.serveHTTP(w, q)
			return
		}
		next.ServeHTTP(w, q)
	})
}

func (r *Responder) serveHTTP(w http.ResponseWriter, q *http.Request) {
	defer r.caught(w)
	path := q.URL.EscapedPath()
	if rest, ok := strings.CutPrefix(path, "/ocsp/"); ok {
		r.serveOCSP(w, q, rest)
		return
	}
	if q.Method != http.MethodGet && q.Method != http.MethodHead {
		notAllowed(w, "GET, HEAD")
		return
	}
	if rest, ok := strings.CutPrefix(path, "/crl/"); ok {
		r.serveCRL(w, q, rest)
		return
	}
	name, ok := strings.CutPrefix(path, "/ca/")
	if ok {
		name, ok = strings.CutSuffix(name, ".cer")
	}
	if !ok {
		name = "" // nobody's
	}
	der, err := r.Certificate(q.Context(), name)
	if err != nil {
		r.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/pkix-cert")
	w.Header().Set("Cache-Control", "max-age=3600, public")
	http.ServeContent(w, q, "", time.Time{}, bytes.NewReader(der))
}

func (r *Responder) serveOCSP(w http.ResponseWriter, q *http.Request, rest string) {
	issuer, text, slash := strings.Cut(rest, "/")
	body, ok := takeRequest(w, q, text, slash)
	if !ok {
		return
	}
	a, err := r.OCSP(q.Context(), ca.IssuerID(issuer), body)
	if err != nil {
		r.refuse(w, err)
		return
	}
	h := w.Header()
	h["Content-Type"] = ocspType
	if q.Method == http.MethodPost || !a.Reusable {
		h["Cache-Control"] = noStore
		w.Write(a.DER)
		return
	}
	r.keep(w, q, a.DER, a.kept, a.life())
}

// takeRequest takes an OCSPRequest by POST, or from the path, where it is
// what follows the issuer's slash (RFC 6960 appendix A.1). What is no request
// by its form it answers itself.
func takeRequest(w http.ResponseWriter, q *http.Request, text string, slash bool) (body []byte, ok bool) {
	switch get := q.Method == http.MethodGet || q.Method == http.MethodHead; {
	case get && slash:
		return decodePath(text), true
	case q.Method == http.MethodPost && text == "":
		if kind, _, _ := strings.Cut(q.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), ocspRequestType) {
			plain(w, http.StatusUnsupportedMediaType, "send "+ocspRequestType)
			return nil, false
		}
		body, err := readBody(q)
		if err != nil {
			plain(w, http.StatusBadRequest, "the body ended early")
		}
		return body, err == nil
	case slash:
		notAllowed(w, "GET, HEAD, POST")
	default:
		plain(w, http.StatusNotFound, "there is nothing here; take the address from the certificate")
	}
	return nil, false
}

// readBody reads one octet more than is taken: what is too long is malformed.
func readBody(q *http.Request) ([]byte, error) {
	if n := q.ContentLength; n >= 0 && n <= maxRequest {
		body := make([]byte, n)
		_, err := io.ReadFull(q.Body, body)
		return body, err
	}
	return io.ReadAll(io.LimitReader(q.Body, maxRequest+1))
}

// decodePath reads base64, whose slashes, pluses and equals signs come raw or
// percent-encoded, with its padding or without. It returns nothing, which is
// malformed, unless all of it can be read.
func decodePath(escaped string) []byte {
	if len(escaped) > 3*base64.StdEncoding.EncodedLen(maxRequest) {
		return nil
	}
	text, err := url.PathUnescape(escaped)
	if err != nil || strings.ContainsAny(text, "\r\n") { // which the decoder would skip
		return nil
	}
	body, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil
	}
	return body
}

func (r *Responder) serveCRL(w http.ResponseWriter, q *http.Request, rest string) {
	issuer, file, _ := strings.Cut(rest, "/")
	shard, ok := strings.CutSuffix(file, ".crl")
	n, err := strconv.Atoi(shard)
	if !ok || err != nil || strconv.Itoa(n) != shard {
		r.refuse(w, errNoCRL())
		return
	}
	l, err := r.published(q.Context(), issuer, n)
	if err != nil {
		r.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/pkix-crl")
	r.keep(w, q, l.DER, l.kept, l.life())
}

// published returns the CRL of a shard of an issuing CA, or of a root, which
// has one.
func (r *Responder) published(ctx context.Context, issuer string, n int) (*list, error) {
	if _, ok := r.issuers[ca.IssuerID(issuer)]; ok || n != 0 {
		return r.list(ctx, ca.IssuerID(issuer), n)
	}
	c, err := r.RootCRL(ctx, issuer)
	if err != nil {
		return nil, err
	}
	return newList(&c), nil
}

// kept is what HTTP says of bytes that others may keep.
type kept struct{ tag, modified, length []string }

func keptOf(der []byte, this time.Time) kept {
	sum := sha256.Sum256(der)
	return kept{
		tag:      []string{`"` + hex.EncodeToString(sum[:16]) + `"`},
		modified: []string{this.UTC().Format(http.TimeFormat)},
		length:   []string{strconv.Itoa(len(der))},
	}
}

// expires is the text of a moment a minute ahead, which many answers share.
type expires struct {
	now  int64 // Unix time
	text []string
}

// keep sends bytes that others may keep for a minute, but not past nextUpdate
// (RFC 5019 section 6.2). Expires is that minute too and not nextUpdate: an
// old cache would keep a good one past a revocation.
func (r *Responder) keep(w http.ResponseWriter, q *http.Request, der []byte, k kept, l life) {
	now := r.now()
	h := w.Header()
	h["Etag"] = k.tag
	if left := l.next.Sub(now); left >= maxAge {
		e := r.expires.Load()
		if e == nil || e.now != now.Unix() {
			e = &expires{now.Unix(), []string{now.Add(maxAge).Format(http.TimeFormat)}}
			r.expires.Store(e)
		}
		h["Cache-Control"], h["Expires"] = minute, e.text
	} else {
		left = max(left, 0)
		h["Cache-Control"] = []string{fmt.Sprintf("max-age=%d, public, no-transform, must-revalidate", int(left.Seconds()))}
		h["Expires"] = []string{now.Add(left).Format(http.TimeFormat)}
	}
	// In its first second it may yet be followed by another of the same time,
	// which If-Modified-Since could not tell from it.
	modified := l.this
	if !now.After(modified) {
		modified = time.Time{}
	}
	if q.Method != http.MethodGet || conditional(q.Header) {
		http.ServeContent(w, q, "", modified, bytes.NewReader(der))
		return
	}
	if !modified.IsZero() {
		h["Last-Modified"] = k.modified
	}
	h["Content-Length"] = k.length
	w.Write(der)
}

// Headers that many answers share; net/http does not change them.
var (
	minute   = []string{fmt.Sprintf("max-age=%d, public, no-transform, must-revalidate", int(maxAge.Seconds()))}
	noStore  = []string{"no-store"}
	ocspType = []string{"application/ocsp-response"}
)

// conditional reports whether the request wants more thought than the bytes.
func conditional(h http.Header) bool {
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "Range"} {
		if _, ok := h[name]; ok {
			return true
		}
	}
	return false
}

// refuse answers the readers of a protocol in plain text.
func (r *Responder) refuse(w http.ResponseWriter, err error) {
	f, ok := fault.Of(err)
	switch {
	case !ok:
		r.Log.Error("status not answered", "error", err)
		plain(w, http.StatusInternalServerError, "something is wrong here; try again in a minute")
	case errors.Is(err, fault.Unavailable):
		w.Header().Set("Retry-After", "60")
		plain(w, http.StatusServiceUnavailable, f.Error())
	default:
		plain(w, http.StatusNotFound, f.Error())
	}
}

func notAllowed(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	plain(w, http.StatusMethodNotAllowed, "use one of "+allow)
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n")
}

// caught answers where a handler panicked.
func (r *Responder) caught(w http.ResponseWriter) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	r.refuse(w, fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
}

package web

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"net/http"
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/language"

	"mohr/internal/fault"
	"mohr/internal/i18n"
)

// request is what the frame learns about a request and keeps in its context.
type request struct {
	id     string
	lang   string // "fa" or "en"
	stated bool   // the reader chose lang; otherwise it is the place's default
	peer   *x509.Certificate
	auth   string // the Authorization header
	addr   netip.Addr
}

type requestKey struct{}

func of(ctx context.Context) *request {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		return r
	}
	return &request{lang: i18n.English}
}

// Lang returns the reader's language of the request: "fa" or "en".
func Lang(ctx context.Context) string { return of(ctx).lang }

// RequestID returns the identifier under which the log speaks of the request.
func RequestID(ctx context.Context) string { return of(ctx).id }

// PeerCertificate returns the TLS client certificate of the request whose
// context ctx is, or nil. TLS has shown that the peer holds its key and that
// it chains to the listener's client CAs; a certificate that a listener asked
// for without checking its chain is not returned. Whether it is revoked and
// what its holder may do is for the room to say.
func PeerCertificate(ctx context.Context) *x509.Certificate { return of(ctx).peer }

// Bearer returns the token of the request's Authorization header (RFC 6750,
// section 2.1), or a Denied fault that is answered with 401.
func Bearer(ctx context.Context) (string, error) {
	scheme, token, _ := strings.Cut(of(ctx).auth, " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", fault.New(fault.Denied, "token_missing",
			"this needs the token given at the creation; send it as Authorization: Bearer <token>")
	}
	return token, nil
}

// TokenInvalid is the Denied fault, answered with 401, for a token that is
// not the right one.
func TokenInvalid() error {
	return fault.New(fault.Denied, "token_invalid",
		"the token does not open this; send the one given at the creation")
}

// newRequest reads what the frame needs from r.
func newRequest(r *http.Request) *request {
	id := make([]byte, 12)
	rand.Read(id) // never fails (crypto/rand)
	q := &request{id: hex.EncodeToString(id), auth: r.Header.Get("Authorization")}
	if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		q.addr = from.Addr()
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 && len(r.TLS.PeerCertificates) > 0 {
		q.peer = r.TLS.PeerCertificates[0]
	}
	if q.lang = chosen(r); q.lang != "" {
		q.stated = true
		return q
	}
	q.lang = i18n.Persian
	if isAPI(r) {
		q.lang = i18n.English
	}
	return q
}

func isAPI(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/") }

const langCookie = "lang"

// chosen returns the language that the reader asked for, "" if none of ours:
// ?lang= before the cookie that remembers it before Accept-Language.
func chosen(r *http.Request) string {
	if l := asked(r); known(l) {
		return l
	}
	if c, err := r.Cookie(langCookie); err == nil && known(c.Value) {
		return c.Value
	}
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil || len(tags) == 0 {
		return ""
	}
	m := language.NewMatcher([]language.Tag{language.Persian, language.English})
	if _, i, c := m.Match(tags...); c >= language.High {
		return [...]string{i18n.Persian, i18n.English}[i]
	}
	return ""
}

// asked is what ?lang= says.
func asked(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return ""
	}
	return r.URL.Query().Get("lang")
}

func known(lang string) bool { return lang == i18n.Persian || lang == i18n.English }

// remember keeps the language chosen by ?lang= in a cookie.
func remember(c echo.Context) {
	r := c.Request()
	l := asked(r)
	if !known(l) || isAPI(r) {
		return
	}
	c.SetCookie(&http.Cookie{
		Name: langCookie, Value: l, Path: "/", MaxAge: 365 * 24 * 60 * 60,
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode,
	})
}

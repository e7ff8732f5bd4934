package web

import (
	"fmt"
	"strings"

	"github.com/labstack/echo/v4"
)

// policy lets a page load only from this origin, nothing inline, and be
// framed by nobody. Scripts, where a room has some, come from /static.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// header is a header's name in canonical form and its values. All answers
// share the values: Set and Add of http.Header leave them as they are.
type header struct {
	name   string
	values []string
}

// fixedHeaders are what every answer carries.
func fixedHeaders() []header {
	return []header{
		{"Content-Security-Policy", []string{policy + "; frame-ancestors 'none'"}},
		{"X-Content-Type-Options", []string{"nosniff"}},
		{"Referrer-Policy", []string{"same-origin"}},
		{"Cross-Origin-Opener-Policy", []string{"same-origin"}},
		{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
		{"Permissions-Policy", []string{"camera=(), geolocation=(), microphone=(), payment=(), usb=(), " +
			"publickey-credentials-create=(self), publickey-credentials-get=(self)"}},
		{"Cache-Control", []string{"no-store"}},
	}
}

// setHeaders sets what every answer carries. A handler may replace
// Cache-Control; the rest only through Embeddable and Framable.
func (f *face) setHeaders(c echo.Context) {
	h := c.Response().Header()
	for _, fixed := range f.fixed {
		h[fixed.name] = fixed.values
	}
	if f.hsts > 0 && c.Request().TLS != nil { // RFC 6797, 7.2: not over plain HTTP
		h.Set("Strict-Transport-Security", fmt.Sprintf("max-age=%d", int64(f.hsts.Seconds())))
	}
}

// Embeddable lets pages of other sites load this answer as an image: a
// badge's SVG. The answer itself, opened as a document, may load nothing.
func Embeddable(c echo.Context) {
	h := c.Response().Header()
	for _, fixed := range embeddable {
		h[fixed.name] = fixed.values
	}
}

var embeddable = []header{
	{"Cross-Origin-Resource-Policy", []string{"cross-origin"}},
	{"Content-Security-Policy", []string{"default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"}},
}

// Framable lets pages of the given origins ("https://shop.example"; none:
// any site) show this page in a frame. For public pages without forms only.
func Framable(c echo.Context, origins ...string) {
	ancestors := "*"
	if len(origins) > 0 {
		ancestors = strings.Join(origins, " ")
	}
	h := c.Response().Header()
	h.Set("Content-Security-Policy", strings.Replace(policy, "form-action 'self'", "form-action 'none'", 1)+"; frame-ancestors "+ancestors)
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
}

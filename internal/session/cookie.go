package session

import (
	"net/http"
	"strings"
	"unicode"
)

// cookieName has the prefix by which browsers see to it that no other host and
// no page over plain HTTP can set it (RFC 6265bis, 4.1.3.2).
const cookieName = "__Host-mohr-session"

// Cookie carries the token of a session. The browser ends it with its own
// session; the record ends it before.
func Cookie(token string) *http.Cookie {
	return &http.Cookie{Name: cookieName, Value: token, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// Gone takes the cookie out of the browser.
func Gone() *http.Cookie {
	c := Cookie("")
	c.MaxAge = -1
	return c
}

// Token returns the token that the browser sent, "" for none. Two are none:
// somebody put one beside ours.
func Token(r *http.Request) string {
	if all := r.CookiesNamed(cookieName); len(all) == 1 {
		return all[0].Value
	}
	return ""
}

// shorten keeps of what a browser says of itself what can be shown.
func shorten(device string) string {
	device = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, device)
	if len(device) > maxDevice {
		device = strings.ToValidUTF8(device[:maxDevice], "")
	}
	return device
}

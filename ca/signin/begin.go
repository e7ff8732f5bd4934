package signin

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"mohr/internal/fault"
	"mohr/internal/nonce"
)

const (
	// beginCookie ties what comes back from elsewhere to the browser that went
	// there: nobody can sign another in as himself.
	beginCookie = "__Host-mohr-begin"
	beginFor    = 10 * 60 // seconds; as long as a nonce is good
	maxBack     = 512     // octets of an address to go back to
	// Home is where one goes after signing in, if nowhere else.
	Home = "/my"
)

// errand is why a browser went elsewhere to show who sits before it.
type errand struct {
	Random  string  `json:"random"`
	To      string  `json:"to"`                // where it goes then
	Purpose Purpose `json:"purpose,omitempty"` // that is to be confirmed; "": to sign in
}

// newErrand returns an errand and its cookie.
func newErrand(to string, p Purpose) (*http.Cookie, error) {
	b, err := json.Marshal(errand{rand.Text(), Local(to), p})
	if err != nil {
		return nil, err
	}
	return &http.Cookie{Name: beginCookie, Value: base64.RawURLEncoding.EncodeToString(b), Path: "/", MaxAge: beginFor,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}, nil
}

// errandOf reads the errand of the browser that sent r, and its mark.
func errandOf(r *http.Request) (e errand, mark string, err error) {
	c, err := r.Cookie(beginCookie)
	if err != nil {
		return e, "", errOtherBrowser()
	}
	b, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || json.Unmarshal(b, &e) != nil || e.Random == "" {
		return e, "", errOtherBrowser()
	}
	e.To = Local(e.To)
	return e, markOf(c), nil
}

// markOf names an errand without giving its cookie away.
func markOf(c *http.Cookie) string {
	sum := sha256.Sum256([]byte(c.Value))
	return hex.EncodeToString(sum[:])
}

// errandDone takes the cookie out of the browser.
func errandDone() *http.Cookie {
	return &http.Cookie{Name: beginCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// errandNonce binds what comes back to the errand.
func errandNonce(way Way, mark string) nonce.Purpose {
	return nonce.Purpose("signin-" + string(way) + "/" + mark)
}

func errOtherBrowser() error {
	return fault.New(fault.Denied, "signin_other_browser", "this was not begun in this browser, took too long or was used before; begin again on the sign-in page")
}

// Local returns the address if it is one of this portal, path and query, else
// Home. Whatever a browser could take for another host, or for a script, is
// none of ours.
func Local(address string) string {
	clean := len(address) <= maxBack && strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//") &&
		!strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == '\\' || r >= 0x7f })
	if !clean {
		return Home
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || strings.HasPrefix(u.Path, "//") {
		return Home
	}
	return address
}

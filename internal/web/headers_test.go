package web_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"mohr/internal/web"
)

func TestEveryAnswerCarriesTheSecurityHeaders(t *testing.T) {
	r := newRoom(t, func(c *web.Config) { c.HSTS = 3600e9 })
	for _, path := range []string{"/", "/room", "/api/v1/things/none?from=1", "/nothing", "/panic", "/static/site.css", "/openapi.json", "/repository/pds-en"} {
		h := r.call("GET", "https://localhost:8443"+path, "").Header()
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: no %s in CSP %q", path, want, csp)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("%s: CSP %q", path, csp)
		}
		got := map[string]string{}
		for _, k := range []string{"X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Strict-Transport-Security"} {
			got[k] = h.Get(k)
		}
		want := map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": "max-age=3600"}
		if d := cmp.Diff(want, got); d != "" || h.Get("Permissions-Policy") == "" || h.Get("X-Request-Id") == "" {
			t.Errorf("%s: %s", path, d)
		}
	}
	if h := newRoom(t, nil).call("GET", "https://localhost:8443/", "").Header(); h.Get("Strict-Transport-Security") != "" {
		t.Error("HSTS without being asked for")
	}
}

func TestABadgeMayStandOnOtherSites(t *testing.T) {
	r := newRoom(t, nil)
	h := r.call("GET", "/badge.svg", "").Header()
	if h.Get("Cross-Origin-Resource-Policy") != "cross-origin" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("badge: %v", h)
	}
	if csp := r.call("GET", "/frame", "").Header().Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors *") || !strings.Contains(csp, "form-action 'none'") {
		t.Errorf("frame: %s", csp)
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	form := "Content-Type: application/x-www-form-urlencoded"
	for _, c := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"our own page", []string{"Sec-Fetch-Site: same-origin"}, 303},
		{"a program", nil, 303},
		{"our origin at the portal's name", []string{"Origin: https://localhost:8443"}, 303},
		{"another site", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"a site under the same domain", []string{"Sec-Fetch-Site: same-site", "Origin: https://shop.localhost"}, 403},
		{"an old browser on another site", []string{"Origin: https://evil.example"}, 403},
		{"a sandboxed page", []string{"Origin: null"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newRoom(t, nil).call("POST", "/room", "name=x", append(c.headers, form, "Accept: text/html")...)
			if w.Code != c.status {
				t.Errorf("status %d, want %d", w.Code, c.status)
			}
			if c.status == 403 && !strings.Contains(w.Body.String(), "cross_site") {
				t.Errorf("no page: %s", w.Body)
			}
		})
	}
}

// rawGet sends the path as it is, which Go's client would not.
func rawGet(t *testing.T, addr, path string) int {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestThePlainListenerRoutesPathsAsSent(t *testing.T) {
	e := web.NewPlain(web.Config{Portal: "https://localhost:8443"})
	var seen string
	e.GET("/ocsp/:issuer/*", func(c echo.Context) error {
		seen = c.Param("issuer") + " " + c.Request().URL.EscapedPath()
		return c.NoContent(200)
	})
	e.POST("/ocsp/:issuer", func(c echo.Context) error { return c.NoContent(200) })
	web.Repository(e)
	server := httptest.NewServer(e)
	defer server.Close()
	for _, path := range []string{
		"/ocsp/p256/MEIwQDA+MDww", "/ocsp/p256/MEIw//QDA==", "/ocsp/p256//MEIw", "/ocsp/p256/MEIw%2F%2FQDA%3D%3D",
		"/ocsp/p256/MEIw%2fQ%2BDA=", "/ocsp/p256/../MEIw", "/ocsp/p256/a/./b/",
	} {
		if status := rawGet(t, server.Listener.Addr().String(), path); status != 200 || seen != "p256 "+path {
			t.Errorf("%s: status %d, seen %q", path, status, seen)
		}
	}
	w := send(e, "POST", "/ocsp/p256", "x", "Sec-Fetch-Site: cross-site", "Origin: https://shop.example")
	if w.Code != 200 || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("a browser's OCSP request: %d", w.Code)
	}
	if w := send(e, "GET", "/repository/pds-en?lang=en", ""); w.Code != 200 || len(w.Result().Cookies()) != 0 || !strings.Contains(w.Body.String(), `href="https://localhost:8443/"`) {
		t.Errorf("repository: %d %v", w.Code, w.Header())
	}
	if p := problem(t, send(e, "GET", "/ocsp", "")); p.Code != "route_unknown" {
		t.Errorf("%+v", p)
	}
}

func TestThePeersCertificateIsThereOnlyIfItsChainWasChecked(t *testing.T) {
	r := newRoom(t, nil)
	var got *x509.Certificate
	r.Echo.GET("/peer", func(c echo.Context) error {
		got = web.PeerCertificate(c.Request().Context())
		return c.NoContent(200)
	})
	cert := &x509.Certificate{Raw: []byte{1}}
	for _, c := range []struct {
		name  string
		state *tls.ConnectionState
		want  *x509.Certificate
	}{
		{"no TLS", nil, nil},
		{"no certificate", &tls.ConnectionState{}, nil},
		{"asked for, not checked", &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}, nil},
		{"checked", &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}, VerifiedChains: [][]*x509.Certificate{{cert}}}, cert},
	} {
		req := httptest.NewRequest("GET", "/peer", nil)
		req.TLS = c.state
		r.Handler().ServeHTTP(httptest.NewRecorder(), req)
		if got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestTheClientsAddressIsNotWhatAHeaderSays(t *testing.T) {
	r := newRoom(t, nil)
	var ip string
	r.Echo.GET("/ip", func(c echo.Context) error { ip = c.RealIP(); return c.NoContent(200) })
	r.call("GET", "/ip", "", "X-Forwarded-For: 10.0.0.1", "X-Real-Ip: 10.0.0.2")
	if ip != "192.0.2.1" {
		t.Errorf("believed %s", ip)
	}
}

func TestHeadIsAnsweredAsGetWithoutABody(t *testing.T) {
	r := newRoom(t, nil)
	server := httptest.NewServer(r.Handler())
	defer server.Close()
	for path, status := range map[string]int{"/room": 200, "/": 200, "/static/site.css": 200, "/api/v1/things/none?from=1": 404, "/nothing": 404, "/panic": 500} {
		resp, err := server.Client().Head(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != status || resp.Header.Get("Content-Type") == "" || resp.Header.Get("Allow") != "" {
			t.Errorf("%s: %d %v", path, resp.StatusCode, resp.Header)
		}
	}
}

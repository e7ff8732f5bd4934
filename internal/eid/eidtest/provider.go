// Package eidtest is an eID provider for tests: a real one, on a loopback port.
//
// The protocol is zitadel/oidc's. A test says who can log in, and may forge
// the ID tokens that leave, change keys, and have the provider fall silent.
package eidtest

import (
	"bytes"
	"crypto"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// The one client of a Provider.
const (
	ClientID = "mohr"
	Secret   = "s3cret/with+signs&more%"
)

// Person is who can log in, with a user name alone.
type Person struct {
	ACR    string
	Claims map[string]any // of the ID token, beside the protocol's
}

// Setup is what a test may change of a Provider, at any time.
type Setup struct {
	Redirect string            // where the client is sent back to
	People   map[string]Person // by user name
	// Forge gets the claims of each ID token and returns the token that
	// leaves; nil: as it was made.
	Forge func(claims map[string]any) string
	// Before is asked before each request; what it answers itself is not
	// passed on. nil: nothing.
	Before func(w http.ResponseWriter, r *http.Request) (answered bool)
	// Names has answers carry the issuer (RFC 9207).
	Names bool
	// ClientKey is the client's, if it proves itself with assertions.
	ClientKey crypto.PublicKey
}

// Provider is an eID provider. It is safe for concurrent use.
type Provider struct {
	URL  string // issuer
	Root string // file with the certificate that it shows

	t      testing.TB
	server *httptest.Server
	op     *op.Provider

	mu       sync.Mutex
	setup    Setup          // guarded by mu
	asked    map[string]int // path -> requests; guarded by mu
	keys     []signingKey   // the last one signs; guarded by mu
	requests map[string]*authRequest
	codes    map[string]string // code -> id of the request
}

// New starts a provider whose client is sent back to redirect.
func New(t testing.TB, redirect string) *Provider {
	t.Helper()
	p := &Provider{
		t: t, setup: Setup{Redirect: redirect, People: map[string]Person{}}, asked: map[string]int{}, requests: map[string]*authRequest{}, codes: map[string]string{},
		Root: filepath.Join(t.TempDir(), "root.pem"),
	}
	p.Rotate()
	p.server = httptest.NewTLSServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.server.Close)
	p.URL = p.server.URL
	var err error
	p.op, err = op.NewProvider(&op.Config{CodeMethodS256: true, AuthMethodPrivateKeyJWT: true}, storage{p}, op.StaticIssuer(p.URL))
	if err != nil {
		t.Fatal(err)
	}
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})
	if err := os.WriteFile(p.Root, root, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// Set changes the provider.
func (p *Provider) Set(change func(*Setup)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.setup.People = maps.Clone(p.setup.People)
	change(&p.setup)
}

// is returns the provider as it is now.
func (p *Provider) is() Setup {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.setup
}

// Asked returns how often a path was asked: "/oauth/token", "/keys".
func (p *Provider) Asked(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

// SecretFile returns a file with the client's secret.
func (p *Provider) SecretFile() string {
	p.t.Helper()
	file := filepath.Join(p.t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(Secret+"\n"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return file
}

func (p *Provider) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.URL.Path]++
	is := p.setup
	p.mu.Unlock()
	if is.Before != nil && is.Before(w, r) {
		return
	}
	if r.URL.Path == "/login" {
		p.login(w, r)
		return
	}
	kept := httptest.NewRecorder()
	p.op.ServeHTTP(kept, r)
	body := kept.Body.Bytes()
	switch {
	case r.URL.Path == "/oauth/token" && kept.Code == http.StatusOK && is.Forge != nil:
		body = p.forge(body, is.Forge)
	case r.URL.Path == oidc.DiscoveryEndpoint && is.Names:
		body = change(p.t, body, func(m map[string]any) { m["authorization_response_iss_parameter_supported"] = true })
	}
	for name, values := range kept.Header() {
		w.Header()[name] = values
	}
	if to := kept.Header().Get("Location"); is.Names && strings.HasPrefix(to, is.Redirect+"?") {
		w.Header().Set("Location", to+"&iss="+url.QueryEscape(p.URL))
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(kept.Code)
	w.Write(body)
}

func change(t testing.TB, body []byte, edit func(map[string]any)) []byte {
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		t.Errorf("eidtest: %v", err)
		return body
	}
	edit(m)
	b, err := json.Marshal(m)
	if err != nil {
		t.Errorf("eidtest: %v", err)
	}
	return b
}

// login is the provider's page: a name, or a no.
func (p *Provider) login(w http.ResponseWriter, r *http.Request) {
	id := r.FormValue("id")
	p.mu.Lock()
	request, ok := p.requests[id]
	p.mu.Unlock()
	if !ok {
		http.Error(w, "no such request", http.StatusBadRequest)
		return
	}
	if r.Method == http.MethodGet {
		fmt.Fprintf(w, `<form method="post" action="/login"><input type="hidden" name="id" value="%s"><input name="user"><button>Log in</button></form>`, id)
		return
	}
	user := r.FormValue("user")
	if _, known := p.is().People[user]; !known {
		op.AuthRequestError(w, r, request, oidc.ErrAccessDenied(), p.op)
		return
	}
	p.mu.Lock()
	request.user, request.done, request.authTime = user, true, time.Now()
	p.mu.Unlock()
	http.Redirect(w, r, op.AuthCallbackURL(p.op)(op.ContextWithIssuer(r.Context(), p.URL), id), http.StatusFound)
}

var formID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// LogIn does what a person with a browser does: it goes to the address, logs
// in as user ("": says no), and returns where the provider sends it back to,
// without going there.
func (p *Provider) LogIn(address, user string) *url.URL {
	p.t.Helper()
	client := &http.Client{Transport: p.server.Client().Transport, CheckRedirect: func(next *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(next.URL.String(), p.URL+"/") {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page, err := client.Get(address)
	if err != nil {
		p.t.Fatal(err)
	}
	defer page.Body.Close()
	if back := p.sentBack(page); back != nil {
		return back
	}
	b, _ := io.ReadAll(page.Body)
	id := formID.FindSubmatch(b)
	if id == nil {
		p.t.Fatalf("no page to log in at %s: %d %s", address, page.StatusCode, b)
	}
	end, err := client.PostForm(p.URL+"/login", url.Values{"id": {string(id[1])}, "user": {user}})
	if err != nil {
		p.t.Fatal(err)
	}
	defer end.Body.Close()
	back := p.sentBack(end)
	if back == nil {
		b, _ := io.ReadAll(end.Body)
		p.t.Fatalf("the provider sends nobody back: %d %s", end.StatusCode, bytes.TrimSpace(b))
	}
	return back
}

// sentBack returns where a redirect to the client leads, nil if it is none.
func (p *Provider) sentBack(r *http.Response) *url.URL {
	to, err := r.Location()
	if err != nil || !strings.HasPrefix(to.String(), p.is().Redirect) {
		return nil
	}
	return to
}

package main

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"mohr/internal/browser"
	"mohr/internal/web"
)

// visits are the pages that there are, and those that tests held against what
// every page promises.
type visits struct {
	mu     sync.Mutex
	routes []web.Route                // guarded by mu
	seen   map[string]map[string]bool // by route and language; guarded by mu
}

// visited is filled while tests run; TestMain asks what is missing.
var visited = visits{seen: map[string]map[string]bool{}}

// offer says which routes there are.
func (v *visits) offer(routes []web.Route) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.routes = routes
}

// note counts a page that was shown as it should be.
func (v *visits) note(s browser.Sight) {
	v.mu.Lock()
	defer v.mu.Unlock()
	route := routeOf(v.routes, s.Path)
	if s.Status != http.StatusOK || route == "" {
		return
	}
	if v.seen[route] == nil {
		v.seen[route] = map[string]bool{}
	}
	v.seen[route][s.Lang] = true
}

// missing lists the pages that were not looked at in both languages; none where
// there is no browser.
func (v *visits) missing() (list []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.seen) == 0 {
		return nil
	}
	for _, r := range v.routes {
		if r.Method != http.MethodGet || noPage.MatchString(r.Path) {
			continue
		}
		for _, lang := range []string{"en", "fa"} {
			if !v.seen[r.Path][lang] {
				list = append(list, r.Path+" in "+lang)
			}
		}
	}
	return list
}

// noPage are the routes that answer with something else than a page: programs'
// doors, files, pictures, and redirections.
var noPage = regexp.MustCompile(`^/(api|acme|cmp|scep|static|\.well-known|openapi.*|calendar|vendors?)(/|$)` +
	`|^/(log|log/|log/(checkpoint|tile/\*|proof/:id|consistency/:size))$` + // for programs
	`|^/open/.|\.(pem|json|txt|svg|csv|pdf|crl|crt)$|/(progress|nonce|eid)$` +
	`|^/badge/(status/:list/:purpose|:name/frame)$|^/complaints/qr/:|/pictures/:|/eid/callback$|^/signin/certificate|^/csc/v2/oauth2/authorize$`)

// routeOf is the route that answers to the path, "" if none does: the one with
// the fewest parts that could be anything.
func routeOf(routes []web.Route, path string) (best string) {
	parts, fewest := strings.Split(path, "/"), 0
	for _, r := range routes {
		pattern := strings.Split(r.Path, "/")
		if r.Method != http.MethodGet || len(pattern) != len(parts) {
			continue
		}
		free := 0
		fits := !slices.ContainsFunc(pattern, func(p string) bool { return p == "*" })
		for i, p := range pattern {
			if strings.HasPrefix(p, ":") && parts[i] != "" {
				free++
			} else if p != parts[i] {
				fits = false
			}
		}
		if fits && (best == "" || free < fewest) {
			best, fewest = r.Path, free
		}
	}
	return best
}

// TestAPageThatNoTestLookedAtIsMissed is about the list that TestMain asks for
// when all tests have run.
func TestAPageThatNoTestLookedAtIsMissed(t *testing.T) {
	t.Parallel()
	var routes []web.Route
	for _, path := range []string{"/a", "/a/new", "/a/:id", "/api/v1/a", "/a/:id/certificate.pem"} {
		routes = append(routes, web.Route{Method: http.MethodGet, Path: path})
	}
	routes = append(routes, web.Route{Method: http.MethodPost, Path: "/a/:id/end"})
	v := visits{routes: routes, seen: map[string]map[string]bool{}}
	if list := v.missing(); list != nil {
		t.Errorf("without a browser: %q", list)
	}
	for _, s := range []browser.Sight{
		{Path: "/a", Lang: "fa", Status: 200}, {Path: "/a", Lang: "en", Status: 200}, {Path: "/a/new", Lang: "fa", Status: 200},
		{Path: "/a/7", Lang: "en", Status: 200}, {Path: "/a/7", Lang: "fa", Status: 404}, {Path: "/a/7/end", Lang: "fa", Status: 200},
	} {
		v.note(s)
	}
	if list := v.missing(); !slices.Equal(list, []string{"/a/new in en", "/a/:id in fa"}) {
		t.Errorf("missing: %q", list)
	}
}

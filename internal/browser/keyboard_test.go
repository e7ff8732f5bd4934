package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"mohr/internal/browser"
)

// listener is a test that only notes what would fail it.
type listener struct {
	testing.TB
	said []string
}

func (l *listener) Errorf(format string, args ...any) {
	l.said = append(l.said, fmt.Sprintf(format, args...))
}

func TestAWalkByKeysFindsTrapsAndHiddenStops(t *testing.T) {
	mux := http.NewServeMux()
	for path, page := range map[string]string{
		"/good":      `<a href="/">One</a><details><summary>More</summary><a href="/">Two</a></details><label><input type="radio" name="r">x</label><label><input type="radio" name="r" checked>y</label>`,
		"/trap":      `<a href="/">One</a><input id="i"><a href="/">Two</a><script>i.onkeydown = e => e.preventDefault()</script>`,
		"/unseen":    `<style>a.x:focus { outline: none }</style><a href="/">One</a><a class="x" href="/">Two</a>`,
		"/outside":   `<a href="/" style="position:absolute;left:-100px;width:50px">One</a>`,
		"/enter":     `<a href="#i">To the field</a><form action="/sent"><input id="i" name="i"></form>`,
		"/sent":      `<p>Sent</p>`,
		"/behind":    `<a href="/">One</a><div style="position:fixed;inset:0;background:#fff"></div>`,
		"/no-size":   `<a href="/"></a>`,
		"/too-thin":  `<style>a:focus-visible { outline: 1px solid }</style><a href="/">One</a>`,
		"/many":      `<a href="/">One</a><a href="/">Two</a><a href="/">Three</a>`,
		"/text-area": `<textarea></textarea><select><option>x</select>`,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `<!doctype html><html lang="en"><title>Keys</title><style>:focus-visible { outline: 3px solid }</style>`+page)
		})
	}
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	l := &listener{TB: t}
	tab := browser.Start(t).Tab(l, browser.Look{})
	for path, want := range map[string]string{
		"/good": "", "/many": "", "/text-area": "",
		"/trap": "comes to 2 of 3", "/unseen": "no outline", "/outside": "outside the window", "/behind": "is behind", "/no-size": "no size", "/too-thin": "no outline",
	} {
		l.said = nil
		tab.Go(server.URL + path)
		tab.WalkRound()
		if said := strings.Join(l.said, "\n"); want == "" && said != "" || !strings.Contains(said, want) {
			t.Errorf("%s: %q, want %q", path, said, want)
		}
	}
	tab.Go(server.URL + "/enter")
	tab.TabTo("a")
	tab.Press(kb.Enter)
	tab.WaitFocus("#i")
	tab.Press("x")
	if !strings.HasSuffix(tab.URL(), "#i") {
		t.Errorf("the Enter that led to the field sent its form: %s", tab.URL())
	}
}
